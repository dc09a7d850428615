"""The tables of gpu.py, and the bars that were set before a GPU was there to measure on."""

import gpu_quality
import gpu_sections as sections
from gpu_machine import LATENCY, sgd_chain, sgd_floor_ms, sgd_steps
from report import Bar, quality_tables, ratio
from samples import figure


def bars(bench):
    def ms(name, side, **labels):
        return bench.samples.median(bench=name, side=side, **labels)

    sgd = ms("sgd", sections.OURS, rank=5, type="float32")
    one = ms("runs", sections.ONE)
    full, full_eager, full_graph = (ms("full_batch", side) for side in
                                    (sections.OURS, sections.EAGER, sections.GRAPH))
    by_autograd = ms("autograd", sections.OURS)
    return [
        Bar("exact SGD, 1000 epochs, 35 %, rank 5, float32", sgd, 1000, at_most=True, unit="ms"),
        Bar("the same, the aim", sgd, 400, at_most=True, unit="ms"),
        Bar("64 seeds at once / one", ratio(ms("runs", sections.SEEDS), one), 3, at_most=True),
        Bar("full-batch, 1000 epochs, 35 %, rank 5", full, 25, at_most=True, unit="ms"),
        Bar("full-batch, PyTorch eager / ours", ratio(full_eager, full), 10),
        Bar("full-batch, PyTorch in a CUDA graph / ours", ratio(full_graph, full), 4),
        Bar("by autograd, PyTorch eager / ours", ratio(ms("autograd", sections.EAGER), by_autograd), 8),
    ]


def verdict(samples, labels):
    """Of the rounds together: what was checked, or what went wrong."""
    found = samples.where(**labels)
    failed = next((s.get("failed") or s.get("skipped") for s in found if "failed" in s or "skipped" in s), None)
    if failed:
        return "failed: " + failed[:100].replace("|", "/")
    if any(s.get("wrong") for s in found):
        return "WRONG RESULT"
    remark = found[0].get("remark")
    return f"{found[0]['check']}: yes" + (f"; {remark}" if remark else "")


def sides_of(bench, labels):
    measured = {s["side"] for s in bench.samples.where(**labels)}
    return [side for side in bench.order if side in measured]


def table(bench, title, ours, labels):
    """A row a side: its time, that in ours, its check."""
    rows = []
    base = bench.samples.median(side=ours, **labels)
    for side in sides_of(bench, labels):
        times = ratio(bench.samples.median(side=side, **labels), base)
        rows.append([side, bench.samples.cell(side=side, **labels), figure(times),
                     verdict(bench.samples, labels | {"side": side})])
    return (title, ["side", "ms", f"of {ours}", "checked"], rows) if rows else None


def sgd_table(bench):
    rows = []
    for rank, dtype in sections.SGD_CASES:
        labels = {"bench": "sgd", "rank": rank, "type": sections.named(dtype)}
        if not bench.samples.where(**labels):
            continue
        ours, cpu = (bench.samples.median(side=side, **labels) for side in (sections.OURS, sections.CPU))
        clock = bench.gpu.clock if bench.gpu else None
        floor = sgd_floor_ms(*bench.shape, rank, bench.epochs, clock) if clock and labels["type"] == "float32" else None
        rows.append([f"{labels['type']}, rank {rank}", bench.samples.cell(side=sections.OURS, **labels), figure(floor),
                     figure(ratio(ours, floor)), bench.samples.cell(side=sections.CPU, **labels),
                     figure(ratio(cpu, ours)), verdict(bench.samples, labels | {"side": sections.OURS})])
    few = min(bench.epochs, sections.CPU_ROUND_EPOCHS)
    header = ["", "ours, ms", "floor, ms", "of the floor", f"CPU engine, ms ({few} epochs, scaled)", "/ ours",
              "checked"]
    return (f"Exact SGD, {named_shape(bench)}, 35 % observed, {bench.epochs} epochs", header, rows) if rows else None


def named_shape(bench):
    return f"{bench.shape[0]} x {bench.shape[1]}"


def floor_line(bench):
    chains = " and ".join(f"{sgd_chain(rank)} at rank {rank}, {sgd_steps(*bench.shape, rank)} steps an epoch"
                          for rank in (5, 16))
    return (f"floor of exact SGD: instructions of a step that depend on each other ({chains}), {LATENCY} cycles each, "
            "or an instruction a cycle for all of its arithmetic, at the clock above")


def tables(bench):
    what = f"{named_shape(bench)}, float32, rank 5"
    found = [
        sgd_table(bench),
        table(bench, f"{sections.RUNS} runs of exact SGD in one call, {what}, 35 % observed, {bench.epochs} epochs",
              sections.ONE, {"bench": "runs"}),
        table(bench, f"Full-batch descent, {what}, 35 % observed, {bench.epochs} epochs", sections.OURS,
              {"bench": "full_batch"}),
        table(bench, f"Descent by autograd, {what}, dense, {bench.epochs} epochs", sections.OURS,
              {"bench": "autograd"}),
        *(table(bench, f"Loss and both gradients, {what}, {data}", sections.OURS,
                {"bench": "factor_loss", "data": data})
          for data in ("dense", "35 % observed")),
        table(bench, f"A sweep of alternating least squares, {what}, 35 % observed", sections.ALS,
              {"bench": "als"}),
    ]
    yield from (one for one in found if one)
    yield from quality_tables(bench.data_sets)


def notes(bench):
    """What is to be read with the tables."""
    for sample in bench.samples.wrong():
        yield f"WRONG RESULT, its time does not count: {sample}"
    yield from bench.samples.reasons()
    yield from bench.notes
    if bench.data_sets and bench.gpu:
        yield f"seconds to quality: all on the GPU but {gpu_quality.ON_CPU}, whose curve is the same"
