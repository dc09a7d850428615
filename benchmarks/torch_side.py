"""PyTorch's side of the benchmarks: a process that answers one JSON request a line, under the Python of the same torch.

The sheets' own code in eager mode; the same mathematics in the form that PyTorch runs fastest, in place, without a
tensor of A's size made in an epoch (a third of the processor time; torch.compile, which takes a minute before the first
epoch, lies between the two); and alternating least squares by batched solves, which the sheets do not have and which is
the method to beat on ratings that fit in memory. Every answer carries the figure that shows that the timed code did its
work. What gpu.py times too takes a device in its request.
"""

import csv
import json
import sys
import time

import torch
from torch.nn.functional import cross_entropy, mse_loss

loaded = {}


def triples(path):
    """Entries in a file of float32 (row, column, rating): rows, columns (int64), ratings."""
    entries = torch.from_file(path, dtype=torch.float32, size=_size(path) // 4).view(-1, 3)
    return entries[:, 0].long(), entries[:, 1].long(), entries[:, 2].contiguous()


def _size(path):
    with open(path, "rb") as file:
        return file.seek(0, 2)


def dense(path, shape, device="cpu"):
    """The ratings as the sheets have them: A with 0 where not rated, and the mask as float32. The last is kept."""
    if (path, device) not in loaded:
        loaded.clear()
        rows, columns, ratings = triples(path)
        A = torch.zeros(shape)
        A[rows, columns] = ratings
        A = A.to(device)
        loaded[path, device] = A, (A > 0).float()
    return loaded[path, device]


def start(shape, rank, seed=0):
    """Factors uniform on [0, 1), U first, as the sheets start."""
    torch.manual_seed(seed)
    return torch.rand(shape[0], rank), torch.rand(shape[1], rank)


def start_ratings(shape, rank, device="cpu", seed=0):
    """The same on [0, s), with s such that a product is 3.6, ratings' mean, on average: as bench_factorise starts. The
    same numbers on every device."""
    U, V = start(shape, rank, seed)
    scale = (4 * 3.6 / rank) ** 0.5
    return (U * scale).to(device), (V * scale).to(device)


def settle(device):
    """Waits for a GPU, so that a clock may be read."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def timed_epochs(step, seconds):
    """Milliseconds a step: one to warm up, then steps until the time is spent, three at least."""
    step()
    begin, done = time.perf_counter(), 0
    while done < 3 or time.perf_counter() - begin < seconds:
        step()
        done += 1
    return 1e3 * (time.perf_counter() - begin) / done


def masked_step(A, M, U, V, lr):
    """An epoch of lab 1's gd_factorise_masked."""
    err = (A - U @ V.T) * M
    U += (lr * err) @ V
    V += (lr * err.T) @ U


def masked_step_in_place(A, M, U, V, lr, err):
    """The same epoch; err is a tensor of A's shape that is overwritten."""
    torch.addmm(A, U, V.T, alpha=-1, out=err)
    err.mul_(M)
    U.addmm_(err, V, alpha=lr)
    V.addmm_(err.T, U, alpha=lr)


@torch.no_grad()
def full_batch(request):
    A, M = dense(request["problem"], request["shape"])
    U, V = start_ratings(request["shape"], request["rank"])
    err = torch.empty_like(A)
    steps = {"sheet": lambda: masked_step(A, M, U, V, 1e-6),
             "in place": lambda: masked_step_in_place(A, M, U, V, 1e-6, err)}
    before = float((((A - U @ V.T) * M) ** 2).sum())
    ms = timed_epochs(steps[request["form"]], request.get("seconds", 0.3))
    return {"ms": ms, "sse": float((((A - U @ V.T) * M) ** 2).sum()), "sse_before": before}


def squared_loss(A, U, V):
    return mse_loss(U @ V.T, A, reduction="sum")


def descend(A, U, V, lr, loss_of=squared_loss):
    """An epoch of lab 2's gd_factorise_ad."""
    loss = loss_of(A, U, V)
    loss.backward()
    with torch.no_grad():
        for factor in (U, V):
            factor -= lr * factor.grad
            factor.grad = None
    return loss


@torch.no_grad()
def dense_step_in_place(A, U, V, lr, err):
    """The same epoch with the gradients written out, 2 (U Vᵀ - A) V and 2 (U Vᵀ - A)ᵀ U, and without autograd; err is a
    tensor of A's shape that is overwritten."""
    torch.addmm(A, U, V.T, beta=-1, out=err)
    step_U = err @ V
    V.addmm_(err.T, U, alpha=-2 * lr)
    U.sub_(step_U, alpha=2 * lr)


def by_hand(request):
    """An epoch of `autograd`, written out."""
    A, _ = dense(request["problem"], request["shape"])
    U, V = start_ratings(request["shape"], request["rank"])
    err = torch.empty_like(A)
    before = float(squared_loss(A, U, V))
    ms = timed_epochs(lambda: dense_step_in_place(A, U, V, 1e-6, err), request.get("seconds", 0.3))
    return {"ms": ms, "sse": float(squared_loss(A, U, V)), "sse_before": before}


def autograd(request):
    """Forward, backward and step on a dense matrix."""
    A, _ = dense(request["problem"], request["shape"])
    U, V = (factor.requires_grad_() for factor in start_ratings(request["shape"], request["rank"]))
    losses = []
    ms = timed_epochs(lambda: losses.append(descend(A, U, V, 1e-6)), request.get("seconds", 0.3))
    return {"ms": ms, "sse": float(losses[-1]), "sse_before": float(losses[0])}


def iris(path):
    with open(path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    X = torch.tensor([[float(x) for x in row[:4]] for row in rows])
    species = sorted({row[4] for row in rows})
    return X, torch.tensor([species.index(row[4]) for row in rows])


def iris_autograd(request):
    """Lab 2, 1.2: 1000 epochs at lr 0.01 on the centred columns."""
    X, _ = iris(request["iris"])
    A = X - X.mean(0)
    U, V = (factor.requires_grad_() for factor in start(A.shape, 2))
    begin = time.perf_counter()
    for _ in range(request["epochs"]):
        descend(A, U, V, 0.01)
    ms = 1e3 * (time.perf_counter() - begin)
    return {"ms": ms, "sse": float(((U @ V.T - A) ** 2).sum())}


def small_sgd(request):
    """Lab 1, 1.1: 1000 epochs at lr 0.01, entry by entry in Python."""
    A = torch.tensor([[0.3374, 0.6005, 0.1735], [3.3359, 0.0492, 1.8374], [2.9407, 0.5301, 2.2620]])
    U, V = start(A.shape, 2)
    lr = 0.01
    begin = time.perf_counter()
    for _ in range(request["epochs"]):
        for r in range(3):
            for c in range(3):
                e = A[r, c] - U[r] @ V[c]
                U[r] = U[r] + lr * e * V[c]
                V[c] = V[c] + lr * e * U[r]
    ms = 1e3 * (time.perf_counter() - begin)
    return {"ms": ms, "sse": float(((U @ V.T - A) ** 2).sum())}


def mlp(request):
    """Lab 2, 2.1 and 2.2: one seed of the sheet's MLP, split, 100 epochs of all rows, both accuracies."""
    X, y = iris(request["iris"])
    accuracies = []
    begin = time.perf_counter()
    for seed in range(request["seeds"]):
        torch.manual_seed(seed)
        order = torch.randperm(len(X))
        x = ((X - X.mean(0)) / X.var(0))[order]
        t = y[order]
        weights = [torch.randn(4, 12), torch.zeros(1), torch.randn(12, 3), torch.zeros(1)]
        W1, b1, W2, b2 = (w.requires_grad_() for w in weights)
        for _ in range(100):
            loss = cross_entropy(torch.relu(x[:100] @ W1 + b1) @ W2 + b2, t[:100])
            loss.backward()
            with torch.no_grad():
                for w in (W1, b1, W2, b2):
                    w -= 0.01 * w.grad
                    w.grad = None
        with torch.no_grad():
            right = (torch.relu(x @ W1 + b1) @ W2 + b2).argmax(1) == t
            accuracies.append((float(right[:100].float().mean()), float(right[100:].float().mean())))
    ms = 1e3 * (time.perf_counter() - begin) / request["seeds"]
    return {"ms": ms, "accuracy": sum(a for a, _ in accuracies) / len(accuracies)}


def split(request):
    """Writes ratings (a .pt matrix, or MovieLens' u.data) as two files of entries: training, and a share held out."""
    if request["ratings"].endswith(".pt"):
        A = torch.load(request["ratings"], weights_only=True)
        rows, columns = A.nonzero(as_tuple=True)
        ratings, shape = A[rows, columns].float(), list(A.shape)
    else:
        with open(request["ratings"]) as file:
            lines = torch.tensor([[int(x) for x in line.split()[:3]] for line in file])
        # Movies are rows and users columns, as in the labs.
        rows, columns, ratings = lines[:, 1] - 1, lines[:, 0] - 1, lines[:, 2].float()
        shape = [int(rows.max()) + 1, int(columns.max()) + 1]
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(request["seed"]))
    held = torch.zeros(len(rows), dtype=torch.bool)
    held[order[: round(request["share"] * len(rows))]] = True
    entries = torch.stack([rows.float(), columns.float(), ratings], 1)
    # Training goes row by row, left to right: the order that the exact algorithm visits.
    by_place = torch.argsort(rows * shape[1] + columns)
    entries, held = entries[by_place], held[by_place]
    entries[~held].numpy().tofile(request["train"])
    entries[held].numpy().tofile(request["holdout"])
    return {"shape": shape, "train": int((~held).sum()), "holdout": int(held.sum())}


class Judge:
    """Training SSE and hold-out RMSE of factors, outside the clock."""

    def __init__(self, request):
        device = request.get("device", "cpu")
        self.train, self.holdout = ([part.to(device) for part in triples(request[name])]
                                    for name in ("problem", "holdout"))

    def point(self, epoch, seconds, U, V):
        def sse(entries):
            rows, columns, ratings = entries
            return float(((ratings - (U[rows] * V[columns]).sum(1)) ** 2).sum(dtype=torch.float64))

        rmse = (sse(self.holdout) / len(self.holdout[0])) ** 0.5
        return {"epoch": epoch, "seconds": seconds, "sse": sse(self.train), "rmse": rmse}


def run_curve(request, U, V, advance):
    """advance(U, V, first, last) runs the epochs after `first` up to `last`, and says False where they diverge. It goes
    from look to look, after epochs 1, 2, 3, ... and then ever more rarely, until the time or the epochs are spent."""
    judge = Judge(request)
    points, seconds, epoch = [], 0.0, 0
    if U.is_cuda:  # whatever is called there for the first time has to be loaded
        advance(U.clone(), V.clone(), 0, 1)
    while seconds < request["seconds"] and epoch < request["epochs"]:
        look = min(max(epoch + 1, round(epoch * 1.15)), request["epochs"])
        settle(U.device)
        begin = time.perf_counter()
        if advance(U, V, epoch, look) is False:
            break
        settle(U.device)
        seconds += time.perf_counter() - begin
        epoch = look
        point = judge.point(epoch, seconds, U, V)
        if not point["sse"] < float("inf"):
            break
        points.append(point)
    return {"points": points}


def stepwise(step):
    """run_curve's advance for what goes epoch by epoch."""
    def advance(U, V, first, last):
        for _ in range(first, last):
            step(U, V)

    return advance


def descent_curve(request):
    begin, device = time.perf_counter(), request.get("device", "cpu")
    A, M = dense(request["problem"], request["shape"], device)
    settle(device)
    setup = time.perf_counter() - begin
    U, V = start_ratings(request["shape"], request["rank"], device)
    err = torch.empty_like(A)
    step = stepwise(lambda U, V: masked_step_in_place(A, M, U, V, request["lr"], err))
    return run_curve(request, U, V, step) | {"setup_seconds": setup}


class LeastSquares:
    """Alternating least squares: Zhou, Wilkinson, Schreiber, Pan, "Large-scale parallel collaborative filtering for the
    Netflix Prize", AAIM 2008. With V fixed, row r of U solves (Σ v vᵀ + λ n_r I) u = Σ a v over its n_r ratings. The
    sums of all rows are one product of the mask with the columns' v vᵀ (upper triangles), their solves one batched
    Cholesky."""

    def __init__(self, A, M, rank, regularisation):
        self.A, self.M, self.rank, self.regularisation = A, M, rank, regularisation
        self.upper = torch.triu_indices(rank, rank)
        self.counts = M.sum(1), M.sum(0)

    def solve(self, A, M, counts, fixed):
        i, j = self.upper
        sums = M @ (fixed[:, i] * fixed[:, j])
        normal = sums.new_empty(len(sums), self.rank, self.rank)
        normal[:, i, j] = sums
        normal[:, j, i] = sums
        diagonal = self.regularisation * counts + 1e-6
        normal.diagonal(dim1=1, dim2=2).add_(diagonal[:, None])
        return torch.cholesky_solve((A @ fixed)[:, :, None], torch.linalg.cholesky(normal)).squeeze(2)

    def sweep(self, U, V):
        U.copy_(self.solve(self.A, self.M, self.counts[0], V))
        V.copy_(self.solve(self.A.T, self.M.T, self.counts[1], U))


def als_curve(request):
    begin, device = time.perf_counter(), request.get("device", "cpu")
    A, M = dense(request["problem"], request["shape"], device)
    least_squares = LeastSquares(A, M, request["rank"], request["regularisation"])
    settle(device)
    setup = time.perf_counter() - begin
    U, V = start_ratings(request["shape"], request["rank"], device)
    return run_curve(request, U, V, stepwise(least_squares.sweep)) | {"setup_seconds": setup}


def versions(_):
    return {"torch": torch.__version__, "python": sys.version.split()[0], "threads": torch.get_num_threads(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "blas": "MKL" if torch.backends.mkl.is_available() else "its own BLAS"}


ANSWERS = {f.__name__: f for f in (full_batch, by_hand, autograd, iris_autograd, small_sgd, mlp, split, descent_curve,
                                   als_curve, versions)}


def serve():
    for line in sys.stdin:
        wanted = json.loads(line)
        torch.set_num_threads(wanted.get("threads", torch.get_num_threads()))
        try:
            reply = ANSWERS[wanted["do"]](wanted)
        except Exception as error:
            reply = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    serve()
