"""Seconds to quality: training SSE and hold-out RMSE against time, each method with the settings that suit it best.

An epoch against an epoch says little where methods need different numbers of them. So 2 % of the ratings are set aside
by seed, every method runs over a small grid of its own settings, and what is compared is the time to two goals: the SSE
that alternating least squares has after its third sweep, and a hold-out RMSE within 1 % of the best that any method
reaches. For each goal a method is judged by its best setting for that goal. Time spent looking is in no figure; set-up
(conversions, packing, sorting) is a figure of its own.
"""

import dataclasses
import os

from measurements import few_bins
from samples import figure

RANK = 5
SEED = 0
HELD_OUT = 0.02
DESCENT, ALS, LIBMF, SCALAR, OURS = ("PyTorch full-batch descent", "PyTorch ALS, batched solves", "LIBMF",
                                     "scalar C++ loop, exact SGD", "factorise, exact SGD")


@dataclasses.dataclass
class Run:
    """A method with one setting."""

    method: str
    setting: dict
    points: list  # of {"epoch", "seconds", "sse", "rmse"}, without set-up
    setup: float = 0.0

    def name(self):
        return ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in self.setting.items())

    def seconds_to(self, field, goal):
        """When the figure is first at the goal or below, or None."""
        return next((p["seconds"] for p in self.points if p[field] <= goal), None)

    def lowest(self, field):
        return min(self.points, key=lambda p: p[field])


@dataclasses.dataclass
class Data:
    """A data set, split."""

    name: str
    train: str
    holdout: str
    shape: list
    counts: tuple
    runs: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)

    def of(self, method):
        return [r for r in self.runs if r.method == method and r.points]


def split(sides, name, ratings):
    train, holdout = (os.path.join(sides.folder, f"{name}-{part}.f32") for part in ("train", "holdout"))
    answer = sides.torch.ask("split", ratings=ratings, share=HELD_OUT, seed=SEED, train=train, holdout=holdout)
    if "skipped" in answer:
        return answer["skipped"]
    return Data(name, train, holdout, answer["shape"], (answer["train"], answer["holdout"]))


def torch_runs(sides, data, method, what, settings, **limits):
    for setting in settings:
        answer = sides.torch.ask(what, problem=data.train, holdout=data.holdout, shape=data.shape, rank=RANK,
                                 threads=sides.threads, **setting, **limits)
        if "skipped" in answer:
            data.notes.append(f"{method}: {answer['skipped']}")
            return
        data.runs.append(Run(method, setting, answer["points"], answer["setup_seconds"]))


def best_settings(runs):
    """The settings that reach the lowest SSE and the lowest hold-out RMSE; one where they are the same."""
    best = [min(runs, key=lambda r: r.lowest(field)[field]).setting for field in ("sse", "rmse") if runs]
    return best[:1] if best[:1] == best[1:] else best


def libmf_runs(sides, data, settings, looks, few):
    """First each setting at few lengths, then the best for either goal at all of them."""
    timing = sides.libmf.ask("epoch", problem=data.train, rank=RANK, threads=sides.threads, bins=few_bins(sides))
    if "skipped" in timing:
        data.notes.append(f"{LIBMF}: {timing['skipped']}")
        return
    setup = timing["setup_ms"] / 1e3

    def run(setting, epochs):
        answer = sides.libmf.ask("curve", problem=data.train, holdout=data.holdout, rank=RANK, threads=sides.threads,
                                 epochs=epochs, bins=few_bins(sides), **setting)
        points = [p | {"seconds": max(0.0, p["seconds"] - setup)} for p in answer.get("points", [])]
        return Run(LIBMF, setting, points, setup)

    tried = [r for r in (run(setting, few) for setting in settings) if r.points]
    best = best_settings(tried)
    data.runs += [run(setting, looks) for setting in best] + [r for r in tried if r.setting not in best]


