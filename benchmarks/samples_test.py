"""bench_factorise on tiny sizes: every verb prints samples with the keys that the tables are made of, and its own
checks of the results pass."""

import json
import os
import subprocess
import sys
import tempfile

PROGRAM = sys.argv[1]
SIZE = ["--rows", "17", "--columns", "40", "--density", "0.5", "--seconds", "0", "--threads", "2"]
EXPECTED = {
    "sgd": {"side", "rank", "threads", "ms", "sse"},
    "lists": {"side", "input", "threads", "check_ms", "by_row_ms", "by_column_ms", "ms", "right"},
    "small": {"side", "ms", "sse"},
    "gd": {"side", "rank", "threads", "ms", "sse", "right"},
    "autograd": {"side", "threads", "ms", "sse"},
    "mlp": {"side", "variant", "lr", "ms", "accuracy"},
    "memory": {"side", "method", "rank", "threads"},
    "busy": {"side", "threads", "slowdown"},
}


def samples(*arguments):
    done = subprocess.run([PROGRAM, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(condition, sentence):
    if not condition:
        raise SystemExit(sentence)


def check_verbs():
    for verb, keys in EXPECTED.items():
        found = samples(verb, *SIZE)
        check(found, f"{verb} prints no sample")
        for sample in found:
            check(keys <= sample.keys(), f"{verb}: {sorted(keys - sample.keys())} missing in {sample}")
            check(sample.get("right", True), f"{verb}: a wrong result in {sample}")
    sides = {(s["side"], s["threads"]) for s in samples("sgd", *SIZE)}
    check({("scalar entries", 1), ("ours", 1), ("ours", 2)} <= sides, f"sgd has the sides {sorted(sides)} alone")
    alone = samples("sgd", *SIZE, "--ours")
    check([(s["side"], s["path"], s["threads"], s["right"]) for s in alone]
          == [("ours", "automatic", 1, True), ("ours", "automatic", 2, True)], f"sgd --ours has the samples {alone}")
    check({s["bench"] for s in samples("autograd", *SIZE, "--ours")} == {"autograd"}, "autograd --ours times iris")


def check_curves(folder):
    """The library's curve is the scalar loop's: to the last digit in the fused engine, nearly so in the reference."""
    path = os.path.join(folder, "entries.f32")
    samples("problem", "--output", path, *SIZE)
    check(os.path.getsize(path) % 12 == 0, "problem does not write triples of float32")
    curves = {}
    for side in ("ours", "scalar"):
        settings = ["--train", path, "--holdout", path, "--epochs", "9", "--lr", "0.01", "--lr-decay", "0.9"]
        curves[side] = samples("quality", *SIZE, "--side", side, *settings)[0]
    check(curves["ours"].get("same_bits", False), "a run in stretches does not end where the whole run does")
    pairs = list(zip(curves["ours"]["points"], curves["scalar"]["points"], strict=True))
    check(pairs[-1][0]["epoch"] == 9, "a curve does not reach the last epoch")
    for ours, scalar in pairs:
        check(abs(ours["sse"] / scalar["sse"] - 1) < 1e-5, f"{ours} is not {scalar}")


check_verbs()
with tempfile.TemporaryDirectory() as scratch:
    check_curves(scratch)
