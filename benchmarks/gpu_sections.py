"""The sections of gpu.py: what is set beside what, on which data, and how each result is checked."""

import gpu_quality
import torch
from gpu_sides import (CpuDescent, Descent, Gradients, Sgd, Steps, Sweeps, compiled, descend_functionally, in_graph,
                       loss_by_operator, masked_loss, masked_loss_by_operator)
from gpu_turns import Agreement, has_bits_of, is_ours
from torch_side import descend, masked_step, squared_loss

DENSITY = 0.35
SGD_LR, MASKED_LR, AD_LR = 1e-3, 1e-5, 2e-6  # far from where 1000 epochs of these shapes diverge
SGD_CASES = ((5, torch.float32), (16, torch.float32), (5, torch.float64))
RUNS = 64
EAGER, GRAPH, ALS = "PyTorch, eager", "PyTorch, CUDA graph", "PyTorch ALS, batched Cholesky solves"
OURS, LOOP, LOOP_GRAPH = "ours", "ours, factor_loss in a loop", "ours, factor_loss in a CUDA graph"
CPU = "CPU engine"
ONE, SEEDS, RATES = "ours, one run", f"ours, {RUNS} seeds", f"ours, {RUNS} learning rates"
CPU_ROUND_EPOCHS = 100


def named(dtype):
    return str(dtype).removeprefix("torch.")


def compiled_name(bench):
    return f"PyTorch, torch.compile ({bench.compile_mode})"


def cpu(*tensors):
    return [t.cpu() for t in tensors]


class OnCpu:
    """The CPU engine in its turn: a share of the epochs, for the time of all."""

    def __init__(self, side, share):
        self.side, self.share, self.reset = side, share, side.reset

    def advance(self, epochs):
        self.side.advance(max(1, round(epochs * self.share)))


def sgd(bench):
    """Exact SGD beside the CPU engine."""
    for rank, dtype in SGD_CASES[:1] if bench.quick else SGD_CASES:
        A, M = (matrix.to(dtype) for matrix in bench.matrix(DENSITY))
        start = [factor.to(dtype) for factor in bench.start(rank)]
        on_cpu = Sgd(*cpu(A, M), [cpu(*start)], [SGD_LR])
        reference = bench.reference(on_cpu, bench.epochs)
        bench.progress(f"sgd, rank {rank}, {named(dtype)}: {reference.epochs} epochs of the CPU engine")
        few = min(bench.epochs, CPU_ROUND_EPOCHS)

        def check(name, side):
            return has_bits_of(side, reference, bench.epochs) if is_ours(name) else {"check": f"{few} epochs, scaled"}

        makers = {OURS: lambda: Sgd(A, M, [start], [SGD_LR]), CPU: lambda: OnCpu(on_cpu, few / bench.epochs)}
        bench.take_turns({"bench": "sgd", "rank": rank, "type": named(dtype)}, makers, bench.epochs, check)
    if bench.device.is_gpu:
        side = Sgd(*bench.matrix(DENSITY), [bench.start(5)], [SGD_LR])
        bench.gpu.read_clock(lambda: side.advance(100))
    bench.progress("sgd")


