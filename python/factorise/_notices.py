"""Warnings for input that is allowed but often a mistake: they name it, and what would be right."""

from __future__ import annotations

import sys
import warnings

import torch
from torch import Tensor


def notice(message: str) -> None:
    """A UserWarning at the line that called the package."""
    depth = 1
    while sys._getframe(depth).f_globals.get("__name__", "").split(".")[0] == __name__.split(".")[0]:
        depth += 1
    warnings.warn(message, UserWarning, stacklevel=depth + 1)


def notice_zeros(function: str, A: Tensor) -> None:
    """Warns where a matrix without a mask looks like ratings with zeros for missing ones: whole numbers, at least half
    of them zeros, and not just zeros and ones, which are a table of yes and no."""
    if A.is_complex() or A.dtype == torch.bool or not A.numel():
        return
    zeros = A.numel() - int(torch.count_nonzero(A))
    if 2 * zeros < A.numel() or zeros == A.numel():
        return
    if A.is_floating_point() and not bool((A == A.floor()).all()):  # NaN and infinity are refused elsewhere
        return
    if not bool((A.abs() > 1).any()):
        return
    notice(
        f"[{function}] {100 * zeros / A.numel():.0f} % of the matrix are zeros, and all of them count as observed. "
        "Where they stand for what is missing, say so: with a mask (A != 0), with NaN in their place for "
        "MatrixFactorisation, or by a sparse matrix. A mask of ones says that they are meant."
    )


def notice_triples(function: str, A: Tensor) -> None:
    """Warns where a matrix without names looks like a list of ratings: three or four columns, of whole numbers in the
    first two, each pair of them once, and of few values in the third, as ratings have. Columns that are known by their
    names are refused instead, see _frames."""
    rows, columns = A.shape
    if columns not in (3, 4) or rows < 20:
        return
    ids = A[:, :2]
    if A.is_floating_point() and not bool((ids == ids.floor()).all()):
        return
    if bool((ids < 0).any()) or A[:, 2].unique().numel() > 21:
        return
    several = all(10 <= side.unique().numel() < rows for side in ids.T)
    if not several or ids.unique(dim=0).size(0) < rows or bool((ids.amax(0) <= A[:, 2].amax()).any()):
        return
    notice(
        f"[{function}] X looks like a list of ratings, one a row (row, column, value), but is taken for a matrix of "
        f"{rows} x {columns} ratings. factorise.entries_of makes a matrix of a list: entries_of({{'user': X[:, 0], "
        "'item': X[:, 1], 'rating': X[:, 2]}, row='user', column='item', value='rating').matrix"
    )
