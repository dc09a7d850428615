"""Drives the epochs of a run: in slices, between which Ctrl-C, the progress bar and the callback are handled.

The factors after a number of epochs are the same for every cut into slices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ._arguments import Callback
from ._divergence import DivergenceError

# Seconds. Python sees Ctrl-C when a slice is done. A slice of descent begins and ends threads, which takes some 0.01 s
# where other programs keep the cores busy.
_SLICE = 0.25


class Schedule(NamedTuple):
    """The length of a run, and its reports."""

    function: str
    num_epochs: int
    report_every: int
    callback: Callback | None
    progress: bool
    advice: str  # what to try when the run diverges, as a clause


def run_epochs(schedule: Schedule, step: Callable[[int], int], loss: Callable[[], float]) -> None:
    """Runs all epochs, or until the callback returns False.

    step(n) runs n epochs, and returns the first of them (from 1) after which a factor was not finite, or 0.
    loss() is called only where it is reported.
    """
    callback, every = schedule.callback, schedule.report_every
    done, slice_ = 0, 1
    with _progress_bar(schedule) as advance:
        while done < schedule.num_epochs:
            count = min(slice_, schedule.num_epochs - done)
            if callback is not None:
                count = min(count, every - done % every)
            began = time.perf_counter()
            diverged = step(count)
            took = time.perf_counter() - began
            if diverged:
                epoch = done + diverged
                raise DivergenceError(
                    f"[{schedule.function}] diverged: after epoch {epoch} the result is no longer finite. "
                    f"Try {schedule.advice}.",
                    epoch,
                )
            # Never much longer than a measured slice: the first epochs find caches empty, and another process may hold
            # the core.
            slice_ = max(1, min(2 * slice_, int(count * _SLICE / max(took, 1e-9))))
            done += count
            advance(count)
            reported = done % every == 0 or done == schedule.num_epochs
            if callback is not None and reported and _is_false(callback(done, loss())):
                return


def _is_false(answer: Any) -> bool:
    """Whether a callback's result is False, Python's, numpy's or torch's. None and all other values are not."""
    if isinstance(answer, Tensor):
        return answer.dtype == torch.bool and answer.numel() == 1 and not answer
    return isinstance(answer, (bool, np.bool_)) and not answer


def one_by_one(epoch: Callable[[], None], *factors: Tensor) -> Callable[[int], int]:
    """A step for run_epochs of epochs that do not check for divergence themselves."""

    def step(count: int) -> int:
        for i in range(1, count + 1):
            epoch()
            if not all(bool(factor.detach().isfinite().all()) for factor in factors):
                return i
        return 0

    return step


@contextmanager
def _progress_bar(schedule: Schedule) -> Iterator[Callable[[int], Any]]:
    if not schedule.progress:
        yield lambda count: None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError(
            f"[{schedule.function}] progress=True needs tqdm, but it is not installed. Type: pip install tqdm"
        ) from None
    with tqdm(total=schedule.num_epochs, desc=schedule.function, unit="epoch") as bar:
        yield bar.update


@contextmanager
def plain_computation(device: torch.device) -> Iterator[None]:
    """Inside, torch computes without grad, autocast and inference tensors, whatever the caller has enabled."""
    # The checks of arguments refuse other devices with a message; torch.autocast would raise its own.
    kind = device.type if device.type in ("cpu", "cuda") else "cpu"
    with torch.inference_mode(False), torch.no_grad(), torch.autocast(kind, enabled=False):
        yield