def runs(bench):
    """Many runs in one call against one."""
    rank = 5
    A, M = bench.matrix(DENSITY)
    first = bench.start(rank)
    seeds = [bench.start(rank, seed) for seed in range(RUNS)]
    rates = [SGD_LR * (1 - 0.75 * i / (RUNS - 1)) for i in range(RUNS)]
    cases = {ONE: ([first], [SGD_LR]), SEEDS: (seeds, [SGD_LR] * RUNS), RATES: ([first] * RUNS, rates)}
    references = {name: bench.reference(Sgd(*cpu(A, M), [cpu(*s) for s in starts], lrs), bench.epochs,
                                        probe=max(1, 10 // len(lrs)))
                  for name, (starts, lrs) in cases.items()}
    bench.progress("runs: the CPU engine's")
    timed = {}

    def check(name, side):
        """The first of many is the one that also runs alone, and has its bits after all epochs."""
        timed[name] = [factor[0].clone() for factor in side.factors()]
        is_the_one = all(map(torch.equal, timed[name], timed.get(ONE, timed[name])))
        found = has_bits_of(side, references[name], bench.epochs)
        return found | {"right": found["right"] and is_the_one}

    bench.take_turns({"bench": "runs"}, {name: lambda case=case: Sgd(A, M, *case) for name, case in cases.items()},
                     bench.epochs, check)
    bench.progress("runs")


def checks_of(references, agreement, epochs):
    """Of ours bits and error, of others the error alone. The first reference is the expected one."""
    expected = next(iter(references.values()))
    if expected.epochs == epochs:
        agreement.expect(expected.factors)

    def check(name, side):
        found = agreement.check(side)
        if not is_ours(name):
            return found
        bits = has_bits_of(side, references[name], epochs)
        return found | bits | {"right": bits["right"] and found["right"]}

    return check


def fused_descent(bench, A, observed, start, lr, method):
    """Ours; on a CPU, where its operators do not exist, the program."""
    if bench.device.is_gpu:
        return Descent(A, observed, start, lr, method)
    return CpuDescent(bench.sides.build, bench.sides.folder, A, start, lr, method)


def full_batch(bench):
    """gd_factorise_masked's epochs."""
    A, M = bench.matrix(DENSITY)
    start = bench.start(5)
    reference = bench.reference(CpuDescent(bench.sides.build, bench.sides.folder, A, start, MASKED_LR, "masked"),
                                bench.epochs)
    bench.progress(f"full-batch: {reference.epochs} epochs of the CPU engine")

    def theirs(way):
        return lambda: Steps(masked_step, (A, M), start, (MASKED_LR,), way)

    makers = {OURS: lambda: fused_descent(bench, A, M.bool(), start, MASKED_LR, "masked"),
              EAGER: lambda: Steps(masked_step, (A, M), start, (MASKED_LR,)), GRAPH: theirs(in_graph)}
    if bench.compile_mode != "off":
        makers[compiled_name(bench)] = theirs(compiled(bench.compile_mode))
    bench.take_turns({"bench": "full_batch"}, makers, bench.epochs,
                     checks_of({OURS: reference}, Agreement(A, M, start), bench.epochs))
    bench.progress("full-batch")


def autograd(bench):
    """gd_factorise_ad's epochs on a dense matrix: its own, and the lab's loop around factor_loss."""
    A, M = bench.matrix(1)
    start = bench.start(5)
    fused = bench.reference(CpuDescent(bench.sides.build, bench.sides.folder, A, start, AD_LR, "squared"),
                            bench.epochs)
    settings = (AD_LR, loss_by_operator)
    on_cpu = Steps(descend, cpu(A), cpu(*start), settings, by_autograd=True)
    loop = bench.reference(on_cpu, bench.epochs)
    bench.progress(f"autograd: {fused.epochs} and {loop.epochs} epochs of the CPU engine")
    makers = {
        OURS: lambda: fused_descent(bench, A, None, start, AD_LR, "squared"),
        LOOP: lambda: Steps(descend, (A,), start, settings, by_autograd=True),
        LOOP_GRAPH: lambda: Steps(descend, (A,), start, settings, in_graph, by_autograd=True),
        EAGER: lambda: Steps(descend, (A,), start, (AD_LR,), by_autograd=True),
        GRAPH: lambda: Steps(descend, (A,), start, (AD_LR,), in_graph, by_autograd=True),
    }
    if bench.compile_mode != "off":
        makers[compiled_name(bench)] = lambda: Steps(descend_functionally, (A,), start, (AD_LR,),
                                                     compiled(bench.compile_mode))
    bench.take_turns({"bench": "autograd"}, makers, bench.epochs,
                     checks_of({OURS: fused, LOOP: loop, LOOP_GRAPH: loop}, Agreement(A, M, start), bench.epochs))
    bench.progress("autograd")


def factor_loss(bench):
    """The loss and its gradients, without a step."""
    times = 20 if bench.quick else 200
    for what, density in (("dense", 1), ("35 % observed", DENSITY)):
        A, M = bench.matrix(density)
        start = bench.start(5)
        data, by_operator = ((A,), loss_by_operator) if density == 1 else ((A, M.bool()), masked_loss_by_operator)
        by_hand, hand_data = (squared_loss, (A,)) if density == 1 else (masked_loss, (A, M))
        on_cpu = Gradients(by_operator, cpu(*data), cpu(*start))
        on_cpu.advance(1)

        def check(name, side, expected=on_cpu.factors()):
            pairs = [(found.cpu(), wanted) for found, wanted in zip(side.factors(), expected, strict=True)]
            if is_ours(name):
                return {"right": all(torch.equal(*pair) for pair in pairs), "check": "bits of the CPU engine"}
            near = all(float((found - wanted).norm()) <= 1e-3 * float(wanted.norm()) for found, wanted in pairs)
            return {"right": near, "check": "within 0.1 % of ours"}

        bench.take_turns({"bench": "factor_loss", "data": what},
                         {OURS: lambda: Gradients(by_operator, data, start),
                          EAGER: lambda: Gradients(by_hand, hand_data, start)}, times, check, unit=1)
    bench.progress("factor_loss")


def als(bench):
    """A sweep of alternating least squares, the third's error as on the CPU."""
    sweeps, rank, regularisation = 3, 5, 0.01
    A, M = bench.matrix(DENSITY)
    start = bench.start(rank)
    agreement = Agreement(A, M, start)
    on_cpu = Sweeps(*cpu(A, M), rank, regularisation, cpu(*start))
    on_cpu.advance(sweeps)
    agreement.expect(on_cpu.factors())
    bench.take_turns({"bench": "als"}, {ALS: lambda: Sweeps(A, M, rank, regularisation, start)}, sweeps,
                     lambda _, side: agreement.check(side), unit=1)
    bench.progress("als")


def quality(bench):
    """Seconds to quality, curves."""
    gpu_quality.run(bench)


SECTIONS = (sgd, runs, full_batch, autograd, factor_loss, als, quality)
