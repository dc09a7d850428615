#!/usr/bin/env python3
"""./labs bench: this library, scalar loops, PyTorch and LIBMF side by side on this machine.

Every ratio comes from one run in which the sides take turns; every table entry is a median; every timed result is
checked before its time counts. Writes a table with machine, date and settings, and the curves as CSV.
"""

import argparse
import csv
import datetime
import io
import os
import platform
import re
import sys
import tempfile
import time

import measurements
import peers
import quality
import report
from peers import environments
from samples import Samples
from sides import Sides

SECTIONS = [f.__name__ for f in measurements.SECTIONS] + ["quality"]


def arguments():
    parser = argparse.ArgumentParser(prog="./labs bench", description=__doc__.split("\n")[0])
    parser.add_argument("--only", action="append", choices=SECTIONS, metavar="SECTION",
                        help=f"run this section alone (may be given several times): {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and repeats, a few minutes in place of twenty")
    parser.add_argument("--rounds", type=int, help="turns that each side takes (default 3, with --quick 2)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="the larger of the thread counts timed")
    parser.add_argument("--output", help="folder for the results (default: benchmarks/results for a whole run, else "
                                         "build/bench-results)")
    return parser.parse_args()


class Plan:
    """How much is measured, and the line that says how far it is."""

    def __init__(self, given):
        self.quick = given.quick
        self.rounds = given.rounds or (2 if given.quick else 3)
        self.seconds = 0.1 if given.quick else 0.2
        self.begin = time.monotonic()

    def progress(self, what):
        print(f"bench: {time.monotonic() - self.begin:4.0f} s  {what}", file=sys.stderr, flush=True)


class Machine:
    def __init__(self):
        text = ""
        if os.path.exists("/proc/cpuinfo"):
            with open("/proc/cpuinfo") as file:
                text = file.read()
        found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
        self.cpu = found.group(1).strip() if found else platform.machine()
        self.avx512 = "avx512f" in text
        self.load = os.getloadavg()[0]

    def slug(self):
        return re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)", "", self.cpu.lower())).strip("-")

    def line(self):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
        return (f"machine: {self.cpu}, {os.cpu_count()} cores{', AVX-512' if self.avx512 else ''}, {memory:.0f} GB, "
                f"{platform.system()}; load {self.load:.2f} when the run began")

    def lines(self, sides, plan):
        versions = sides.torch.ask("versions")
        libmf = sides.libmf.ask("versions")
        return [
            *self.common_lines(sides, plan, versions, libmf),
            *peer_lines(sides, plan, versions, libmf),
        ]

    def common_lines(self, sides, plan, versions, libmf):
        return [
            self.line(),
            date_line(),
            f"versions: torch {versions.get('torch', '–')}, Python {versions.get('python', '–')}, "
            f"LIBMF {libmf.get('libmf', '– (' + libmf.get('skipped', '') + ')')}",
            f"settings: {plan.rounds} rounds in turn, medians; samples of about {plan.seconds} s; 1 and "
            f"{sides.threads} threads{'; --quick' if plan.quick else ''}",
        ]


def peer_lines(sides, plan, versions, libmf):
    """Which build each side is, and how it is called: a peer is to be at its best."""
    yield (f"ours: {sides.isa}" + (f"; the rows \"{measurements.OURS_AVX2}\" are FACTORISE_ISA=avx2 on the same machine"
                                   if sides.isa == "AVX-512" else ""))
    yield ("scalar C++ loops: one source compiled with -O3 for plain x86-64, for AVX2 with fused multiply-adds, and "
           "for AVX-512; the best one counts. -march=native gives none that is faster")
    yield (f"PyTorch: pip's wheel, {versions.get('blas', '–')}, {versions.get('capability', '–')}; the sheets' code in "
           "eager mode, and the same mathematics in place, without a new tensor of A's size in an epoch, which of the "
           "forms tried is the fastest (torch.compile of the sheets' code lies between the two); the race to an error "
           "takes the latter")
    if "build" in libmf:
        yield f"LIBMF: its own sources, from PyPI's sdist, built with: {libmf['build']}; {libmf_check(sides, plan)}"


