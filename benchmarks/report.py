"""From samples to tables, and the bars that were set before anything was measured."""

import quality
from measurements import (CROSSOVER, DENSITIES, LIBMF, LIBMF_TUNED, MANY_SHAPE, OURS_AVX2, RANKS, SCALAR, SHAPE,
                          SPARSE_DENSITY)
from samples import figure


class Bar:
    """A ratio or an amount, with what was asked of it; nothing where it is only to be known."""

    def __init__(self, what, value, bar, at_most=False, unit="x"):
        self.what, self.value, self.bar, self.at_most, self.unit = what, value, bar, at_most, unit

    def verdict(self):
        if self.value is None:
            return "not measured"
        if self.bar is None:
            return "no bar was set"
        reached = self.value <= self.bar if self.at_most else self.value >= self.bar
        return "reached" if reached else "NOT REACHED"

    def row(self):
        value = "–" if self.value is None else f"{figure(self.value)} {self.unit}"
        asked = "–" if self.bar is None else f"{'≤' if self.at_most else '≥'} {figure(self.bar)} {self.unit}"
        return [self.what, asked, value, self.verdict()]


def ratio(slow, fast):
    return slow / fast if slow is not None and fast is not None and fast > 0 else None


def lowest(values):
    return min((v for v in values if v is not None), default=None)


def bars(samples, data_sets, threads, avx512):
    """What was asked beforehand; with AVX-512 the higher bars."""
    def ours(n, **labels):
        return samples.median(side="ours", path="automatic", threads=n, **labels)

    def with_avx2(n, **labels):
        return ours(n, **labels) if samples.isa == "AVX2" else samples.median(side=OURS_AVX2, threads=n, **labels)

    def scalar(only="scalar", **labels):
        return lowest(samples.median(side=side, **labels) for side in SCALAR if side.startswith(only))

    at = {"bench": "sgd", "rank": 5, "density": 0.35}
    thin = {"bench": "sgd", "rank": 5, "density": 0.01}
    thin16 = thin | {"rank": 16}
    sparse = {"bench": "sparse", "rank": 5, "density": SPARSE_DENSITY}
    many = f"{threads} threads"

    def libmf_bars(where, labels, bar):
        return [Bar(f"{side}: its epoch / ours, {where}, {many}",
                    ratio(samples.best(side=side, **labels), ours(threads, **labels)), bar)
                for side in (LIBMF, LIBMF_TUNED)]

    found = [
        Bar("SGD epoch, 35 %, the better scalar loop / ours, 1 thread", ratio(scalar(**at), ours(1, **at)),
            6 if avx512 else 4),
        Bar(f"the same, {many}", ratio(scalar(**at), ours(threads, **at)), 10 if avx512 else 7),
        Bar(f"SGD epoch, 35 %, {many}", ours(threads, **at), 2.4, at_most=True, unit="ms"),
        Bar(f"PyTorch's full-batch epoch / our SGD epoch, 35 %, {many}",
            ratio(samples.best(side="PyTorch full-batch", **at), ours(threads, **at)), 30),
        Bar("the same, PyTorch's in place", ratio(samples.best(side="PyTorch full-batch, in place", **at),
                                                  ours(threads, **at)), None),
        Bar(f"PyTorch's full-batch epoch / our SGD epoch with AVX2, 35 %, {many}",
            ratio(samples.best(side="PyTorch full-batch", **at), with_avx2(threads, **at)), 28),
        *libmf_bars("35 %", at, 20),
        *libmf_bars("1 %", thin, 10),
        Bar("rank 16, 1 %, scalar entry list / ours, 1 thread",
            ratio(scalar("scalar entries", **thin16), ours(1, **thin16)), 1.5),
        Bar(f"the same, {many}", ratio(scalar("scalar entries", **thin16), ours(threads, **thin16)), 2.5),
        *libmf_bars("20,000 x 100,000 at 0.1 %", sparse, 2),
        *(Bar(f"lists by row and by column, {what}, {many}",
              samples.median(bench="lists", input=source, shape="{} x {}".format(*shape), threads=threads), bar,
              at_most=True, unit="ms")
          for what, source, shape, bar in (("35 % of 1000 x 10000", "matrix", SHAPE, 15),
                                           ("20 million entries in any order", "entries", MANY_SHAPE, 500))),
        Bar("full-batch epoch, PyTorch / ours", ratio(samples.best(bench="gd", side="PyTorch full-batch", rank=5),
                                                      samples.best(bench="gd", side="ours", rank=5)), 30),
        Bar("the same, PyTorch's in place", ratio(samples.best(bench="gd", side="PyTorch full-batch, in place", rank=5),
                                                  samples.best(bench="gd", side="ours", rank=5)), None),
        Bar("autograd epoch, dense 1000 x 10000, PyTorch / ours",
            ratio(samples.best(bench="autograd", side="PyTorch", rank=5),
                  samples.best(bench="autograd", side="ours", rank=5)), 15),
        Bar("the same, PyTorch with its gradients by hand, in place",
            ratio(samples.best(bench="autograd", side="PyTorch, gradients by hand, in place", rank=5),
                  samples.best(bench="autograd", side="ours", rank=5)), None),
        Bar("iris by autograd, 1000 epochs, PyTorch / ours",
            ratio(samples.median(bench="iris", side="PyTorch"), samples.median(bench="iris", side="ours")), 8),
        Bar("MLP, a seed of PyTorch's one by one / a seed of ours, 100 at once",
            ratio(samples.median(bench="mlp", side="PyTorch"),
                  samples.median(bench="mlp", side="ours, 100 seeds at once", variant="scalar biases", lr=0.01)), None),
        Bar("3 x 3, 1000 epochs, Python / ours",
            ratio(samples.median(bench="small", side="PyTorch"), samples.median(bench="small", side="ours")), 1000),
        Bar("start-up, factorise --version / import torch",
            ratio(samples.median(bench="startup", side="ours"), samples.median(bench="startup", side="PyTorch")), 0.4,
            at_most=True),
        Bar("SGD, peak memory beyond A and M, 1000 x 10000", samples.median("mb", bench="memory", method="sgd"), 60,
            at_most=True, unit="MB"),
        Bar(f"SGD epoch beside a second busy job, {many}", samples.median("slowdown", bench="busy"), 2.5, at_most=True),
    ]
    for data in data_sets:
        times = quality.seconds_to_als(data)
        peers = lowest(seconds for method, seconds in times.items() if method != quality.OURS)
        found.append(Bar(f"{data.name}: time to ALS's third sweep, the fastest peer / ours",
                         ratio(peers, times.get(quality.OURS)), 1))
    return found


