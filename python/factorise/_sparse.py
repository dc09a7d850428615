"""Sparse matrices of ratings: their stored entries are the observed ones, stored zeros included.

Of scipy (matrices and arrays) and of torch, without importing scipy; all become a sparse COO tensor, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._memory import memory_for
from ._operators import operators

# A torch.Tensor, dense or sparse, or a sparse matrix or array of scipy, which need not be installed.
Matrix = Any

# Their blocks and diagonals are filled up with zeros that are not entries.
_FILLED_UP = {"bsr", "dia", "sparse_bsr", "sparse_bsc"}


def is_sparse(X: Any) -> bool:
    """Whether X is a sparse matrix of scipy or a tensor of a sparse layout."""
    if isinstance(X, Tensor):
        return not X.is_nested and X.layout != torch.strided
    return hasattr(X, "tocoo") and hasattr(X, "nnz")


def check_entries(function: str, A: Any, masked: str) -> None:
    """Refuses an A that is not sparse. masked: the function for a dense one."""
    if not is_sparse(A):
        raise TypeError(
            f"[{function}] A must be a sparse matrix of torch or scipy, but was {type(A).__name__}, dense. {masked} "
            "takes one with a mask."
        )


def as_entries(function: str, name: str, X: Any) -> Tensor:
    """A sparse matrix as a sparse COO tensor, coalesced: its stored entries, row by row. Shares memory where it can.

    Raises ValueError for formats that fill up with zeros, for a tensor that is no matrix, for an entry outside or held
    twice, and for values that are no real numbers; NotImplementedError inside a transform of torch.func by X.
    """
    if isinstance(X, Tensor):
        operators._check_constant(function, X)
        _refuse_filled_up(function, name, str(X.layout).removeprefix("torch."))
        X = X.detach()
        if X.sparse_dim() + X.dense_dim() != 2 or X.dense_dim() != 0:
            raise ValueError(
                f"[{function}] {name} must be a matrix, m x n, with a number for each entry, but has the shape "
                f"{tuple(X.shape)} with {X.dense_dim()} dense dimensions."
            )
        coo = X if X.layout == torch.sparse_coo else X.to_sparse_coo()
        rows, columns, values = coo._indices()[0], coo._indices()[1], coo._values()
    else:
        _refuse_filled_up(function, name, X.format)
        if len(X.shape) != 2:
            raise ValueError(f"[{function}] {name} must be a matrix, m x n, but has the shape {tuple(X.shape)}.")
        coo = X.tocoo()  # which does not sum duplicates
        rows, columns = (torch.from_numpy(np.array(side, dtype=np.int64)) for side in (coo.row, coo.col))
        values = as_numbers(function, name, coo.data)
    return entries(function, name, (int(X.shape[0]), int(X.shape[1])), rows, columns, values)


def entries(function: str, name: str, shape: tuple[int, int], rows: Tensor, columns: Tensor, values: Tensor) -> Tensor:
    """A sparse COO tensor of these entries, in whatever order they are. Raises ValueError for one outside or twice."""
    for side, length, indices in (("row", shape[0], rows), ("column", shape[1], columns)):
        if indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < length:
            raise ValueError(
                f"[{function}] {name}'s {side}s must be from 0 to {length - 1}, but those of its entries are from "
                f"{int(indices.min())} to {int(indices.max())}."
            )
    cell = rows * shape[1] + columns
    if bool((cell[1:] <= cell[:-1]).any()):
        cell, order = cell.sort()
        rows, columns, values = rows[order], columns[order], values[order]
        twice = (cell[1:] == cell[:-1]).nonzero()
        if twice.numel():
            at = int(twice[0])
            raise ValueError(
                f"[{function}] {name} must hold every entry once, but holds ({int(rows[at])}, {int(columns[at])}) more "
                "than once. Keep one of them, or their mean; scipy's sum_duplicates() and torch's coalesce() add them "
                "up."
            )
    return coo(torch.stack([rows, columns]), values, shape)


def coo(indices: Tensor, values: Tensor, shape: Sequence[int]) -> Tensor:
    """A coalesced tensor of entries that are in order, each once: unchecked, and on their device, whatever the
    caller's default device is."""
    result: Tensor = torch.ops.aten._sparse_coo_tensor_unsafe(indices, values, list(shape), is_coalesced=True)
    return result


def _refuse_filled_up(function: str, name: str, format: str) -> None:
    if format in _FILLED_UP:
        raise ValueError(
            f"[{function}] a sparse {name} must be CSR, CSC or COO, but was {format}, which stores zeros to fill up its "
            "blocks. Make it CSR, without the zeros that are no entries."
        )


def as_numbers(function: str, name: str, array: np.ndarray[Any, Any]) -> Tensor:
    """A copy of an array of numbers, in a type that torch computes with, of this machine's byte order."""
    if array.dtype.kind == "O":
        array = array.astype(np.float64)  # raises TypeError or ValueError with a message
    if array.dtype.kind == "c":
        raise ValueError(f"[{function}] {name} must be real, but was {array.dtype}. Complex data not supported.")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"[{function}] {name} must hold numbers, but was {array.dtype}.")
    if array.dtype.itemsize > 8 or (array.dtype.kind == "u" and array.dtype.itemsize > 1):
        array = array.astype(np.float64)  # torch has no such type, or few operators for it
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))


def with_mask(function: str, A: Tensor) -> tuple[Tensor, Tensor]:
    """The dense matrix of a coalesced one, and the mask of its entries: memory for m n numbers and m n bytes."""
    rows, columns = A._indices()
    advice = "sgd_factorise_entries on the CPU, MatrixFactorisation's method sgd, needs memory for the entries alone."
    with memory_for(function, A.shape, A.dtype, advice):
        mask = torch.zeros(A.shape, dtype=torch.bool, device=A.device)
        dense = torch.zeros(A.shape, dtype=A.dtype, device=A.device)
    mask[rows, columns] = True
    dense[rows, columns] = A._values()
    return dense, mask
