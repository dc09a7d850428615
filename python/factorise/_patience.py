"""Early stopping: a run is judged every few epochs by what it has not seen, and ends when that gets no better."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from ._arguments import check_callable, check_integer, check_number


class Best(NamedTuple):
    """The best of the factors that were judged."""

    U: Tensor
    V: Tensor
    error: float  # as `judge` has it
    epoch: int  # that led to them


class Patience:
    """An observer for on_factors, which keeps the best factors of a run and ends it:

        patience = Patience(3, lambda U, V: squared_error(A, U, V, held_out))
        sgd_factorise_masked(A, M & ~held_out, 5, 200, 0.002, factors_every=20, on_factors=patience)
        U, V, error, epoch = patience.best

    looks: how many judgements in a row may be no better than the best before them, >= 1.
    judge: called with U and V; how far they are from what the run has not seen, less is better.

    best: the best of what was judged, or None. worse: the judgements since.
    """

    def __init__(self, looks: int, judge: Callable[[Tensor, Tensor], Any]) -> None:
        self.looks = check_integer("Patience", "looks", looks)
        if self.looks < 1:
            raise ValueError(f"[Patience] looks must be at least 1, but was {self.looks}.")
        if judge is None:
            raise TypeError("[Patience] judge must be callable, with (U, V), but was None.")
        check_callable("Patience", "judge", judge, "(U, V)")
        self.judge = judge
        self.best: Best | None = None
        self.worse = 0

    def __call__(self, epoch: int, U: Tensor, V: Tensor) -> bool:
        """Judges; False where the patience is at its end."""
        error = check_number("Patience", "the result of judge", self.judge(U, V))
        if self.best is None or error < self.best.error:
            self.best, self.worse = Best(U, V, error, epoch), 0
        else:
            self.worse += 1
        return not self.is_over

    @property
    def is_over(self) -> bool:
        """Whether the last judgements have used it up."""
        return self.worse >= self.looks
