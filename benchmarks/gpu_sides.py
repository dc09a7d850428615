"""What gpu.py sets side by side: PyTorch eager, in a CUDA graph and compiled, our operators, and the CPU engine, whose
bits they must have.

A side has reset(), back to its start; advance(epochs); and factors(), what has come of it. On a CPU, which shows that
all of this runs and measures nothing, a graph and compiled code are plain calls, and the program `factorise` is our
descent.
"""

import importlib
import json
import os
import subprocess
import time

import torch
from torch_side import LeastSquares, settle, squared_loss


class Device:
    def __init__(self, name):
        self.name = name
        self.is_gpu = name != "cpu"

    def ms(self, work):
        """Milliseconds until all that work() asks of the device is done."""
        settle(self.name)
        begin = time.perf_counter()
        work()
        settle(self.name)
        return 1e3 * (time.perf_counter() - begin)


# ---- PyTorch: ways to call a step with the same arguments again and again


def eager(step, arguments):
    return lambda: step(*arguments)


def in_graph(step, arguments):
    """One epoch, captured once: a replay is all epochs' launches at the price of one."""
    if not any(isinstance(a, torch.Tensor) and a.is_cuda for a in arguments):
        return eager(step, arguments)
    # What is called for the first time sets itself up, which a graph may not contain.
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step(*arguments)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(*arguments)
    return graph.replay


def compiled(mode):
    """torch.compile in a mode of its own. Fixed addresses, or its CUDA graphs would copy A at every call, and would not
    be made for a step that writes to its arguments."""
    def make(step, arguments):
        tensors = [a for a in arguments if isinstance(a, torch.Tensor)]
        if not any(t.is_cuda for t in tensors):
            return eager(step, arguments)
        dynamo, counts = (importlib.import_module(name) for name in ("torch._dynamo", "torch._dynamo.utils"))  # seconds
        dynamo.reset()
        counts.counters.clear()
        for tensor in tensors:
            dynamo.mark_static_address(tensor)
        step_now = torch.compile(step, mode=mode, fullgraph=True)
        call = eager(step_now, arguments)
        for _ in range(3):
            call()
        if counts.counters["inductor"]["cudagraph_skips"]:
            call.remark = "it made no CUDA graph"
        return call

    return make


class Steps:
    """step(*data, U, V, *settings) moves U and V in place; `way` is one of the three above."""

    def __init__(self, step, data, start, settings, way=eager, by_autograd=False):
        self.start = start
        self.U, self.V = (factor.clone().requires_grad_(by_autograd) for factor in start)
        self.call = way(step, (*data, self.U, self.V, *settings))
        self.remark = getattr(self.call, "remark", "")

    def reset(self):
        with torch.no_grad():
            self.U.copy_(self.start[0])
            self.V.copy_(self.start[1])

    def advance(self, epochs):
        for _ in range(epochs):
            self.call()

    def factors(self):
        return self.U.detach(), self.V.detach()


def descend_functionally(A, U, V, lr):
    """An epoch of descent by autograd as torch.compile takes it whole: backward() would cut it in two."""
    by_U, by_V = torch.func.grad(lambda u, v: squared_loss(A, u, v), argnums=(0, 1))(U, V)
    U -= lr * by_U
    V -= lr * by_V


class Gradients:
    """The loss and both gradients, no step: advance(n) computes them n times, and "factors" are what comes out."""

    def __init__(self, loss_of, data, start):
        self.loss_of, self.data = loss_of, data
        self.U, self.V = (factor.clone().requires_grad_() for factor in start)

    def reset(self):
        self.loss = None

    def advance(self, times):
        for _ in range(times):
            self.U.grad = self.V.grad = None
            self.loss = self.loss_of(*self.data, self.U, self.V)
            self.loss.backward()

    def factors(self):
        return self.loss.detach(), self.U.grad, self.V.grad