def libmf_check(sides, plan):
    """Whether the peer fits as it should, on ratings on which its figure is known."""
    ratings = os.path.join(sides.root, "..", "shared", "data", "ml-1m", "ratings.npz")
    if not os.path.exists(ratings):
        return "MovieLens 1M is not here, so its fit was not checked: ../shared/data/ml-1m/ratings.npz"
    rank, iterations = 16, 20 if plan.quick else 40
    found = sides.libmf.ask("movielens", ratings=ratings, seed=0, rank=rank, iterations=iterations, eta=0.1,
                            regularisation=0.05, threads=sides.threads,
                            train=os.path.join(sides.folder, "ml-1m-train.f32"),
                            holdout=os.path.join(sides.folder, "ml-1m-holdout.f32"))
    if "skipped" in found:
        return f"its fit of MovieLens 1M was not had: {found['skipped']}"
    return (f"its fit of MovieLens 1M (rank {rank}, {iterations} iterations, eta 0.1, regularisation 0.05) has an RMSE "
            f"of {found['rmse']:.4f} on a tenth set aside. Predictions are products of its factors: the package's own "
            "predict() hands rows of pairs to a function that reads them by columns, and so is wrong in every build")


def date_line():
    return f"date: {datetime.datetime.now().astimezone().isoformat(timespec='minutes')}"


def run_quality(sides, plan, notes):
    found = []
    for load in quality.DATA_SETS:
        data = load(sides, plan)
        if isinstance(data, str):
            notes.append(data)
        else:
            found.append(data)
            notes += [f"{data.name}: {note}" for note in data.notes]
        plan.progress(f"quality, {load.__name__}")
    return found


def blocks(samples, data_sets, sides, machine, whole):
    """All tables: title, header, rows. The bars come first; of a part of the run, those that it can judge."""
    found = report.bars(samples, data_sets, sides.threads, machine.avx512)
    rows = [bar.row() for bar in found if whole or bar.value is not None]
    if rows:
        yield "The bars, set before anything was measured", ["", "bar", "measured", ""], rows
    yield from report.tables(samples)
    yield from report.quality_tables(data_sets)


def save(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    print(f"bench: wrote {path}", file=sys.stderr)


def csv_text(data_sets):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(quality.CURVE_HEADER)
    for data in data_sets:
        writer.writerows(quality.curves(data))
    return text.getvalue()


def main():
    given = arguments()
    environments.build("benchmarks=ON")
    root, build = environments.ROOT, environments.BUILD
    torch_python = environments.python_of_torch(environments.torch_of_build(build))
    libmf_python = peers.python_of_libmf()
    wanted = given.only or SECTIONS
    plan, machine = Plan(given), Machine()
    whole = wanted == SECTIONS and not given.quick
    kept, passing = os.path.join(root, "benchmarks", "results"), os.path.join(build, "bench-results")
    output = given.output or (kept if whole else passing)
    os.makedirs(output, exist_ok=True)
    data_sets, notes = [], []
    with tempfile.TemporaryDirectory(prefix="factorise-bench-") as folder:
        sides = Sides(build, root, folder, torch_python, libmf_python, given.threads)
        samples = Samples(sides.isa)
        lines = machine.lines(sides, plan)
        for section in measurements.SECTIONS:
            if section.__name__ in wanted:
                section(sides, samples, plan)
        if "quality" in wanted:
            data_sets = run_quality(sides, plan, notes)
        sides.close()
    notes += samples.reasons()
    wrong = samples.wrong()
    notes += [f"WRONG RESULT, its time does not count: {sample}" for sample in wrong]
    found = list(blocks(samples, data_sets, sides, machine, whole))
    print("\n".join(lines), *(report.as_text(*block) for block in found), *notes, sep="\n\n")
    name = os.path.join(output, f"{datetime.date.today().isoformat()}-{machine.slug()}")
    markdown = ["# Benchmarks", "\n".join(f"- {line}" for line in lines),
                *(report.as_markdown(*block) for block in found)]
    if notes:
        markdown += ["## Notes", "\n".join(f"- {note}" for note in notes)]
    save(name + ".md", "\n\n".join(markdown) + "\n")
    if data_sets:
        save(name + "-curves.csv", csv_text(data_sets))
    plan.progress("done")
    return 1 if wrong else 0


if __name__ == "__main__":
    environments.run(main)
