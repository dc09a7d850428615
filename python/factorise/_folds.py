"""Entries set aside for validation: of every row, for score; of the whole matrix, for cross-validation over entries."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._arguments import check_integer
from ._epochs import plain_computation
from ._matrices import as_matrix, entries_in, observed_of
from ._sparse import coo, is_sparse


def held_back(rows: Tensor, count: int, fraction: float, seed: int) -> Tensor:
    """Marks a share of every row's entries, drawn from a CPU generator of that seed: at least one of a row that has two
    or more, never all; none of a row that has one.

    rows: int64, the rows of the entries, ascending. count: of rows. Returns bool, one for each entry.
    """
    length = torch.bincount(rows, minlength=count)
    share = torch.minimum((length * fraction).round().long().clamp(min=1), length - 1).clamp(min=0)
    draws = torch.rand(rows.numel(), generator=torch.Generator().manual_seed(seed), dtype=torch.float64, device="cpu")
    order = (rows + draws.to(rows.device)).argsort()  # row by row, and within a row by chance
    place = torch.arange(rows.numel(), device=rows.device) - (length.cumsum(0) - length)[rows]
    marks = torch.empty_like(rows, dtype=torch.bool)
    marks[order] = place < share[rows]
    return marks


class EntryKFold:
    """Cross-validation over entries: every observed entry is tested once, by a fit to the others of all rows.

        for train, test in EntryKFold(5).split(X):
            print(MatrixFactorisation(5, lr=0.002).fit(train).score_entries(test))

    scikit-learn's own splitters set whole rows aside, which measures another error: that of completing new rows
    (see MatrixFactorisation.score).

    n_splits: parts, >= 2. seed: of the draw, 0 to 2**63 - 1: entries go to the parts by chance, as many to each.
    """

    def __init__(self, n_splits: int = 5, *, seed: int = 0) -> None:
        self.n_splits = n_splits
        self.seed = seed

    def __repr__(self) -> str:
        return f"EntryKFold({self.n_splits}, seed={self.seed})"

    def split(self, X: Any, *, mask: Any = None) -> Iterator[tuple[Any, Any]]:
        """Yields n_splits pairs (train, test) of matrices of X's shape that hold the entries of their part alone.

        X and mask: as for MatrixFactorisation.fit. Of a dense X the parts are dense, with NaN elsewhere, in a floating
        type, a tensor for a tensor, else an array; of a sparse X sparse: torch's COO for a tensor, else scipy's CSR.
        Raises ValueError where there are fewer entries than parts.
        """
        function = "EntryKFold.split"
        parts = check_integer(function, "n_splits", self.n_splits)
        A = as_matrix(function, X)
        with plain_computation(A.device):
            sparse = entries_in(A, observed_of(function, A, mask))
        count = sparse._nnz()
        if not 2 <= parts <= count:
            raise ValueError(f"[{function}] n_splits must be from 2 to the {count} observed entries, but was {parts}.")
        generator = torch.Generator().manual_seed(check_integer(function, "seed", self.seed))
        part = torch.empty(count, dtype=torch.int64, device="cpu")
        part[torch.randperm(count, generator=generator, device="cpu")] = torch.arange(count, device="cpu") % parts
        for i in range(parts):
            test = (part == i).to(sparse.device)
            yield _part(X, sparse, test.logical_not()), _part(X, sparse, test)


def _part(X: Any, sparse: Tensor, kept: Tensor) -> Any:
    """The kept entries, in the form of X."""
    indices, values = sparse._indices()[:, kept], sparse._values()[kept]
    if not is_sparse(X):
        if not values.is_floating_point():
            values = values.to(torch.float32 if isinstance(X, Tensor) else torch.float64)
        dense = torch.full(sparse.shape, math.nan, dtype=values.dtype, device=values.device)
        dense[indices[0], indices[1]] = values
        return dense if isinstance(X, Tensor) else dense.numpy()
    if isinstance(X, Tensor):
        return coo(indices, values, X.shape)
    import scipy.sparse

    kind = scipy.sparse.csr_array if isinstance(X, scipy.sparse.sparray) else scipy.sparse.csr_matrix
    return kind((values.numpy(), tuple(indices.numpy())), shape=X.shape)


def cross_validate_entries(
    estimator: Any, X: Any, *, mask: Any = None, n_splits: int = 5, seed: int = 0
) -> np.ndarray[Any, Any]:
    """The scores of an estimator on entries that it did not see: minus the root mean squared error, for each part.

    estimator: a MatrixFactorisation; copies of it are fitted, it is left as it is. X, mask, n_splits, seed: as for
    EntryKFold. The settings of a grid are compared so:

        from sklearn.model_selection import ParameterGrid
        grid = ParameterGrid({"rank": [2, 5, 10], "weight_decay": [0, 0.05, 0.1]})
        best = max(grid, key=lambda p: cross_validate_entries(MatrixFactorisation(lr=0.002, **p), X).mean())
    """
    scores = []
    for train, test in EntryKFold(n_splits, seed=seed).split(X, mask=mask):
        copy = type(estimator)(**estimator.get_params())
        scores.append(copy.fit(train).score_entries(test))
    return np.array(scores)