def descend(sides, data, setting, epochs, side):
    rows, columns = data.shape
    options = [x for key, value in setting.items() for x in ("--" + key.replace("_", "-"), value)]
    return sides.bench("quality", "--train", data.train, "--holdout", data.holdout, "--rows", rows, "--columns",
                       columns, "--rank", RANK, "--threads", sides.threads, "--epochs", epochs, "--side", side,
                       *options)[0]


def our_runs(sides, data, settings, epochs):
    """The library over the grid, and the scalar loop, whose bits are the same, at the settings that came out best; over
    the whole grid where the library's engine is too slow for it."""
    ours = []
    for setting in settings:
        sample = descend(sides, data, setting, epochs, "ours")
        if "skipped" in sample:
            data.notes.append(f"{OURS}: {sample['skipped']}")
            break
        if sample.get("same_bits") is False:
            data.notes.append(f"{OURS}: WRONG RESULT, the whole run's factors are not the stretches'")
            continue
        if sample["points"]:
            ours.append(Run(OURS, setting, sample["points"], sample.get("setup_seconds", 0.0)))
    data.runs += ours
    for setting in best_settings(ours) if ours else settings:
        sample = descend(sides, data, setting, epochs, "scalar")
        if sample["points"]:
            data.runs.append(Run(SCALAR, setting, sample["points"]))


def grid(**values):
    settings = [{}]
    for key, options in values.items():
        settings = [s | {key: option} for s in settings for option in options]
    return settings


@dataclasses.dataclass
class Search:
    """What is tried of each method on a data set."""

    als: list
    sweeps: int
    descent: list
    descent_seconds: float
    libmf: list
    libmf_few: tuple  # numbers of iterations at which settings are compared
    libmf_looks: tuple  # and those of the curve
    sgd: list
    sgd_epochs: int


STAND_IN = Search(
    als=grid(regularisation=(1e-3, 0.01, 0.02, 0.05)), sweeps=20,
    descent=grid(lr=(2e-5, 5e-5, 1e-4)), descent_seconds=15,
    libmf=grid(eta=(0.05, 0.1, 0.2), regularisation=(0.005, 0.02, 0.05)), libmf_few=(4, 24),
    libmf_looks=(1, 2, 3, 4, 6, 8, 12, 16, 24, 40),
    sgd=grid(lr=(0.002, 0.004, 0.008, 0.016), weight_decay=(0.0, 0.02, 0.05), lr_decay=(1.0, 0.95, 0.9)), sgd_epochs=60)
STAND_IN_QUICK = Search(
    als=grid(regularisation=(1e-3, 0.02)), sweeps=8,
    descent=grid(lr=(5e-5,)), descent_seconds=3,
    libmf=grid(eta=(0.1,), regularisation=(0.02, 0.05)), libmf_few=(3, 12), libmf_looks=(1, 2, 4, 8, 16),
    sgd=grid(lr=(0.004, 0.008), weight_decay=(0.0, 0.05), lr_decay=(0.95,)), sgd_epochs=30)
MOVIELENS = Search(
    als=grid(regularisation=(1e-3, 0.02, 0.05, 0.1, 0.2)), sweeps=40,
    descent=grid(lr=(3e-4, 1e-3, 2e-3, 4e-3)), descent_seconds=4,
    libmf=grid(eta=(0.05, 0.1, 0.2), regularisation=(0.01, 0.05, 0.1)), libmf_few=(4, 24, 96),
    libmf_looks=(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128),
    sgd=grid(lr=(0.005, 0.01, 0.02, 0.04), weight_decay=(0.0, 0.05, 0.1), lr_decay=(1.0, 0.97, 0.9)), sgd_epochs=100)
MOVIELENS_QUICK = Search(
    als=grid(regularisation=(1e-3, 0.1)), sweeps=10,
    descent=grid(lr=(1e-3,)), descent_seconds=1,
    libmf=grid(eta=(0.1,), regularisation=(0.05, 0.1)), libmf_few=(4, 24), libmf_looks=(1, 2, 4, 8, 16, 32),
    sgd=grid(lr=(0.01, 0.02), weight_decay=(0.0, 0.1), lr_decay=(0.97,)), sgd_epochs=50)


