#!/usr/bin/env python3
"""./labs gpu bench: exact SGD, full-batch descent and the loss on this machine's GPU, beside PyTorch on the same GPU
and our CPU engine.

Every ratio comes from one run in which the sides take turns; every table entry is a median; every timed result is
checked before its time counts: ours by the CPU engine's bits, PyTorch's by the error it ends with. Ends with status 0
if every check passed, 1 if not or if the time did not last, 2 for arguments that it does not know, 3 without a GPU.
"""

import argparse
import datetime
import os
import re
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RESULTS = os.path.join(ROOT, "benchmarks", "results")
SECTIONS = ("sgd", "runs", "full_batch", "autograd", "factor_loss", "als", "quality")
STANDARD = (1000, 10000, 1000)  # rows, columns, epochs: what the bars are about


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def arguments():
    parser = argparse.ArgumentParser(prog="./labs gpu bench", description=__doc__.split("\n\n")[0], allow_abbrev=False)
    parser.add_argument("--only", action="append", choices=SECTIONS, metavar="SECTION",
                        help=f"run this section alone (may be given several times): {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="fewer cases, rounds and settings")
    parser.add_argument("--rounds", type=positive, help="turns that each side takes (default 3, with --quick 2)")
    parser.add_argument("--compile", choices=("reduce-overhead", "max-autotune", "off"), default="reduce-overhead",
                        help="torch.compile's mode (default: %(default)s)")
    parser.add_argument("--limit", type=positive, default=480, metavar="SECONDS",
                        help="when to end with what there is (default: %(default)s)")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda",
                        help="cpu shows that all of this runs, and measures nothing")
    for name, value in zip(("--rows", "--columns", "--epochs"), STANDARD, strict=True):
        parser.add_argument(name, type=positive, default=value, help="another size (default: %(default)s)")
    parser.add_argument("--output", metavar="FILE.md", help="where the tables go (default: benchmarks/results/<date>-"
                        "<GPU>.md for a whole run, else build/bench-results/)")
    parser.add_argument("--check-arguments", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help=argparse.SUPPRESS)  # the tests give it
    given = parser.parse_args()
    if given.output and not given.output.endswith(".md"):
        parser.error(f"--output must be a file that ends with .md, but was {given.output}")
    if given.device == "cpu" and is_result(given.output):
        parser.error("what was made on a CPU does not belong into benchmarks/results")
    return given


def is_result(path):
    return bool(path) and os.path.realpath(path).startswith(os.path.realpath(RESULTS) + os.sep)


def is_standard(given):
    return (given.rows, given.columns, given.epochs) == STANDARD


def output_of(given, gpu):
    if given.output:
        return given.output
    whole = gpu and is_standard(given) and not (given.only or given.quick)
    slug = re.sub(r"[^a-z0-9]+", "-", gpu.properties.name.lower()).strip("-") if gpu else "cpu"
    return os.path.join(RESULTS if whole else os.path.join(given.build, "bench-results"),
                        f"{datetime.date.today().isoformat()}-{slug}.md")


def end(status, sentence):
    print(f"bench: {sentence}", file=sys.stderr)
    sys.exit(status)


def measure(bench, wanted):
    """Section by section, as long as the time lasts; each one's tables are printed when it is done."""
    import gpu_report
    import gpu_sections
    from gpu_turns import TimeIsOver, first_line
    from report import as_text

    printed, name = set(), ""
    try:
        for section in gpu_sections.SECTIONS:
            name = section.__name__
            if name not in wanted:
                continue
            try:
                section(bench)
            except Exception as error:
                bench.fault(f"{name} ended early: {first_line(error)}")
            for block in gpu_report.tables(bench):
                if block[0] not in printed:
                    printed.add(block[0])
                    print(as_text(*block), end="\n\n", flush=True)
    except TimeIsOver:
        bench.fault(f"the time was over during {name}: what is missing from there on was not measured")
    finally:
        bench.limit.stop()


def lines(bench, given):
    import platform

    import gpu_report
    import torch
    from run import Machine, date_line

    found = [Machine().line(), *(bench.gpu.lines() if bench.gpu else []), date_line(),
             f"versions: torch {torch.__version__}, CUDA {torch.version.cuda}, Python {platform.python_version()}",
             f"settings: {bench.rounds} rounds in turn, medians; float32 products in float32, no TF32; torch.compile "
             f"{given.compile}; {torch.get_num_threads()} threads for the CPU engine"
             + ("; --quick" if given.quick else ""),
             gpu_report.floor_line(bench)]
    return found if bench.gpu else ["MADE ON THE CPU: it shows that the script runs, and measures nothing", *found]


def write(bench, given, wanted):
    import gpu_report
    from report import as_markdown, as_text
    from run import csv_text, save

    head, blocks = lines(bench, given), list(gpu_report.tables(bench))
    notes = list(gpu_report.notes(bench))
    if bench.gpu and bench.is_standard:
        rows = [bar.row() for bar in gpu_report.bars(bench) if bar.value is not None or wanted == SECTIONS]
        if rows:
            bars = "The bars, set before anything was measured", ["", "bar", "measured", ""], rows
            blocks.insert(0, bars)
            print(as_text(*bars), end="\n\n")
    print("\n".join(head), *notes, sep="\n\n")
    title = "# Benchmarks on a GPU" if bench.gpu else "# Not a benchmark: made on a CPU"
    markdown = [title, "\n".join(f"- {line}" for line in head),
                *(as_markdown(*block) for block in blocks)]
    if notes:
        markdown += ["## Notes", "\n".join(f"- {note}" for note in notes)]
    path = output_of(given, bench.gpu)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    save(path, "\n\n".join(markdown) + "\n")
    if bench.data_sets:
        save(path.removesuffix(".md") + "-curves.csv", csv_text(bench.data_sets))


def become_python_of_torch(build):
    """Goes on as the interpreter that imports the torch which the build is for, where there is one."""
    from peers import environments

    torch = environments.torch_of_build(build)
    if torch and not environments.imports_torch(sys.executable, torch):
        python = environments.python_of_torch(torch)
        if python:
            os.execv(python, [python, *sys.argv])


def main():
    given = arguments()
    if given.check_arguments:
        return
    become_python_of_torch(given.build)
    try:
        import torch
    except ImportError as error:
        end(1, f"{sys.executable} has no torch: {error}")
    if given.device == "cuda" and not torch.cuda.is_available():
        end(3, "there is no GPU here that this torch can use")
    from gpu_machine import Gpu
    from gpu_quality import Here
    from gpu_sides import load
    from gpu_turns import Bench, library_missing
    from sides import Sides

    missing = library_missing(given.build, given.device)
    if missing:
        end(1, f"{given.build} lacks {', '.join(missing)}; ./labs gpu bench builds them")
    wanted = tuple(name for name in SECTIONS if name in (given.only or SECTIONS))
    torch.set_float32_matmul_precision("highest")
    gpu = Gpu(given.device) if given.device == "cuda" else None
    with tempfile.TemporaryDirectory(prefix="factorise-bench-") as folder:
        sides = Sides(given.build, ROOT, folder, "", "", os.cpu_count())
        sides.torch = Here()
        load(given.build, given.device)
        bench = Bench(given, sides, gpu, is_standard(given))
        measure(bench, wanted)
    write(bench, given, wanted)
    bench.progress("done")
    sys.exit(1 if bench.samples.wrong() or bench.faults else 0)


if __name__ == "__main__":
    main()