class Sweeps:
    """Alternating least squares."""

    def __init__(self, A, M, rank, regularisation, start):
        self.start = start
        self.U, self.V = (factor.clone() for factor in start)
        self.solver = LeastSquares(A, M, rank, regularisation)

    reset = Steps.reset
    factors = Steps.factors

    def advance(self, sweeps):
        for _ in range(sweeps):
            self.solver.sweep(self.U, self.V)


# ---- ours


def load(build, device):
    """Our operators, from a build tree."""
    folder = os.path.join(build, "src")
    torch.ops.load_library(os.path.join(folder, "libfactorise.so"))
    if device != "cpu":
        torch.ops.load_library(os.path.join(folder, "libfactorise_cuda.so"))


def loss_by_operator(A, U, V):
    return torch.ops.factorise.factor_loss(U, V, A, None, False)


def masked_loss_by_operator(A, observed, U, V):
    return torch.ops.factorise.factor_loss(U, V, A, observed, False)


def masked_loss(A, M, U, V):
    """As a person writes it."""
    return (((A - U @ V.T) * M) ** 2).sum()


class Sgd:
    """Exact SGD, on the device of A: as many runs at once as there are rates, each with a start of its own."""

    def __init__(self, A, M, starts, rates):
        self.ratings = torch.classes.factorise.SgdRatings(A, M, starts[0][0].shape[1])
        self.start = [torch.stack(factors).to(A) for factors in zip(*starts, strict=True)]
        self.U, self.V = (factor.clone() for factor in self.start)
        self.rates = rates

    reset = Steps.reset
    factors = Steps.factors

    def advance(self, epochs):
        diverged = self.ratings.epochs(self.U, self.V, self.rates, 0.0, 1.0, epochs)
        if diverged.any():
            raise ArithmeticError(f"a run diverged at epoch {int(diverged[diverged > 0].min())}")


def descent_session(A, observed, start, lr, method):
    """Our full-batch descent on a GPU, and its factors, which its epochs change in place. method: "masked" (lab 1) or
    "squared" (lab 2)."""
    name, own = ("gd", {}) if method == "masked" else ("ad", {"loss": method})
    options = {"lr": lr, "initial": list(start), "overcomplete": True, **own}
    session = torch.classes.factorise.Session("descent", name, A, observed, start[0].shape[1], options)
    return session, *session.given()[2:]


class Descent:
    """Our full-batch descent on a GPU, all epochs in one call."""

    def __init__(self, A, observed, start, lr, method):
        self.start = start
        self.session, self.U, self.V = descent_session(A, observed, start, lr, method)

    reset = Steps.reset
    factors = Steps.factors

    def advance(self, epochs):
        diverged = self.session.advance(epochs)
        if diverged:
            raise ArithmeticError(f"it diverged at epoch {diverged}")


class CpuDescent:
    """The CPU engine's descent, which has no operators: by the program `factorise`, which says what it took."""

    def __init__(self, build, folder, A, start, lr, method):
        self.A, self.initial, self.output = (os.path.join(folder, f"cpu-{name}.pt") for name in ("A", "start", "end"))
        torch.save(A.cpu(), self.A)
        torch.save({"U": start[0].cpu(), "V": start[1].cpu()}, self.initial)
        self.command = [os.path.join(build, "bin", "factorise"), "fit", self.A, "--method",
                        *(["gd", "--missing", "zero"] if method == "masked" else ["ad"]), "--rank",
                        str(start[0].shape[1]), "--lr", repr(lr), "--engine", "fused", "--device", "cpu", "--initial",
                        self.initial, "--output", self.output, "--json", "-", "--quiet"]
        self.seconds = 0.0

    def reset(self):
        pass

    def advance(self, epochs):
        done = subprocess.run([*self.command, "--epochs", str(epochs)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        self.seconds = json.loads(done.stdout)["seconds"]

    def factors(self):
        found = torch.load(self.output, weights_only=True)
        return found["U"], found["V"]
