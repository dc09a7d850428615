"""The sections of the benchmark. Within one, the sides take turns (A B A B ...), so that whatever else the machine does
falls on all of them; tables hold medians."""

import os

from sides import AVX2

SHAPE = (1000, 10000)
SPARSE_SHAPE = (20000, 100000)
SPARSE_DENSITY = 0.001
# 20 million entries, as many rows and columns as MovieLens 20M has users and movies.
MANY_SHAPE = (138000, 27000)
MANY_DENSITY = 20e6 / (MANY_SHAPE[0] * MANY_SHAPE[1])
DENSITIES = (1, 0.35, 0.05, 0.01)
CROSSOVER = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.35)
RANKS = (5, 16, 64)
LIBMF, LIBMF_TUNED = "LIBMF", "LIBMF, few bins"
# PyTorch in the sheets' words, and the same mathematics in the form that it runs fastest.
FULL_BATCH = {"PyTorch full-batch": "sheet", "PyTorch full-batch, in place": "in place"}
DENSE = {"PyTorch": "autograd", "PyTorch, gradients by hand, in place": "by_hand"}
OURS_AVX2 = "ours, AVX2"
SCALAR = ("scalar dense", "scalar dense fma", "scalar entries", "scalar entries fma", "scalar entries avx512")


def thread_counts(sides):
    return (1,) if sides.threads == 1 else (1, sides.threads)


def add_ours_with_avx2(sides, samples, plan, *arguments, **labels):
    """The library once more with half as wide vectors, on a machine that would use AVX-512."""
    if sides.isa == "AVX-512":
        for sample in sides.bench(*arguments, "--threads", sides.threads, "--seconds", plan.seconds, environment=AVX2):
            samples.add(sample | {"side": OURS_AVX2}, **labels)


def sgd(sides, samples, plan):
    """An SGD epoch at every density and rank; LIBMF and PyTorch at rank 5, LIBMF at every rank where it is sparse."""
    densities = (0.35, 0.01) if plan.quick else DENSITIES
    for rank in RANKS[:2] if plan.quick else RANKS:
        for density in densities:
            labels = {"bench": "sgd", "rank": rank, "density": density}
            libmf = rank == 5 or density == 0.01
            for _ in range(plan.rounds):
                for sample in sides.bench("sgd", "--rank", rank, "--density", density, "--threads", sides.threads,
                                          "--seconds", plan.seconds):
                    samples.add(sample, **labels)
                add_ours_with_avx2(sides, samples, plan, "sgd", "--rank", rank, "--density", density, "--ours",
                                   **labels)
                for threads in thread_counts(sides):
                    if libmf:
                        add_libmf(sides, samples, labels, SHAPE, threads)
                    if density == 0.35:
                        add_full_batch(sides, samples, labels, threads)
            plan.progress(f"sgd, rank {rank}, {100 * density:g} %")


def few_bins(sides):
    """The fewest blocks a side that LIBMF schedules well. Its package cuts the matrix into 26 x 26 blocks whatever the
    number of threads, which costs it most where blocks hold few ratings; so it is timed both ways."""
    return 2 * sides.threads + 1


def add_libmf(sides, samples, labels, shape, threads):
    rows, columns = shape
    density = labels["density"]
    path = sides.problem(f"{rows}x{columns}-{density}", "--rows", rows, "--columns", columns, "--density", density)
    request = {"problem": path, "rank": labels["rank"], "threads": threads}
    samples.add(sides.libmf.ask("epoch", **request), side=LIBMF, threads=threads, **labels)
    if density < 1:
        samples.add(sides.libmf.ask("epoch", bins=few_bins(sides), **request), side=LIBMF_TUNED, threads=threads,
                    **labels)


def add_full_batch(sides, samples, labels, threads):
    rows, columns = SHAPE
    path = sides.problem(f"{rows}x{columns}-0.35", "--rows", rows, "--columns", columns, "--density", 0.35)
    for side, form in FULL_BATCH.items():
        answer = sides.torch.ask("full_batch", problem=path, shape=SHAPE, rank=labels["rank"], threads=threads,
                                 form=form)
        samples.add(answer, side=side, threads=threads, **labels)


def crossover(sides, samples, plan):
    """Both paths forced, from sparse to dense."""
    for rank in (5,) if plan.quick else (5, 16):
        for density in CROSSOVER[1::3] if plan.quick else CROSSOVER:
            for _ in range(min(plan.rounds, 2)):
                for sample in sides.bench("sgd", "--rank", rank, "--density", density, "--threads", sides.threads,
                                          "--seconds", plan.seconds / 2):
                    samples.add(sample | {"bench": "crossover"}, rank=rank, density=density)
            if not any("path" in s and s["path"] != "automatic" for s in samples.where(bench="crossover")):
                return  # this build cannot force a path
    plan.progress("crossover")


