"""gpu.py on the CPU and a small shape: it ends with a table of every section in which every check passed, says that it
measures nothing, and keeps its output out of benchmarks/results/. Also what it answers without a GPU and to a typo."""

import csv
import importlib.util
import os
import subprocess
import sys
import tempfile

BUILD = sys.argv[1]
HERE = os.path.dirname(os.path.abspath(__file__))
TITLES = ("## Exact SGD, 33 x 70", "## 64 runs of exact SGD", "## Full-batch descent", "## Descent by autograd",
          "## Loss and both gradients, 33 x 70, float32, rank 5, dense", "## A sweep of alternating least squares",
          "## Seconds to quality: made-up")
SMALL = ("--device", "cpu", "--quick", "--rows", "33", "--columns", "70", "--epochs", "12")


def gpu(*arguments, **environment):
    # One thread: the others would wait for each other where cores are few and busy.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"} | environment
    return subprocess.run([sys.executable, os.path.join(HERE, "gpu.py"), "--build", BUILD, *arguments],
                          capture_output=True, text=True, env=environment)


def check(condition, sentence):
    if not condition:
        raise SystemExit(sentence)


def check_whole_run(folder):
    output = os.path.join(folder, "tables.md")
    done = gpu(*SMALL, "--output", output)
    check(done.returncode == 0, f"status {done.returncode}:\n{done.stdout}\n{done.stderr}")
    with open(output, encoding="utf-8") as file:
        text = file.read()
    check("Not a benchmark" in text and "measures nothing" in text, f"it does not say what it is:\n{text}")
    check("The bars" not in text, "a run on the CPU was judged by the GPU's bars")
    for title in TITLES:
        check(title in text, f"there is no table '{title}':\n{text}")
    for fault in ("WRONG", "failed", "ended early"):
        check(fault not in text, f"'{fault}' in:\n{text}")
    checked = [line for line in text.splitlines() if line.startswith("| ours") or "| bits of the CPU engine" in line]
    check(len(checked) >= 9, f"only {len(checked)} results of ours:\n{text}")
    for line in checked:
        check("bits of the CPU engine" in line and ": yes" in line, f"not checked: {line}")
    with open(os.path.join(folder, "tables-curves.csv"), newline="", encoding="utf-8") as file:
        methods = {row["method"] for row in csv.DictReader(file)}
    check({"factorise, exact SGD", "PyTorch ALS, batched solves", "PyTorch full-batch descent"} <= methods,
          f"curves of {sorted(methods)} alone")


def check_that_time_ends(folder):
    done = gpu(*SMALL, "--limit", "1", "--epochs", "100000", "--output", os.path.join(folder, "short.md"))
    check(done.returncode == 1 and "the time was over during" in done.stdout, f"{done.returncode}:\n{done.stdout}")


def check_wrong_results_are_found():
    """A check that cannot fail is none."""
    sys.path.insert(0, HERE)
    import torch
    from gpu_turns import Agreement, Reference, has_bits_of

    class Side:
        def __init__(self, *found):
            self.found = found

        def factors(self):
            return self.found

    U, V = torch.rand(4, 2), torch.rand(5, 2)
    off = U.clone()
    off[3, 1] = torch.nextafter(off[3, 1], torch.tensor(2.0))
    reference = Reference(3, [U, V])
    check(has_bits_of(Side(U.clone(), V), reference, 3)["right"], "the same bits are not found to be the same")
    check(not has_bits_of(Side(off, V), reference, 3)["right"], "a bit that differs passes")
    agreement = Agreement(U @ V.T, torch.ones(4, 5), (U + 1, V))
    check(agreement.check(Side(U + 0.1, V))["right"], "the first error is not its own measure")
    check(not agreement.check(Side(U + 0.11, V))["right"], "another error passes")
    check(not agreement.check(Side(U * float("nan"), V))["right"], "an error that is no number passes")


def check_refusals():
    typo = gpu("--onyl", "sgd")
    check(typo.returncode == 2 and "usage" in typo.stderr, f"a typo: {typo.returncode}, {typo.stderr}")
    section = gpu("--only", "sgdd")
    check(section.returncode == 2 and "usage" in section.stderr, f"no section: {section.returncode}")
    results = gpu(*SMALL, "--output", os.path.join(HERE, "results", "cpu.md"))
    check(results.returncode == 2, f"a CPU's output among the results: {results.returncode}")
    without = gpu(CUDA_VISIBLE_DEVICES="")
    check(without.returncode == 3 and without.stderr.count("\n") == 1 and "no GPU" in without.stderr,
          f"without a GPU: {without.returncode}, {without.stderr}")


if importlib.util.find_spec("torch") is None:
    print(f"skipped: {sys.executable} has no torch")
    sys.exit(77)
check_refusals()
check_wrong_results_are_found()
with tempfile.TemporaryDirectory() as scratch:
    check_whole_run(scratch)
    check_that_time_ends(scratch)
