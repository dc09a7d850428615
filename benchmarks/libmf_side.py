"""LIBMF's side of the benchmarks: a process that answers one JSON request a line, under the bench environment's Python.

LIBMF (Chin, Yuan, Zhuang, Juan, Lin, "LIBMF: A library for parallel matrix factorization in shared-memory systems",
JMLR 17, 2016): its own sources, which PyPI's sdist has, as ./labs bench built them; .venv-bench/libmf-build holds the
flags. It times nothing itself, and a fit cannot be continued, so an epoch's time is the
difference between two fits of different lengths, and every point of a curve is a fit of its own.
"""

import json
import os
import select
import signal
import sys
import time

# The package prints to stdout when it is imported; the answers keep a stdout of their own.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import numpy as np  # noqa: E402

try:
    from libmf import mf
except Exception as error:  # no compiler, no network, another Python: the table says so
    mf = None
    why_not = f"{type(error).__name__}: {error}"

PATIENCE = 20  # seconds for one fit
ATTEMPTS = 3
problems = {}


def triples(path):
    """Rows of (row, column, rating), float32, as bench_factorise writes them; kept, as several fits share them."""
    if path not in problems:
        problems.clear()
        problems[path] = np.fromfile(path, dtype=np.float32).reshape(-1, 3)
    return problems[path]


def predictions(model, entries):
    """U Vᵀ at the entries; LIBMF's factors are NaN where training saw nothing, its answer there is the mean. Not by the
    package's predict(): that gives rows of pairs to a function that reads them column by column, so what it answers are
    other pairs' ratings, in every build and at every setting."""
    P, Q = model.p_factors(), model.q_factors()
    rows, columns = entries[:, 0].astype(np.int64), entries[:, 1].astype(np.int64)
    seen = (rows < len(P)) & (columns < len(Q))
    result = np.full(len(entries), np.nan)
    result[seen] = np.einsum("ij,ij->i", P[rows[seen]], Q[columns[seen]])
    return np.where(np.isnan(result), model.model.b, result)


def squared_error(model, entries):
    return float(np.square(entries[:, 2] - predictions(model, entries), dtype=np.float64).sum())


def spread(ratings):
    """The squared error of answering the mean everywhere."""
    return float(len(ratings) * ratings.var(dtype=np.float64))


def fit(request, iterations):
    entries = triples(request["problem"])
    model = mf.MF(
        k=request["rank"],
        nr_threads=request["threads"],
        nr_bins=request.get("bins", 26),
        nr_iters=iterations,
        eta=request.get("eta", 0.05),
        lambda_p2=request.get("regularisation", 0.02),
        lambda_q2=request.get("regularisation", 0.02),
        lambda_p1=0.0,
        lambda_q1=0.0,
        quiet=True,
    )
    start = time.perf_counter()
    model.fit(entries)
    seconds = time.perf_counter() - start
    point = {"epoch": iterations, "seconds": seconds, "sse": squared_error(model, entries)}
    if "holdout" in request:
        holdout = np.fromfile(request["holdout"], dtype=np.float32).reshape(-1, 3)
        point["rmse"] = float(np.sqrt(squared_error(model, holdout) / len(holdout)))
    return point


def fit_in_child(request, iterations):
    """fit() in a process of its own: the package never frees what a fit takes, and now and then a fit on several
    threads does not end, all of them waiting (seen with 5 bins and 2 threads); such a one is killed and done again."""
    triples(request["problem"])  # read here, for all children
    for _ in range(ATTEMPTS):
        receiver, sender = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(sender, json.dumps(fit(request, iterations)).encode())
            except Exception as error:
                os.write(sender, json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())
            os._exit(0)
        os.close(sender)
        ended, _, _ = select.select([receiver], [], [], PATIENCE)
        text = os.read(receiver, 65536) if ended else b""
        os.close(receiver)
        if not ended:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if text:
            point = json.loads(text)
            if "failed" in point:
                raise RuntimeError(point["failed"])
            return point
    raise RuntimeError(f"a fit did not end within {PATIENCE} s, {ATTEMPTS} times in a row")


def epoch(request):
    """Milliseconds an epoch, from fits of two lengths; the longer one is lengthened until the difference is clear."""
    few, more = request.get("iterations", (2, 8))
    short = fit_in_child(request, few)["seconds"]
    long = fit_in_child(request, more)
    while long["seconds"] - short < request.get("seconds", 0.1) and more < 100:
        more = few + 3 * (more - few)
        long = fit_in_child(request, more)
    ms = 1e3 * (long["seconds"] - short) / (more - few)
    return {"ms": ms, "setup_ms": max(0.0, 1e3 * short - few * ms), "epochs": more, "sse": long["sse"],
            "sse_before": spread(triples(request["problem"])[:, 2])}


def curve(request):
    """Seconds, training SSE and hold-out RMSE after each of some numbers of iterations."""
    return {"points": [fit_in_child(request, iterations) for iterations in request["epochs"]]}


def movielens(request):
    """Whether LIBMF fits as it should: RMSE on a tenth of MovieLens 1M that a seed sets aside."""
    data = np.load(request["ratings"])
    entries = np.stack([data["u"], data["i"], data["r"]], 1).astype(np.float32)
    order = np.random.default_rng(request["seed"]).permutation(len(entries))
    tenth = len(entries) // 10
    path, holdout = request["train"], request["holdout"]
    entries[order[tenth:]].tofile(path)
    entries[order[:tenth]].tofile(holdout)
    return fit_in_child(request | {"problem": path, "holdout": holdout}, request["iterations"])


def build():
    """The flags that ./labs bench built it with."""
    path = os.path.join(sys.prefix, "libmf-build")
    if not os.path.exists(path):
        return "as PyPI's package builds it, neither AVX nor OpenMP"
    with open(path) as file:
        return file.read().strip()


def answer(request):
    if request["do"] == "versions":
        from importlib.metadata import version
        return {"libmf": version("libmf"), "numpy": np.__version__, "build": build()}
    return {"epoch": epoch, "curve": curve, "movielens": movielens}[request["do"]](request)


for line in sys.stdin:
    if mf is None:
        reply = {"missing": f"LIBMF cannot be imported ({why_not})"}
    else:
        try:
            reply = answer(json.loads(line))
        except Exception as error:
            reply = {"failed": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), file=answers, flush=True)
