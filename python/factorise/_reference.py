"""One epoch of each exercise in the lab sheets' own Python, on factors that exist: engine="reference".

Slow and short: the reference for tests, with the bits of a solution of the labs on the same torch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def sgd_epoch(A: Tensor, M: Tensor | None, U: Tensor, V: Tensor, lr: float, weight_decay: float) -> None:
    """Lab 1, exercises 1.1 and 3.1. Where there is weight decay, u and v are scaled before they are moved."""
    m, n = A.shape
    for r in range(m):
        for c in range(n):
            if M is None or M[r, c] != 0:
                _step(A[r, c], U, V, r, c, lr, weight_decay)


def _step(a: Tensor, U: Tensor, V: Tensor, r: int, c: int, lr: float, weight_decay: float) -> None:
    e = a - U[r] @ V[c]
    if weight_decay == 0:
        U[r] = U[r] + lr * e * V[c]
        V[c] = V[c] + lr * e * U[r]
    else:
        shrink = 1 - lr * weight_decay
        U[r] = shrink * U[r] + lr * e * V[c]
        V[c] = shrink * V[c] + lr * e * U[r]


def sgd_entries_epoch(
    rows: list[int], columns: list[int], values: Tensor, U: Tensor, V: Tensor, lr: float, weight_decay: float
) -> None:
    """The same on a list of entries, which are in the order of those loops."""
    for r, c, a in zip(rows, columns, values, strict=True):
        _step(a, U, V, r, c, lr, weight_decay)


def gd_epoch(A: Tensor, M: Tensor, U: Tensor, V: Tensor, lr: float) -> None:
    """Lab 1, exercise 4.1."""
    err = (A - U @ V.t()) * M
    U += (lr * err) @ V
    V += (lr * err.t()) @ U


def ad_loss(A: Tensor, M: Tensor | None, U: Tensor, V: Tensor, loss: str) -> Tensor:
    """Lab 2, exercise 1.1; "norm" as in one report. A is zero where M is."""
    prediction = U @ V.t()
    if M is not None:
        prediction = prediction * M
    return torch.norm(A - prediction) if loss == "norm" else F.mse_loss(prediction, A, reduction="sum")


def ad_epoch(A: Tensor, M: Tensor | None, U: Tensor, V: Tensor, lr: float, loss: str) -> None:
    """Lab 2, exercise 1.1. U and V require grad."""
    with torch.enable_grad():
        U.grad = V.grad = None
        ad_loss(A, M, U, V, loss).backward()
    assert U.grad is not None and V.grad is not None
    U.data -= lr * U.grad
    V.data -= lr * V.grad