def sgd_tables(samples):
    for rank in RANKS:
        densities = [d for d in DENSITIES if samples.where(bench="sgd", rank=rank, density=d)]
        if not densities:
            continue
        sides = []
        for s in samples.where(bench="sgd", rank=rank):
            side = (s["side"], s.get("path"), s.get("threads"))
            if side not in sides:
                sides.append(side)
        rows = []
        for side, path, threads in sides:
            labels = {"side": side, "threads": threads, "rank": rank, "bench": "sgd"} | ({"path": path} if path else {})
            rows.append([named(side, path, threads, samples.isa),
                         *(samples.cell(density=d, **labels) for d in densities)])
        yield (f"SGD epoch, 1000 x 10000, float32, rank {rank}, ms by share observed",
               ["", *(f"{100 * d:g} %" for d in densities)], rows)


def shown(side, isa):
    return f"ours, {isa}" if side == "ours" and isa else side


def named(side, path, threads, isa):
    words = [shown(side, isa)]
    if path and path != "automatic":
        words.append(f"{path} forced")
    if threads:
        words.append(f"{threads} thread{'s' if threads > 1 else ''}")
    return ", ".join(words)


def crossover_tables(samples):
    found = samples.where(bench="crossover", side="ours")
    paths = sorted({s["path"] for s in found if s["path"] != "automatic"})
    if not paths:
        return
    for rank in sorted({s["rank"] for s in found}):
        for threads in sorted({s["threads"] for s in found}):
            labels = {"bench": "crossover", "side": "ours", "rank": rank, "threads": threads}
            densities = [d for d in CROSSOVER if samples.where(density=d, **labels)]
            rows = [[f"{100 * d:g} %", *(samples.cell(density=d, path=p, **labels) for p in ("automatic", *paths))]
                    for d in densities]
            crossing_at = crossing(samples, labels)
            yield (f"The two paths, rank {rank}, {threads} threads, ms an epoch; they cross {crossing_at}",
                   ["observed", "automatic", *(f"{p} forced" for p in paths)], rows)


