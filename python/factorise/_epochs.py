"""One run of any method: opens a session, and drives its epochs in slices, between which Ctrl-C, the progress bar and
the observers are handled.

The factors after a number of epochs are the same for every cut into slices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ._arguments import (
    Callback,
    Engine,
    FactorsCallback,
    Initial,
    check_callable,
    check_choice,
    check_initial,
    check_integer,
    check_number,
    check_seed,
    check_tensor,
    device_of,
    ratings_of,
)
from ._divergence import DivergenceError
from ._notices import notice_zeros
from ._operators import new_session
from ._reference import REFERENCES
from ._sparse import Matrix

# Seconds. Python sees Ctrl-C when a slice is done. A slice of descent begins and ends threads, which takes some 0.01 s
# where other programs keep the cores busy.
_SLICE = 0.25


class RunOptions(NamedTuple):
    """The options that all methods share."""

    num_epochs: int
    lr: float | None  # None: the method has none
    seed: int | None
    initial: Initial | None
    engine: Engine
    overcomplete: bool
    epochs_done: int
    report_every: int
    callback: Callback | None
    factors_every: int
    on_factors: FactorsCallback | None
    progress: bool


class Session(Protocol):
    """A run between its epochs: the C++ library's, or the sheets' Python."""

    def advance(self, epochs: int) -> int:
        """Runs epochs. Returns the first of them (from 1) after which a factor was not finite, or 0."""

    def loss(self) -> float:
        """The loss that the method reports."""

    def factors(self) -> tuple[Tensor, Tensor]:
        """U and V, which the run does not change."""


def run(
    function: str, method: str, A: Matrix, M: Matrix | None, rank: int, options: RunOptions, *, mask: str = "M",
    masked: bool = False, **of_method: Any,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Runs a method ("sgd", "gd", "ad" or "als") with its own options, and returns U and V. `mask` is M's name in sentences;
    `masked`: whether a dense A must have one."""
    U, V = run_session(function, method, A, M, rank, options, mask=mask, masked=masked, **of_method).factors()
    return U, V


def run_session(
    function: str, method: str, A: Matrix, M: Matrix | None, rank: int, options: RunOptions, *, mask: str = "M",
    masked: bool = False, **of_method: Any,
) -> Any:  # fmt: skip
    """The same of any method, "gibbs" too, and returns the session after its last epoch."""
    options = _checked(function, options)
    A, M = ratings_of(function, A, M, mask, sparse=method in ("sgd", "als", "gibbs"))
    check_tensor(function, "A", A)
    if M is not None or (masked and not A.is_sparse):
        check_tensor(function, mask, M)
    with plain_computation(device_of(A)):
        settings = {name: getattr(options, name) for name in _OF_LIBRARY}
        if options.lr is not None:
            settings["lr"] = options.lr
        rank = check_integer(function, "rank", rank)
        opened = new_session(function, method, A, M, rank, {**settings, **of_method})
        if M is None and not A.is_sparse:
            notice_zeros(function, A)
        session = opened
        if options.engine == "reference" and method in REFERENCES:
            session = REFERENCES[method](opened.given(), lr=options.lr, epochs_done=options.epochs_done, **of_method)
        _run_epochs(function, options, session, opened.divergence)
        return session


# The observers and the bar are Python's.
_OF_LIBRARY = ("num_epochs", "seed", "initial", "engine", "overcomplete", "epochs_done", "report_every",
               "factors_every")  # fmt: skip


def _checked(function: str, options: RunOptions) -> RunOptions:
    """The options in Python's own types; C++ checks their values."""
    check_callable(function, "callback", options.callback, "(epoch, loss)")
    check_callable(function, "on_factors", options.on_factors, "(epoch, U, V)")
    check_choice(function, "engine", options.engine, ("fused", "reference"))
    return options._replace(
        num_epochs=check_integer(function, "num_epochs", options.num_epochs),
        lr=None if options.lr is None else check_number(function, "lr", options.lr),
        seed=check_seed(function, options.seed),
        initial=check_initial(function, options.initial),
        overcomplete=bool(options.overcomplete),
        epochs_done=check_integer(function, "epochs_done", options.epochs_done),
        report_every=check_integer(function, "report_every", options.report_every),
        factors_every=check_integer(function, "factors_every", options.factors_every),
    )


def _run_epochs(function: str, options: RunOptions, session: Session, divergence: Callable[[int], str]) -> None:
    """Runs the epochs that are not done, or until an observer returns False."""
    last, done, slice_ = options.num_epochs, options.epochs_done, 1
    observers: list[tuple[int, Callable[[int], Any]]] = []
    if (callback := options.callback) is not None:
        observers.append((options.report_every, lambda epoch: callback(epoch, session.loss())))
    if (on_factors := options.on_factors) is not None:
        observers.append((options.factors_every, lambda epoch: on_factors(epoch, *session.factors())))
    with _progress_bar(function, options) as advance_bar:
        while done < last:
            count = min(slice_, last - done, *(every - done % every for every, _ in observers))
            began = time.perf_counter()
            diverged = session.advance(count)
            took = time.perf_counter() - began
            if diverged:
                raise DivergenceError(divergence(done + diverged), done + diverged)
            # Never much longer than a measured slice: the first epochs find caches empty, and another process may hold
            # the core.
            slice_ = max(1, min(2 * slice_, int(count * _SLICE / max(took, 1e-9))))
            done += count
            advance_bar(count)
            answers = [call(done) for every, call in observers if done % every == 0 or done == last]
            if any(_is_false(answer) for answer in answers):
                return


def _is_false(answer: Any) -> bool:
    """Whether an observer's result is False, Python's, numpy's or torch's. None and all other values are not."""
    if isinstance(answer, Tensor):
        return answer.dtype == torch.bool and answer.numel() == 1 and not answer
    return isinstance(answer, (bool, np.bool_)) and not answer


@contextmanager
def _progress_bar(function: str, options: RunOptions) -> Iterator[Callable[[int], Any]]:
    if not options.progress:
        yield lambda count: None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError(
            f"[{function}] progress=True needs tqdm, but it is not installed. Type: pip install tqdm"
        ) from None
    with tqdm(total=options.num_epochs, initial=options.epochs_done, desc=function, unit="epoch") as bar:
        yield bar.update


@contextmanager
def plain_computation(device: torch.device) -> Iterator[None]:
    """Inside, torch computes without grad, autocast and inference tensors, whatever the caller has enabled."""
    # The checks of arguments refuse other devices with a message; torch.autocast would raise its own.
    kind = device.type if device.type in ("cpu", "cuda") else "cpu"
    with torch.inference_mode(False), torch.no_grad(), torch.autocast(kind, enabled=False):
        yield