def sparse(sides, samples, plan):
    """A sparse shape of which A as a matrix is nearly all zeros."""
    rows, columns = SPARSE_SHAPE
    labels = {"bench": "sparse", "rank": 5, "density": SPARSE_DENSITY}
    for _ in range(plan.rounds):
        for sample in sides.bench("sgd", "--rows", rows, "--columns", columns, "--density", SPARSE_DENSITY, "--bytes",
                                  "--threads", sides.threads, "--seconds", plan.seconds):
            samples.add(sample | {"bench": "sparse"}, **labels)
        for threads in thread_counts(sides):
            add_libmf(sides, samples, labels, SPARSE_SHAPE, threads)
    plan.progress("sparse")


def lists(sides, samples, plan):
    """Lists by row and by column of what is observed, from a matrix and from entries in any order."""
    for (rows, columns), density in ((SHAPE, 0.35), (MANY_SHAPE, MANY_DENSITY)):
        for _ in range(min(plan.rounds, 2)):
            for sample in sides.bench("lists", "--rows", rows, "--columns", columns, "--density", density,
                                      "--threads", sides.threads, "--seconds", plan.seconds):
                samples.add(sample | {"shape": f"{rows} x {columns}"})
    plan.progress("lists")


def gd(sides, samples, plan):
    """A full-batch epoch on the ratings."""
    for rank in (5,) if plan.quick else (5, 64):
        for _ in range(plan.rounds):
            for sample in sides.bench("gd", "--rank", rank, "--threads", sides.threads, "--seconds", plan.seconds):
                samples.add(sample)
            add_ours_with_avx2(sides, samples, plan, "gd", "--rank", rank)
            for threads in thread_counts(sides):
                add_full_batch(sides, samples, {"bench": "gd", "rank": rank}, threads)
    plan.progress("gd")


def autograd(sides, samples, plan):
    """Descent by autograd: an epoch on a dense matrix, and iris."""
    rows, columns = SHAPE
    path = sides.problem(f"{rows}x{columns}-1", "--rows", rows, "--columns", columns, "--density", 1)
    iris = os.path.join(sides.root, "data", "iris.csv")
    for rank in (5,) if plan.quick else (5, 64):
        for _ in range(plan.rounds):
            for sample in sides.bench("autograd", "--rank", rank, "--threads", sides.threads,
                                      "--seconds", plan.seconds):
                samples.add(sample)
            add_ours_with_avx2(sides, samples, plan, "autograd", "--rank", rank, "--ours")
            for threads in thread_counts(sides):
                for side, what in DENSE.items():
                    answer = sides.torch.ask(what, problem=path, shape=SHAPE, rank=rank, threads=threads)
                    samples.add(answer, bench="autograd", side=side, rank=rank, threads=threads)
            samples.add(sides.torch.ask("iris_autograd", iris=iris, epochs=1000, threads=1), bench="iris",
                        side="PyTorch", threads=1)
    plan.progress("autograd")


def small(sides, samples, plan):
    """Lab 1's 3 x 3 matrix, 1000 epochs entry by entry."""
    for _ in range(plan.rounds):
        for sample in sides.bench("small", "--seconds", plan.seconds):
            samples.add(sample, threads=1)
        samples.add(sides.torch.ask("small_sgd", epochs=1000, threads=1), bench="small", side="PyTorch", threads=1)
    plan.progress("small")


def mlp(sides, samples, plan):
    """Lab 2's networks, one seed and many at once."""
    iris = os.path.join(sides.root, "data", "iris.csv")
    for _ in range(plan.rounds):
        for sample in sides.bench("mlp", "--seconds", plan.seconds):
            samples.add(sample)
        samples.add(sides.torch.ask("mlp", iris=iris, seeds=5, threads=1), bench="mlp", side="PyTorch",
                    variant="scalar biases", lr=0.01, threads=1)
    plan.progress("mlp")


def startup(sides, samples, plan):
    """factorise --version beside import torch; the first start of each, from a cold cache, is not counted."""
    commands = {"ours": [os.path.join(sides.build, "bin", "factorise"), "--version"]}
    if sides.torch_python:
        commands["PyTorch"] = [sides.torch_python, "-c", "import torch"]
    for turn in range(plan.rounds + 3):
        for side, command in commands.items():
            ms = sides.start_up(command)
            if turn > 0:
                samples.add({"ms": ms}, bench="startup", side=side)
    plan.progress("startup")


def memory(sides, samples, plan):
    """Peak memory of a factorisation beyond A and M, at 1000 x 10000."""
    for _ in range(plan.rounds):
        for sample in sides.bench("memory", "--threads", sides.threads):
            samples.add(sample)
    plan.progress("memory")


def busy(sides, samples, plan):
    """An SGD epoch while another job has a core."""
    for _ in range(plan.rounds + 2):
        for sample in sides.bench("busy", "--threads", sides.threads, "--seconds", plan.seconds):
            samples.add(sample)
    plan.progress("busy")


SECTIONS = (sgd, crossover, sparse, lists, gd, autograd, small, mlp, startup, memory, busy)