def crossing(samples, labels):
    """Where the entry lists stop being faster, between two densities."""
    last = None
    for density in CROSSOVER:
        entries = samples.median(density=density, path="entries", **labels)
        wavefront = samples.median(density=density, path="wavefront", **labels)
        if entries is None or wavefront is None:
            continue
        if entries > wavefront:
            return f"between {100 * last:g} and {100 * density:g} %" if last else f"below {100 * density:g} %"
        last = density
    return f"above {100 * last:g} %" if last else "at no density that was measured"


def side_table(samples, title, bench, by=("side", "rank", "threads"), field="ms", unit="ms"):
    """One row a combination of labels, in the order measured."""
    rows, seen = [], []
    for s in samples.where(bench=bench):
        labels = {key: s.get(key) for key in by}
        if labels not in seen:
            seen.append(labels)
            rows.append(["" if v is None else shown(str(v), samples.isa) for v in labels.values()]
                        + [samples.cell(field, bench=bench, **labels)])
    return (title, [*by, unit], rows) if rows else None


def list_table(samples):
    """What comes before the epochs, beside a copy of A where there is one."""
    fields = {"copy of A": "copy_ms", "check": "check_ms", "by row": "by_row_ms", "by column": "by_column_ms",
              "all": "ms"}
    keys = ("input", "shape", "threads")
    found = dict.fromkeys(tuple(s[key] for key in keys) for s in samples.where(bench="lists", side="ours"))
    if not found:
        return None
    rows = [[source, shape, str(threads), *(samples.cell(field, bench="lists", input=source, shape=shape,
                                                         threads=threads) for field in fields.values())]
            for source, shape, threads in found]
    return ("Lists of what is observed, by row and by column, ms", [*keys, *fields], rows)


def tables(samples):
    yield from sgd_tables(samples)
    yield from crossover_tables(samples)
    by_path = ("side", "path", "rank", "threads")
    for found in (
        side_table(samples, "SGD epoch, 20,000 x 100,000, 0.1 % observed", "sparse", by_path),
        list_table(samples),
        side_table(samples, "Full-batch epoch, 1000 x 10000, 35 % observed", "gd"),
        side_table(samples, "Descent by autograd, an epoch, dense 1000 x 10000", "autograd"),
        side_table(samples, "Iris by autograd, rank 2, 1000 epochs", "iris", ("side", "threads")),
        side_table(samples, "3 x 3, rank 2, 1000 epochs of SGD", "small", ("side",)),
        side_table(samples, "MLP on iris, 100 epochs, a seed", "mlp", ("side", "variant", "lr")),
        side_table(samples, "Start-up: factorise --version, import torch", "startup", ("side",)),
        side_table(samples, "Peak memory beyond A and M, 1000 x 10000", "memory", ("method", "rank", "threads"),
                   "mb", "MB"),
        side_table(samples, "SGD epoch beside a second busy job, against alone", "busy", ("side", "threads"),
                   "slowdown", "times"),
    ):
        if found:
            yield found


def quality_tables(data_sets):
    for data in data_sets:
        header, rows = quality.table(data)
        rows_, columns = data.shape
        yield (f"Seconds to quality: {data.name}, {rows_} x {columns}, {data.counts[0]:,} ratings to train on, "
               f"{data.counts[1]:,} held out, rank 5", header, rows)


def as_text(title, header, rows):
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(row):
        return "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths)))

    return "\n".join([title, *("  " + line(row).rstrip() for row in [header, *rows])])


def as_markdown(title, header, rows):
    def line(row):
        return "| " + " | ".join(row) + " |"

    return "\n".join([f"## {title}", "", line(header), line(["---"] * len(header)), *map(line, rows)])
