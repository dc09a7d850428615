"""Writes the recorded trajectories that the C++ library is compared with.

The functions are the lab sheets' Python, written out plainly, those of the package's tests among them
(python/tests/sheets.py); only dtype and the seed are passed in. Run anew on the torch that is tested, they must be
equal bit for bit; the copies in this folder, written elsewhere, to a tolerance.

    python3 write_golden.py FOLDER        exits with 77 (skip) where torch cannot be imported
"""
import math
import sys
from pathlib import Path

try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(f"skipped: this python3 has no torch ({error})")
    sys.exit(77)

sys.path.append(str(Path(__file__).resolve().parents[2] / "python" / "tests"))
from sheets import gd_factorise_ad, gd_factorise_masked, sgd_factorise, sgd_factorise_masked

LAB1 = [[0.3374, 0.6005, 0.1735], [3.3359, 0.0492, 1.8374], [2.9407, 0.5301, 2.2620]]


def sgd_with_decay(A, M, rank, num_epochs, lr, weight_decay, lr_decay):
    m, n = A.shape
    U, V = torch.rand(m, rank, dtype=A.dtype), torch.rand(n, rank, dtype=A.dtype)
    for _ in range(num_epochs):
        shrink = 1 - lr * weight_decay
        for r in range(m):
            for c in range(n):
                if M[r, c] == 1:
                    e = A[r, c] - U[r] @ V[c]
                    U[r] = shrink * U[r] + lr * e * V[c]
                    V[c] = shrink * V[c] + lr * e * U[r]
        lr = lr * lr_decay
    return U, V


def mlp(X, y, variant, num_epochs=100, lr=0.01, hidden=12, classes=3, train=100):
    order = torch.randperm(len(X))
    X, y = X[order], y[order]
    X = (X - X.mean(0)) / X.var(0)
    weights = []
    for fan_in, fan_out in ((X.shape[1], hidden), (hidden, classes)):
        weight = torch.randn(fan_in, fan_out, dtype=X.dtype)
        if variant == "xavier":
            scale = 1 / math.sqrt(fan_in)
            weights += [weight * scale, torch.randn(fan_out, dtype=X.dtype) * scale]
        else:
            weights += [weight, torch.zeros(() if variant == "scalar_biases" else fan_out, dtype=X.dtype)]
    W1, b1, W2, b2 = (weight.requires_grad_() for weight in weights)
    batch = 16 if variant == "xavier" else train
    for _ in range(num_epochs):
        for begin in range(0, train, batch):
            rows = slice(begin, min(begin + batch, train))
            F.cross_entropy(torch.relu(X[rows] @ W1 + b1) @ W2 + b2, y[rows]).backward()
            for weight in (W1, b1, W2, b2):
                weight.data -= lr * weight.grad
                weight.grad = None
    right = (torch.relu(X @ W1 + b1) @ W2 + b2).argmax(1) == y
    return W1.data, b1.data, W2.data, b2.data, right[:train].double().mean(), right[train:].double().mean()


def iris(dtype):
    rows = (Path(__file__).resolve().parents[2] / "data" / "iris.csv").read_text().splitlines()[1:]
    species = sorted({row.split(",")[4] for row in rows})
    X = torch.tensor([[float(x) for x in row.split(",")[:4]] for row in rows], dtype=torch.float64)
    return X.to(dtype), torch.tensor([species.index(row.split(",")[4]) for row in rows])


def ratings_like(dtype, m=30, n=50):
    """A small ratings matrix, 0 where not observed, and its mask."""
    generator = torch.Generator().manual_seed(1)
    A = torch.randint(1, 6, (m, n), generator=generator).to(dtype)
    M = (torch.rand(m, n, generator=generator) < 0.35).to(dtype)
    return A * M, M


def trajectories(dtype, seed):
    """(name, tensors) of every function at one seed; every call is reseeded."""
    A = torch.tensor(LAB1, dtype=dtype)
    M = torch.ones_like(A)
    M[1, 0] = M[2, 1] = 0
    R, observed = ratings_like(dtype)
    X, y = iris(dtype)
    centred = X - X.mean(0)
    calls = {
        "sgd_factorise": lambda: sgd_factorise(A, 2),
        "sgd_factorise_masked": lambda: sgd_factorise_masked(A, M, 2),
        "sgd_ratings": lambda: sgd_factorise_masked(R, observed, 5, num_epochs=3),
        "sgd_ratings_rank9": lambda: sgd_factorise_masked(R, observed, 9, num_epochs=2, lr=0.005),
        "sgd_decay": lambda: sgd_with_decay(R, observed, 4, 3, 0.01, 0.1, 0.9),
        "gd_factorise_masked": lambda: gd_factorise_masked(R, observed, 5, num_epochs=200, lr=1e-3),
        "gd_factorise_ad": lambda: gd_factorise_ad(centred, 2),
        "gd_factorise_ad_rank4": lambda: gd_factorise_ad(centred, 4, num_epochs=300),
        "gd_factorise_ad_norm": lambda: gd_factorise_ad(centred, 2, norm=True),
        "mlp_scalar_biases": lambda: mlp(X, y, "scalar_biases"),
        "mlp_vector_biases": lambda: mlp(X, y, "vector_biases", lr=0.1),
        "mlp_xavier": lambda: mlp(X, y, "xavier", num_epochs=20),
    }
    for name, call in calls.items():
        torch.manual_seed(seed)
        yield name, call()


def main(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for dtype, label in ((torch.float32, "float32"), (torch.float64, "float64")):
        R, observed = ratings_like(dtype)
        for seed in (0, 1, 2):
            entries = {"ratings": R, "observed": observed}
            for name, tensors in trajectories(dtype, seed):
                entries.update({f"{name}.{i}": tensor.clone() for i, tensor in enumerate(tensors)})
            torch.save(entries, folder / f"golden_{label}_{seed}.pt")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 write_golden.py FOLDER")
    main(sys.argv[1])
