"""What an estimator is given: tensors, arrays, lists; and what it hands back."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from torch import Tensor


def as_matrix(function: str, X: Any, columns: int | None = None) -> Tensor:
    """X as a tensor of two dimensions that are not 0: itself, or a copy of what numpy makes of it; what is masked in a
    masked array is NaN.

    Sentences hold the words that scikit-learn's checks look for.
    """
    if isinstance(X, Tensor):
        matrix = X
    else:
        if hasattr(X, "toarray"):
            raise TypeError(f"[{function}] X must be dense, but was a sparse matrix. Give its toarray().")
        array = np.ma.filled(X.astype(np.float64), np.nan) if np.ma.isMaskedArray(X) else np.asarray(X)
        if array.dtype.kind == "O":
            array = array.astype(np.float64)  # raises TypeError or ValueError, and says what for
        if array.dtype.kind == "c":
            raise ValueError(f"[{function}] X must be real, but was {array.dtype}. Complex data not supported.")
        if array.dtype.kind not in "biuf":
            raise ValueError(f"[{function}] X must hold numbers, but was {array.dtype}.")
        if array.dtype.itemsize > 8 or (array.dtype.kind == "u" and array.dtype.itemsize > 1):
            array = array.astype(np.float64)  # torch has no such type, or little for it
        matrix = torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
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
    """The mask as a tensor; without one, what is not NaN, or None where nothing is."""
    if mask is None:
        if not A.is_floating_point():
            return None
        missing = A.detach().isnan()
        return missing.logical_not() if bool(missing.any()) else None
    M = mask.detach() if isinstance(mask, Tensor) else torch.from_numpy(np.array(mask))
    if M.shape != A.shape:
        raise ValueError(f"[{function}] mask must have the shape of X, {tuple(A.shape)}, but was {tuple(M.shape)}.")
    return M.to(A.device)


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
    """An estimator was asked before it had learnt anything."""