def run_all(sides, data, search):
    torch_runs(sides, data, ALS, "als_curve", search.als, epochs=search.sweeps, seconds=10)
    torch_runs(sides, data, DESCENT, "descent_curve", search.descent, epochs=10000, seconds=search.descent_seconds)
    libmf_runs(sides, data, search.libmf, search.libmf_looks, search.libmf_few)
    our_runs(sides, data, search.sgd, search.sgd_epochs)
    return data


def stand_in(sides, plan, run=run_all):
    path = os.path.join(sides.folder, "stand-in.pt")
    sides.bench("stand-in", "--output", path)
    data = split(sides, "stand-in", path)
    return data if isinstance(data, str) else run(sides, data, STAND_IN_QUICK if plan.quick else STAND_IN)


def movielens(sides, plan, run=run_all):
    path = os.path.join(sides.root, "..", "shared", "data", "ml-100k", "u.data")
    if not os.path.exists(path):
        return "MovieLens 100k is not here: its u.data would be read from ../shared/data/ml-100k"
    data = split(sides, "ml-100k", path)
    return data if isinstance(data, str) else run(sides, data, MOVIELENS_QUICK if plan.quick else MOVIELENS)


def goals(data):
    """The SSE of the third sweep, the strictest over the grid of ALS; and the RMSE 1 % above the best."""
    thirds = [p["sse"] for r in data.of(ALS) for p in r.points if p["epoch"] == 3]
    best = min((r.lowest("rmse")["rmse"] for r in data.runs if r.points), default=None)
    return min(thirds, default=None), best * 1.01 if best else None


def fastest(runs, field, goal):
    """The run that reaches a goal first, and when."""
    reached = [(r.seconds_to(field, goal), r) for r in runs if goal is not None]
    return min((pair for pair in reached if pair[0] is not None), key=lambda pair: pair[0], default=(None, None))


def methods(data):
    """Those that have a curve: this file's in its order, others behind them."""
    found = dict.fromkeys([DESCENT, ALS, LIBMF, SCALAR, OURS, *(r.method for r in data.runs)])
    return [method for method in found if data.of(method)]


def seconds_to_als(data):
    """By method: epochs' seconds to the SSE of ALS's third sweep, None where it is not reached."""
    sse, _ = goals(data)
    return {m: fastest(data.of(m), "sse", sse)[0] for m in methods(data)}


def table(data):
    """Header and rows."""
    sse, rmse = goals(data)
    header = ["method", f"s to SSE {figure(sse)}", "with set-up", "by", f"s to RMSE {figure(rmse)}", "with set-up",
              "by", "lowest SSE", "lowest hold-out RMSE", "at s"]
    rows = []
    for method in methods(data):
        runs = data.of(method)
        row = [method]
        for field, goal in (("sse", sse), ("rmse", rmse)):
            seconds, run = fastest(runs, field, goal)
            row += [figure(seconds), figure(seconds + run.setup), run.name()] if run else ["not reached", "–", "–"]
        lowest = min((r.lowest("rmse") for r in runs), key=lambda p: p["rmse"])
        row += [figure(min(r.lowest("sse")["sse"] for r in runs)), f"{lowest['rmse']:.4f}", figure(lowest["seconds"])]
        rows.append(row)
    return header, rows


def curves(data):
    """Rows of the CSV."""
    for run in data.runs:
        for p in run.points:
            yield [data.name, run.method, run.name(), p["epoch"], f"{p['seconds']:.6f}", f"{run.setup:.6f}",
                   f"{p['sse']:.2f}", f"{p['rmse']:.6f}"]


CURVE_HEADER = ["data", "method", "setting", "epoch", "seconds", "setup_seconds", "sse", "holdout_rmse"]
DATA_SETS = (stand_in, movielens)
