"""Alternating least squares: each sweep solves for all of U given V, then for all of V given the new U."""

from __future__ import annotations

from torch import Tensor

from ._arguments import Callback, Engine, FactorsCallback, Initial, check_number
from ._compiler import outside_graphs
from ._epochs import RunOptions, run
from ._sparse import Matrix, check_entries


@outside_graphs
def als_factorise(
    A: Matrix,
    rank: int,
    num_epochs: int = 20,
    regularisation: float = 0.1,
    *,
    biases: bool = False,
    bias_regularisation: float | None = None,
    weighted: bool = True,
    seed: int | None = None,
    initial: Initial | None = None,
    engine: Engine = "fused",
    overcomplete: bool = False,
    epochs_done: int = 0,
    report_every: int = 1,
    callback: Callback | None = None,
    factors_every: int = 1,
    on_factors: FactorsCallback | None = None,
    progress: bool = False,
) -> tuple[Tensor, Tensor]:
    """Factorises a fully observed matrix, A ≈ U Vᵀ, by alternating least squares.

    What is minimised: Σ (A[r,c] - U[r]·V[c])² + Σ_r λ_r |U[r]|² + Σ_c λ_c |V[c]|², over the observed entries (r, c).
    Each half of a sweep minimises it exactly in U or in V. A row or column without entries gets the factor 0.

    A: as for sgd_factorise; a sparse A is that of als_factorise_entries.
    rank: 1 to min(m, n), at most 256; above min(m, n) with `overcomplete`.
    num_epochs: sweeps, >= 0; 0 returns the start.
    regularisation: λ >= 0. 0 needs at least `rank` entries in every row and column that has any.
    biases: whether the model has the mean μ of what is observed and biases: A[r,c] ≈ μ + b[r] + c[c] + U[r]·V[c] (Koren,
        Bell and Volinsky, IEEE Computer 42(8), 2009, equation 3). U then has two more columns, μ + b and 1, and V has 1
        and c beside them: U @ V.T is the prediction. `initial` has these columns too.
    bias_regularisation: λ of b and c. None: as of the factors.
    weighted: λ_r is λ times the number of the row's observed entries, λ_c likewise (Zhou, Wilkinson, Schreiber and Pan,
        AAIM 2008, equation 3); else each is λ.
    engine: "fused", kernels with the bits of docs/contract.md on every number of threads and instruction set, on the CPU
        alone; or "reference", torch's Cholesky row by row, on any device.
    All else and what is returned as for sgd_factorise; V's start is drawn after U's, which the first sweep does not
        read.

    Raises ValueError also for a row or column whose equations have no single solution, which it names.
    """
    options = RunOptions(num_epochs, None, seed, initial, engine, overcomplete, epochs_done, report_every, callback,
                         factors_every, on_factors, progress)  # fmt: skip
    return _factorise("als_factorise", A, None, rank, options, regularisation, biases, bias_regularisation, weighted)


@outside_graphs
def als_factorise_masked(
    A: Matrix,
    M: Matrix | None,
    rank: int,
    num_epochs: int = 20,
    regularisation: float = 0.1,
    *,
    biases: bool = False,
    bias_regularisation: float | None = None,
    weighted: bool = True,
    seed: int | None = None,
    initial: Initial | None = None,
    engine: Engine = "fused",
    epochs_done: int = 0,
    report_every: int = 1,
    callback: Callback | None = None,
    factors_every: int = 1,
    on_factors: FactorsCallback | None = None,
    progress: bool = False,
) -> tuple[Tensor, Tensor]:
    """Factorises the observed entries of A alone, those where M is not zero, by alternating least squares.

    M: m x n, bool or any real type, on A's device; a sparse M marks its entries that are not zero. None of a sparse A,
        and of no other: see als_factorise_entries.
    rank: 1 to 256.
    All else as for als_factorise. Raises ValueError also where M marks nothing, or holds NaN.
    """
    options = RunOptions(num_epochs, None, seed, initial, engine, True, epochs_done, report_every, callback,
                         factors_every, on_factors, progress)  # fmt: skip
    return _factorise("als_factorise_masked", A, M, rank, options, regularisation, biases, bias_regularisation, weighted,
                      masked=True)  # fmt: skip


@outside_graphs
def als_factorise_entries(
    A: Matrix,
    rank: int,
    num_epochs: int = 20,
    regularisation: float = 0.1,
    *,
    biases: bool = False,
    bias_regularisation: float | None = None,
    weighted: bool = True,
    seed: int | None = None,
    initial: Initial | None = None,
    engine: Engine = "fused",
    epochs_done: int = 0,
    report_every: int = 1,
    callback: Callback | None = None,
    factors_every: int = 1,
    on_factors: FactorsCallback | None = None,
    progress: bool = False,
) -> tuple[Tensor, Tensor]:
    """Factorises the entries of a sparse matrix by alternating least squares: the bits of als_factorise_masked on the
    dense A and the mask of these entries, in memory for the entries and the factors alone.

    A: m x n, sparse: a tensor in COO, CSR or CSC, or scipy's, matrix or array. Its stored entries are what is observed,
        stored zeros too.
    rank: 1 to 256.
    All else as for als_factorise. Raises ValueError also where A has no entry, or one twice, which it names.
    """
    function = "als_factorise_entries"
    check_entries(function, A, "als_factorise_masked")
    options = RunOptions(num_epochs, None, seed, initial, engine, True, epochs_done, report_every, callback,
                         factors_every, on_factors, progress)  # fmt: skip
    return _factorise(function, A, None, rank, options, regularisation, biases, bias_regularisation, weighted)


def _factorise(
    function: str, A: Matrix, M: Matrix | None, rank: int, options: RunOptions, regularisation: float, biases: bool,
    bias_regularisation: float | None, weighted: bool, *, masked: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    regularisation = check_number(function, "regularisation", regularisation)
    if bias_regularisation is not None:
        bias_regularisation = check_number(function, "bias_regularisation", bias_regularisation)
    return run(function, "als", A, M, rank, options, masked=masked, regularisation=regularisation, biases=bool(biases),
               bias_regularisation=bias_regularisation, weighted=bool(weighted))  # fmt: skip
