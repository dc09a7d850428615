"""The input of an estimator as tensors: arrays, lists, tables, sparse matrices; and its results."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._frames import array_of_frame, is_frame, plain
from ._operators import operators
from ._sparse import as_entries, as_numbers, coo, is_sparse


def as_matrix(function: str, X: Any, columns: int | None = None) -> Tensor:
    """X as a tensor of two dimensions that are not 0: itself, or a copy of what numpy makes of it; what is masked in a
    masked array, or missing in a table, is NaN. A sparse matrix, of torch or scipy, as a coalesced COO tensor.

    The messages hold the words that scikit-learn's checks expect.
    """
    if is_frame(X):
        X = array_of_frame(function, X)
    if is_sparse(X):
        matrix = as_entries(function, "X", X)
    elif isinstance(X, Tensor):
        operators._check_constant(function, X)
        matrix = X
    else:
        array = np.ma.filled(X.astype(np.float64), np.nan) if np.ma.isMaskedArray(X) else np.asarray(X)
        matrix = as_numbers(function, "X", array)
    shape = tuple(matrix.shape)
    if matrix.dim() != 2:
        raise ValueError(
            f"[{function}] X must be a matrix, but has the shape {shape}. Reshape your data: X[None, :] is one row."
        )
    if 0 in shape:
        side, name = (0, "sample") if shape[0] == 0 else (1, "feature")
        raise ValueError(
            f"[{function}] X must have rows and columns, but has {shape[side]} {name}(s) (shape={shape}) while a "
            "minimum of 1 is required."
        )
    if columns is not None and shape[1] != columns:
        raise ValueError(f"X has {shape[1]} features, but MatrixFactorisation is expecting {columns} features as input")
    return matrix


def observed_of(function: str, A: Tensor, mask: Any) -> Tensor | None:
    """The mask as a tensor; without one, what is not NaN, or None where nothing is. None for a sparse A."""
    if A.is_sparse:
        if mask is not None:
            raise ValueError(f"[{function}] mask must be left out where X is sparse: its stored entries are observed.")
        return None
    if mask is None:
        if not A.is_floating_point():
            return None
        missing = A.detach().isnan()
        return missing.logical_not() if bool(missing.any()) else None
    M = as_mask(function, "mask", mask)
    if M.shape != A.shape:
        raise ValueError(f"[{function}] mask must have the shape of X, {tuple(A.shape)}, but was {tuple(M.shape)}.")
    return M.to(A.device)


def as_mask(function: str, name: str, mask: Any) -> Tensor:
    """A mask as a dense tensor; a sparse one marks the entries that it holds and that are not zero."""
    if is_sparse(mask):
        return as_entries(function, name, mask).to_dense()
    if isinstance(mask, Tensor):
        operators._check_constant(function, mask)
        return mask.detach()
    return as_numbers(function, name, plain(mask))


def entries_in(A: Tensor, M: Tensor | None) -> Tensor:
    """The observed entries of the results of as_matrix and observed_of, as a coalesced COO tensor."""
    if A.is_sparse:
        return A
    A = A.detach()
    indices = (torch.ones_like(A, dtype=torch.bool) if M is None else M).nonzero().T
    values = A[indices[0], indices[1]]
    return coo(indices, values, A.shape)


def observed_sides(A: Tensor, M: Tensor | None) -> tuple[Tensor, Tensor, float]:
    """Which rows and which columns have an observed entry (bool), and the mean of all of these."""
    if A.is_sparse:
        sides = []
        for side in (0, 1):
            seen = torch.zeros(A.size(side), dtype=torch.bool, device=A.device)
            seen[A._indices()[side]] = True
            sides.append(seen)
        return sides[0], sides[1], float(A._values().double().mean())
    if M is None:
        rows, columns = (torch.ones(length, dtype=torch.bool, device=A.device) for length in A.shape)
        return rows, columns, float(A.detach().mean(dtype=torch.float64))
    observed = M.ne(0)
    total = A.detach().masked_fill(observed.logical_not(), 0).sum(dtype=torch.float64)
    return observed.any(1), observed.any(0), float(total / observed.sum())


def like(X: Any, result: Tensor, factor: Tensor) -> Any:
    """A result as X was given: an array, or a tensor in a factor's type and on its device."""
    return result.to(factor) if isinstance(X, Tensor) else result.cpu().numpy()


def check_fitted(estimator: Any, function: str) -> None:
    """Raises NotFittedError, scikit-learn's where that is loaded, before fit."""
    if not hasattr(estimator, "V_"):
        theirs = sys.modules.get("sklearn.exceptions")
        kind = NotFittedError if theirs is None else theirs.NotFittedError
        raise kind(f"[{function}] the estimator must be fitted, but was not. Call fit.")


class NotFittedError(ValueError, AttributeError):
    """A method of an estimator was called before fit."""
