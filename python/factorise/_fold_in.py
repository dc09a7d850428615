"""Rows that were not fitted are folded in: each one's least-squares fit of V to what is observed of it.

In blocks of rows: the r x r normal equations of all its rows are one product with the columns' pairwise
products (V[:, i] V[:, j]), and Cholesky solves them. In float64.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ._sparse import coo

# Numbers of a block's largest part: 8 MB, which stay near the processor.
_BLOCK = 2**20
# From this share of entries on, a product with the dense block takes less time than one with its entries.
_DENSE = 0.04
# A squared pivot below this share of the largest number on a row's diagonal means that the row's entries hardly
# determine its factor; the pseudo-inverse then gives the shortest of the factors that fit.
_WEAK = 1e-8


def fold_in(
    V: Tensor, A: Tensor, M: Tensor | None, ridge: float | Tensor = 0.0, *, weighted: bool = True,
    prior: tuple[Tensor, Tensor] | None = None, variances: bool = False,
) -> Tensor:  # fmt: skip
    """The factors of A's rows, k x rank: u minimising Σ (a - u·v)² + ridge count |u|² over the row's entries; without
    `weighted`, + ridge |u|². A tensor of ridges has one for each of u's numbers. `prior`, a matrix P and a vector p, adds
    uᵀ P u - 2 p·u. With `variances` not the factors but, k x n, v·G⁻¹v of each column's v, G being the matrix of the
    row's normal equations.

    V: n x rank, float64. A: k x n, dense with a mask M (nonzero where observed) or None where all is, or sparse,
    coalesced, its entries being what is observed. Of several such u the shortest: of a row without entries, zeros.
    """
    k, (n, rank) = A.size(0), V.shape
    if not A.is_sparse and M is None and prior is None:
        normal = V.T @ V
        normal.diagonal().add_(ridge * n if weighted else ridge)
        inverse = torch.linalg.pinv(normal, hermitian=True)
        return torch.cat([rows.double() @ V @ inverse for rows in A.split(max(1, _BLOCK // n))])
    if not A.is_sparse and M is None:
        M = torch.ones_like(A, dtype=torch.bool)
    factors = torch.empty(k, n if variances else rank, dtype=V.dtype, device=V.device)
    scattered = A.is_sparse and A._nnz() < _DENSE * k * n
    height = max(16, _BLOCK // (rank * rank if scattered else max(n, rank * rank)))
    for begin in range(0, k, height):
        end = min(k, begin + height)
        if A.is_sparse:
            values, seen = _rows_of_entries(A, begin, end, scattered)
        else:
            assert M is not None
            observed = M[begin:end] if M.dtype == torch.bool else M[begin:end].ne(0)
            seen = observed.double()
            values = torch.where(observed, A[begin:end], 0).double()
        normal = _normal_matrices(V, seen)
        if isinstance(ridge, Tensor) or ridge:
            counts = torch.sparse.sum(seen, 1).to_dense() if seen.is_sparse else seen.sum(1)
            normal.diagonal(dim1=1, dim2=2).add_(ridge * counts[:, None] if weighted else ridge)
        right = values @ V
        if prior is not None:
            normal += prior[0]
            right += prior[1]
        if variances:
            triangles = torch.linalg.cholesky(normal)
            factors[begin:end] = torch.linalg.solve_triangular(triangles, V.T, upper=False).square_().sum(1)
        else:
            factors[begin:end] = _solve(normal, right)
    return factors


def less_offsets(A: Tensor, offsets: Tensor) -> Tensor:
    """A less each column's offset, in float64; of a sparse A at its entries."""
    if not A.is_sparse:
        return A.double() - offsets
    values = A._values().double() - offsets[A._indices()[1]]
    return torch.sparse_coo_tensor(A._indices(), values, A.shape, is_coalesced=True, check_invariants=False)


def _rows_of_entries(A: Tensor, begin: int, end: int, sparse: bool) -> tuple[Tensor, Tensor]:
    """Rows [begin, end) of a sparse matrix, and ones where they have entries; sparse as well, or dense."""
    bounds = torch.tensor([begin, end], device=A.device)
    first, last = torch.searchsorted(A._indices()[0].contiguous(), bounds).tolist()
    rows, columns = A._indices()[0, first:last] - begin, A._indices()[1, first:last]
    values = A._values()[first:last].double()
    ones = torch.ones_like(values)
    shape = end - begin, A.size(1)
    if sparse:
        indices = torch.stack([rows, columns])
        return coo(indices, values, shape), coo(indices, ones, shape)
    parts = torch.zeros(2, *shape, dtype=torch.float64, device=A.device)
    parts[0, rows, columns], parts[1, rows, columns] = values, ones
    return parts[0], parts[1]


def _normal_matrices(V: Tensor, seen: Tensor) -> Tensor:
    """Vᵀ D V of every row, D its diagonal of what is observed: rows x rank x rank."""
    n, rank = V.shape
    normal = torch.empty(seen.size(0), rank, rank, dtype=V.dtype, device=V.device)
    pairs = torch.triu_indices(rank, rank, device=V.device)
    for i, j in zip(*(side.split(max(1, _BLOCK // n)) for side in pairs), strict=True):
        normal[:, i, j] = normal[:, j, i] = seen @ (V[:, i] * V[:, j])
    return normal


def _solve(normal: Tensor, right: Tensor) -> Tensor:
    """normal⁻¹ right of every row; of a singular one the pseudo-inverse's."""
    triangles, fault = torch.linalg.cholesky_ex(normal)
    pivots = triangles.diagonal(dim1=1, dim2=2).square().amin(1)
    weak = (fault == 0).logical_and_(pivots > _WEAK * normal.diagonal(dim1=1, dim2=2).amax(1)).logical_not_()
    if not bool(weak.any()):
        return torch.cholesky_solve(right[:, :, None], triangles).squeeze(2)
    solution = torch.empty_like(right)
    solid = weak.logical_not()
    solution[solid] = torch.cholesky_solve(right[solid][:, :, None], triangles[solid]).squeeze(2)
    inverse = torch.linalg.pinv(normal[weak], hermitian=True)
    solution[weak] = (inverse @ right[weak][:, :, None]).squeeze(2)
    return solution
