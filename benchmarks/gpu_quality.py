"""Seconds to quality on a GPU: quality.py's race with the methods that run there. Exact SGD also on the CPU engine, at
the settings that came out best; its curve is the same."""

import dataclasses
import os
import time

import quality
import torch
from gpu_sides import descent_session
from gpu_turns import first_line
from torch_side import als_curve, dense, descent_curve, run_curve, settle, split, start_ratings

OUR_DESCENT = "factorise, full-batch descent"
ON_CPU = "factorise, exact SGD, CPU engine"
DESCENT_SECONDS = 3


def packed(pack, device):
    """What pack() makes, and its seconds; a GPU's first time is not counted."""
    for _ in range(2):
        settle(device)
        begin = time.perf_counter()
        ratings = pack()
        settle(device)
    return ratings, time.perf_counter() - begin


def sgd_curve(request):
    """From look to look, each a call of its own that starts where the last one ended: the bits of one long run."""
    device = request["device"]
    A, M = dense(request["problem"], request["shape"], device)
    ratings, setup = packed(lambda: torch.classes.factorise.SgdRatings(A, M, request["rank"]), device)

    def advance(U, V, first, last):
        lr = request["lr"]
        for _ in range(first):  # as the engine does: multiplied, not raised to a power
            lr *= request["lr_decay"]
        decay = request["weight_decay"], request["lr_decay"]
        return int(ratings.epochs(U[None], V[None], [lr], *decay, last - first)) == 0

    U, V = start_ratings(request["shape"], request["rank"], device)
    return run_curve(request, U, V, advance) | {"setup_seconds": setup}


def our_descent_curve(request):
    device = request["device"]
    A, M = dense(request["problem"], request["shape"], device)
    observed = M.bool()
    U, V = start_ratings(request["shape"], request["rank"], device)
    (session, *live), setup = packed(lambda: descent_session(A, observed, (U, V), request["lr"], "masked"), device)

    def advance(U, V, first, last):
        for ours, theirs in zip(live, (U, V), strict=True):
            ours.copy_(theirs)
        finite = session.advance(last - first) == 0
        for ours, theirs in zip(live, (U, V), strict=True):
            theirs.copy_(ours)
        return finite

    return run_curve(request, U, V, advance) | {"setup_seconds": setup}


class Here:
    """torch_side's answers in this process, which has the GPU and our operators."""

    answers = {f.__name__: f for f in (als_curve, descent_curve, our_descent_curve, sgd_curve, split)}

    def ask(self, what, **request):
        try:
            return self.answers[what](request)
        except Exception as error:
            return {"skipped": first_line(error)}


def race(bench):
    """quality.py's `run` for a data set."""
    device = bench.device.name

    def run(sides, data, search):
        seconds = min(search.descent_seconds, DESCENT_SECONDS)
        descents = {quality.DESCENT: "descent_curve"}
        if bench.device.is_gpu:
            descents[OUR_DESCENT] = "our_descent_curve"
        quality.torch_runs(sides, data, quality.ALS, "als_curve", search.als, epochs=search.sweeps, seconds=10,
                           device=device)
        for method, what in descents.items():
            quality.torch_runs(sides, data, method, what, search.descent, epochs=10000, seconds=seconds, device=device)
        limits = {"epochs": search.sgd_epochs, "seconds": 10}
        quality.torch_runs(sides, data, quality.OURS, "sgd_curve", search.sgd, device=device, **limits)
        best = quality.best_settings(data.of(quality.OURS))
        quality.torch_runs(sides, data, ON_CPU, "sgd_curve", best, device="cpu", **limits)
        return data

    return run


def made_up(bench):
    """A data set of the shape asked for, where that is not the stand-in's."""
    def load(sides, _, run):
        path = os.path.join(sides.folder, "made-up.pt")
        torch.save(bench.matrix(0.35, "cpu")[0], path)
        data = quality.split(sides, "made-up", path)
        search = dataclasses.replace(quality.STAND_IN_QUICK, descent_seconds=0.2)
        return data if isinstance(data, str) else run(sides, data, search)

    return load


def is_one_curve(data):
    """Whether the GPU's runs of exact SGD and the CPU engine's have the same errors, but for the sums' rounding."""
    of = {tuple(run.setting.items()): run for run in data.of(quality.OURS)}
    pairs = [(of[tuple(run.setting.items())], run) for run in data.of(ON_CPU)]
    return bool(pairs) and all(
        len(a.points) == len(b.points) and all(abs(p["sse"] / q["sse"] - 1) < 1e-5
                                               for p, q in zip(a.points, b.points, strict=True))
        for a, b in pairs)


def run(bench):
    sets = quality.DATA_SETS if bench.is_standard else (made_up(bench),)
    for load in sets:
        data = load(bench.sides, bench, race(bench))
        if isinstance(data, str):
            bench.notes.append(data)
            continue
        bench.data_sets.append(data)
        bench.notes += [f"{data.name}: {note}" for note in data.notes]
        ours = [quality.OURS] + ([OUR_DESCENT] if bench.device.is_gpu else [])
        missing = [method for method in ours if not data.of(method)]
        bench.samples.add({"right": not missing and is_one_curve(data), "check": "the CPU engine's curve"},
                          bench="quality", side="ours", data=data.name, missing=missing)
        bench.progress(f"quality, {data.name}")
