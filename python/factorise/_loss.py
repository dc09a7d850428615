"""The loss of a factorisation: as a differentiable number for optimisers of your own, and as a float64 sum."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._arguments import check_tensor, ratings_of
from ._compiler import outside_graphs
from ._operators import operators
from ._sparse import Matrix


def factor_loss(U: Tensor, V: Tensor, A: Tensor, M: Tensor | None = None, norm: bool = False) -> Tensor:
    """Σ (U Vᵀ - A)² over the observed entries, or its square root: differentiable by U and V.

    U: m x rank, V: n x rank, float32 or float64, rank 1 to 256. A: m x n, any real type; one that is not U's is
    converted at every call. M: m x n, nonzero where A is observed. None: everywhere. All on one device. What is not
    observed is never read as a number and may be NaN. norm: the square root, whose derivatives at zero are taken to be
    zero.

    Returns a tensor of no dimensions in U's type. Value and gradients come from the same two passes over A, U Vᵀ is
    never stored; torch.compile takes it into its graph whole. Its bits are those of docs/contract.md.

    Derivatives are of any order, in reverse and forward mode and both together, and under torch.func: grad, vjp, jvp,
    jacrev, jacfwd, hessian; vmap loops over the batch. A tangent costs what a gradient does; a product with the second
    derivative some three gradients, and with a mask a byte an entry. torch.compile's graphs have first derivatives.

    Raises TypeError for what is not a tensor, ValueError where types, shapes or devices do not fit, and where A or M
    require grad or carry a tangent: they are given.
    """
    _check_tensors("factor_loss", U, V, A, M)
    loss: Tensor = operators.factor_loss(U, V, A, M, norm)
    return loss


def _check_tensors(function: str, U: Any, V: Any, A: Any, M: Any) -> None:
    for name, value in (("U", U), ("V", V), ("A", A)):
        check_tensor(function, name, value)
    if M is not None:
        check_tensor(function, "M", M)


@outside_graphs
def squared_error(A: Matrix, U: Tensor, V: Tensor, M: Tensor | None = None) -> float:
    """Sum over the observed entries of (A - U Vᵀ)², in float64, in an order that no number of threads changes.

    A: m x n, any real type. U: m x rank, V: n x rank, of one type and device, A's. M: m x n, nonzero where A is
    observed; None: everywhere. What is not observed may be NaN. Or A is sparse, of torch or scipy, and M None: its stored
    entries are what is observed. A number, without a derivative: see factor_loss.
    Raises TypeError for what is not a tensor, ValueError where shapes or devices do not fit.
    """
    A, M = ratings_of("squared_error", A, M, "M", sparse=True)
    _check_tensors("squared_error", U, V, A, M)
    with torch.no_grad():
        error: float = operators.squared_error(U, V, A, M)
    return error
