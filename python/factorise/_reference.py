"""engine="reference": the exercises in the lab sheets' own Python, as sessions of epochs.

Slow and short: the reference for tests, with the bits of a solution of the labs on the same torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._operators import operators

Given = tuple[Tensor, Tensor | None, Tensor, Tensor]  # A, what is observed, U and V


class _Reference:
    """What a run starts from, and its epochs one by one."""

    def __init__(self, given: Given, lr: float) -> None:
        self.A, self.M, U, V = given
        self.U, self.V = U.clone(), V.clone()  # inside a transform of torch.func, of its level
        self.lr = lr

    def epoch(self) -> None:
        raise NotImplementedError

    def advance(self, epochs: int) -> int:
        for i in range(1, epochs + 1):
            self.epoch()
            if not all(bool(factor.detach().isfinite().all()) for factor in (self.U, self.V)):
                return i
        return 0

    def loss(self) -> float:
        error: float = operators.squared_error(self.U, self.V, self.A, self.M)
        return error

    def factors(self) -> tuple[Tensor, Tensor]:
        return self.U.detach().clone(), self.V.detach().clone()


class _Sgd(_Reference):
    """Lab 1, exercises 1.1 and 3.1. Where there is weight decay, u and v are scaled before they are moved."""

    def __init__(
        self, given: Given, lr: float, epochs_done: int, weight_decay: float, lr_decay: float, path: str
    ) -> None:
        super().__init__(given, lr)
        self.weight_decay, self.lr_decay = weight_decay, lr_decay
        for _ in range(epochs_done):
            self.lr *= lr_decay
        if self.A.is_sparse:
            self.rows, self.columns = self.A._indices().tolist()
            self.values = self.A._values().to(self.U.dtype)

    def epoch(self) -> None:
        if self.A.is_sparse:
            for r, c, a in zip(self.rows, self.columns, self.values, strict=True):
                self.step(a, r, c)
        else:
            m, n = self.A.shape
            for r in range(m):
                for c in range(n):
                    if self.M is None or self.M[r, c] != 0:
                        self.step(self.A[r, c], r, c)
        self.lr *= self.lr_decay

    def step(self, a: Tensor, r: int, c: int) -> None:
        U, V, lr = self.U, self.V, self.lr
        e = a - U[r] @ V[c]
        if self.weight_decay == 0:
            U[r] = U[r] + lr * e * V[c]
            V[c] = V[c] + lr * e * U[r]
        else:
            shrink = 1 - lr * self.weight_decay
            U[r] = shrink * U[r] + lr * e * V[c]
            V[c] = shrink * V[c] + lr * e * U[r]


class _Gd(_Reference):
    """Lab 1, exercise 4.1."""

    def __init__(self, given: Given, lr: float, epochs_done: int) -> None:
        super().__init__(given, lr)
        assert self.M is not None
        self.mask = self.M.to(self.U.dtype)

    def epoch(self) -> None:
        err = (self.A - self.U @ self.V.t()) * self.mask
        self.U += (self.lr * err) @ self.V
        self.V += (self.lr * err.t()) @ self.U


class _Ad(_Reference):
    """Lab 2, exercise 1.1; "norm" as in one report. A is zero where it is not observed."""

    def __init__(self, given: Given, lr: float, epochs_done: int, loss: str) -> None:
        super().__init__(given, lr)
        self.mask = None if self.M is None else self.M.to(self.U.dtype)
        self.norm = loss == "norm"
        self.U.requires_grad_()
        self.V.requires_grad_()

    def minimised(self) -> Tensor:
        prediction = self.U @ self.V.t()
        if self.mask is not None:
            prediction = prediction * self.mask
        return torch.norm(self.A - prediction) if self.norm else F.mse_loss(prediction, self.A, reduction="sum")

    def loss(self) -> float:
        return self.minimised().item()

    def epoch(self) -> None:
        with torch.enable_grad():
            self.U.grad = self.V.grad = None
            self.minimised().backward()
        assert self.U.grad is not None and self.V.grad is not None
        self.U.data -= self.lr * self.U.grad
        self.V.data -= self.lr * self.V.grad


REFERENCES: dict[str, Callable[..., Any]] = {"sgd": _Sgd, "gd": _Gd, "ad": _Ad}
