"""How gpu.py measures: sides take turns, each result is checked before its time counts, what fails is said and passed
over, and all of it ends in time."""

import contextlib
import dataclasses
import math
import os
import signal
import sys
import time

import torch
from gpu_sides import Device
from samples import Samples
from torch_side import dense, start_ratings

READY_SECONDS = 120  # that a side may take to be ready; torch.compile is what needs them


class TimeIsOver(BaseException):
    """Not an Exception: those torch.compile catches where one of its many tries fails."""


class Limit:
    """The seconds that everything may take, and those of a part. Work that a GPU has begun cannot be ended
    from here: the caller has a limit of its own."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds
        signal.signal(signal.SIGALRM, self.ring)
        self.set(math.inf)

    @staticmethod
    def ring(*_):
        raise TimeIsOver

    def left(self):
        return self.end - time.monotonic()

    def set(self, seconds):
        """At once where the time is over."""
        signal.setitimer(signal.ITIMER_REAL, max(1e-3, min(seconds, self.left())))

    def stop(self):
        signal.setitimer(signal.ITIMER_REAL, 0)

    @contextlib.contextmanager
    def within(self, seconds):
        self.set(seconds)
        try:
            yield
        finally:
            self.set(math.inf)


@dataclasses.dataclass
class Reference:
    """What the CPU engine comes to after so many epochs."""

    epochs: int
    factors: list


def first_line(error):
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:160]}"


def is_ours(side):
    return side.startswith("ours")


class Bench:
    """One run of gpu.py: what it was asked for, the samples, the data."""

    def __init__(self, given, sides, gpu, is_standard):
        self.device, self.gpu, self.is_standard = Device(given.device), gpu, is_standard
        self.shape, self.epochs, self.compile_mode = (given.rows, given.columns), given.epochs, given.compile
        self.quick = given.quick
        self.rounds = given.rounds or (2 if given.quick else 3)
        self.reference_ms = 600 if given.quick else 6000
        self.limit = Limit(given.limit)
        self.sides, self.samples, self.begin = sides, Samples(), time.monotonic()
        self.order = {}  # the sides by name, as they stand in the tables
        self.data_sets, self.notes, self.faults = [], [], []

    def progress(self, what):
        print(f"bench: {time.monotonic() - self.begin:4.0f} s  {what}", flush=True, file=sys.stderr)

    def fault(self, sentence):
        """What keeps the whole from being as it should."""
        self.faults.append(sentence)
        self.notes.append(sentence)

    def matrix(self, density, device=None):
        """Made-up ratings and their mask, float32, on the device."""
        rows, columns = self.shape
        path = self.sides.problem(f"{rows}x{columns}-{density}", "--rows", rows, "--columns", columns, "--density",
                                  density)
        return dense(path, self.shape, device or self.device.name)

    def start(self, rank, seed=0):
        return start_ratings(self.shape, rank, self.device.name, seed)

    def attempt(self, labels, work, seconds=math.inf):
        """work(), or None where it fails. That is a sample too: of ours one that is wrong, of others the reason."""
        try:
            with self.limit.within(seconds):
                return work()
        except TimeIsOver:
            if self.limit.left() < 0.5:
                raise
            reason = f"not ready after {seconds} s"
        except Exception as error:
            reason = first_line(error)
        ours = is_ours(labels["side"])
        self.samples.add({"right": False, "failed": reason} if ours else {"skipped": reason}, **labels)
        return None

    def reference(self, side, epochs, probe=10):
        """The CPU engine over all epochs, or as many as its time allows."""
        def run(count):
            side.reset()
            ms = Device("cpu").ms(lambda: side.advance(count))
            return 1e3 * side.seconds if hasattr(side, "seconds") else ms

        probe = min(probe, epochs)
        run(probe)
        count = min(epochs, max(probe, int(self.reference_ms * probe / max(run(probe), 1e-3))))
        run(count)
        return Reference(count, [factor.clone() for factor in side.factors()])

    def take_turns(self, labels, makers, epochs, checks, unit=None):
        """makers: name -> a function that makes the side; checks: a function from (name, side) to "right" and "check".
        Times are of `epochs` epochs, or of `unit` of them."""
        def made(make):
            side = make()
            side.reset()
            side.advance(min(epochs, 3))
            return side

        self.order |= dict.fromkeys(makers)
        ready = {}
        for name, make in makers.items():
            side = self.attempt(labels | {"side": name}, lambda make=make: made(make), READY_SECONDS)
            if side is not None:
                ready[name] = side

        def sample_of(name, side):
            side.reset()
            ms = self.device.ms(lambda: side.advance(epochs)) * (unit or epochs) / epochs
            sample = {"ms": ms / getattr(side, "share", 1)} | checks(name, side)
            return sample | {"remark": getattr(side, "remark", "")}

        for _ in range(self.rounds):
            for name, side in list(ready.items()):
                named = labels | {"side": name}
                sample = self.attempt(named, lambda name=name, side=side: sample_of(name, side))
                if sample is None:
                    del ready[name]
                else:
                    self.samples.add(sample, **named)


def has_bits_of(side, reference, epochs):
    """Whether our side has the CPU engine's bits: what was timed, where the engine ran as long, else a run as long as
    the engine's."""
    if reference.epochs != epochs:
        side.reset()
        side.advance(reference.epochs)
    pairs = zip(side.factors(), reference.factors, strict=True)
    return {"right": all(torch.equal(ours.cpu(), theirs.cpu()) for ours, theirs in pairs),
            "check": f"bits of the CPU engine, {reference.epochs} epochs"}


class Agreement:
    """The error that a side ends with must be finite, have fallen, and be the one expected: the CPU engine's, or where
    that did not run as long, the first side's."""

    def __init__(self, A, M, start, tolerance=1e-3):
        self.A, self.M, self.tolerance = A, M, tolerance
        self.before, self.expected = self.sse(start), None

    def sse(self, factors):
        U, V = (factor.to(self.A) for factor in factors)
        return float(((self.A - U @ V.T) * self.M).square().sum(dtype=torch.float64))

    def expect(self, factors):
        self.expected = self.sse(factors)

    def check(self, side):
        sse = self.sse(side.factors())
        if self.expected is None and math.isfinite(sse):
            self.expected = sse
        return {"sse": sse, "sse_before": self.before, "check": f"SSE within {100 * self.tolerance:g} %",
                "right": abs(sse / (self.expected or math.nan) - 1) <= self.tolerance}


def library_missing(build, device):
    """What a build tree lacks, or nothing."""
    needed = ["src/libfactorise.so", "bin/bench_factorise", "bin/factorise"]
    if device != "cpu":
        needed.append("src/libfactorise_cuda.so")
    return [name for name in needed if not os.path.exists(os.path.join(build, name))]
