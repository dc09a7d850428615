"""The error of a run that leaves the finite numbers."""

from __future__ import annotations


class DivergenceError(RuntimeError):
    """A factor left the finite numbers. The message says when and what to try; nothing half-done is returned.

    epoch: the first epoch (from 1) after which a factor was not finite.
    """

    def __init__(self, message: str, epoch: int) -> None:
        super().__init__(message, epoch)
        self.epoch = epoch

    def __str__(self) -> str:
        return str(self.args[0])
