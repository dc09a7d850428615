"""Stochastic gradient descent, one entry at a time, row by row: lab 1, exercises 1.1 and 3.1.

The algorithm of S. Funk's Netflix Prize entry (2006), exact: the serial loop's result, never an approximation of it.
"""

from __future__ import annotations

from torch import Tensor

from ._arguments import Callback, Engine, FactorsCallback, Initial, Path, check_choice, check_number
from ._compiler import outside_graphs
from ._epochs import RunOptions, run
from ._sparse import Matrix, check_entries


@outside_graphs
def sgd_factorise(
    A: Matrix,
    rank: int,
    num_epochs: int = 1000,
    lr: float = 0.01,
    *,
    weight_decay: float = 0.0,
    lr_decay: float = 1.0,
    seed: int | None = None,
    initial: Initial | None = None,
    engine: Engine = "fused",
    path: Path = "automatic",
    overcomplete: bool = False,
    epochs_done: int = 0,
    report_every: int = 1,
    callback: Callback | None = None,
    factors_every: int = 1,
    on_factors: FactorsCallback | None = None,
    progress: bool = False,
) -> tuple[Tensor, Tensor]:
    """Factorises a fully observed matrix, A ≈ U Vᵀ, by stochastic gradient descent (lab 1, exercise 1.1).

    For every epoch, row r and column c:  e = A[r,c] - U[r]·V[c];  U[r] += lr e V[c];  V[c] += lr e U[r] (the new U[r]).

    A: m x n, real, finite, on the CPU or CUDA. float64 is computed in float64, everything else in float32. A dense tensor
        is observed everywhere, zeros too; of whole numbers that are half zeros or more, a warning says so. A sparse A
        is that of sgd_factorise_entries.
    rank: 1 to min(m, n), at most 256; above min(m, n) with `overcomplete`.
    num_epochs: passes over the entries, >= 0; 0 returns the start.
    lr: step size, > 0. The sheet's 0.01 suits its 3 x 3 matrix; on ratings it diverges, 0.001 to 0.002 does not.
    weight_decay: L2 shrinkage λ >= 0, lr λ < 1: at each entry u and v are first scaled by 1 - lr λ.
    lr_decay: factor > 0 that lr is multiplied by after every epoch.
    seed: of the start, 0 to 2**64 - 1. None: torch's global CPU generator, which torch.manual_seed sets.
    initial: (U, V) to start from in place of drawn ones; copied, never written to.
    epochs_done: epochs of the run that were done before, 0 to num_epochs: `initial` is where they led. What is left is
        run to the same bits, with the same step sizes, as one run of all epochs.
    engine: "fused", kernels of our own with the bits of docs/contract.md on every number of threads, instruction set
        and GPU; or "reference", the sheet's Python with its bits.
    path: "automatic", "wavefront" or "entries": how the fused engine walks. The result has the same bits.
    report_every: epochs between calls of the callback, >= 1; the last epoch is always reported.
    callback: called with the number of epochs done and the squared error over the observed entries, in float64; each
        call costs a pass over A. The run stops where it returns False, and then returns its factors.
    factors_every: epochs between calls of on_factors, >= 1; the last epoch's factors are always given.
    on_factors: called with the number of epochs done, and copies of U and V, to judge or to keep: Patience is such a
        function. The run stops where it returns False.
    progress: whether to show a bar (tqdm).

    Returns U, m x rank, and V, n x rank, in the computing type, on A's device. They start uniform on [0, 1), U drawn
    first, on the CPU whatever A's device. Kernels release the GIL; Ctrl-C raises KeyboardInterrupt between two epochs.

    Raises ValueError or TypeError for bad arguments, DivergenceError where a factor leaves the finite numbers, and
    ImportError where `progress` finds no tqdm.
    """
    options = RunOptions(num_epochs, lr, seed, initial, engine, overcomplete, epochs_done, report_every, callback,
                         factors_every, on_factors, progress)  # fmt: skip
    return _factorise("sgd_factorise", A, None, rank, options, weight_decay, lr_decay, path)


@outside_graphs
def sgd_factorise_masked(
    A: Matrix,
    M: Matrix | None,
    rank: int,
    num_epochs: int = 1000,
    lr: float = 0.01,
    *,
    weight_decay: float = 0.0,
    lr_decay: float = 1.0,
    seed: int | None = None,
    initial: Initial | None = None,
    engine: Engine = "fused",
    path: Path = "automatic",
    epochs_done: int = 0,
    report_every: int = 1,
    callback: Callback | None = None,
    factors_every: int = 1,
    on_factors: FactorsCallback | None = None,
    progress: bool = False,
) -> tuple[Tensor, Tensor]:
    """Factorises the observed entries of A alone, those where M is not zero, by the same descent (lab 1, exercise 3.1).

    M: m x n, bool or any real type, on A's device; a sparse M marks its entries that are not zero. What it does not mark
        as observed may hold anything in A, NaN too. None of a sparse A, and of no other: see sgd_factorise_entries.
    rank: 1 to 256.
    All else as for sgd_factorise. Raises ValueError also where M marks nothing, or holds NaN.
    """
    options = RunOptions(num_epochs, lr, seed, initial, engine, True, epochs_done, report_every, callback,
                         factors_every, on_factors, progress)  # fmt: skip
    return _factorise("sgd_factorise_masked", A, M, rank, options, weight_decay, lr_decay, path, masked=True)


@outside_graphs
def sgd_factorise_entries(
    A: Matrix,
    rank: int,
    num_epochs: int = 1000,
    lr: float = 0.01,
    *,
    weight_decay: float = 0.0,
    lr_decay: float = 1.0,
    seed: int | None = None,
    initial: Initial | None = None,
    engine: Engine = "fused",
    path: Path = "automatic",
    epochs_done: int = 0,
    report_every: int = 1,
    callback: Callback | None = None,
    factors_every: int = 1,
    on_factors: FactorsCallback | None = None,
    progress: bool = False,
) -> tuple[Tensor, Tensor]:
    """Factorises the entries of a sparse matrix, which is never made dense: the bits of sgd_factorise_masked on the
    dense A and the mask of these entries, in memory for the entries and the factors alone.

    A: m x n, sparse: a tensor in COO, CSR or CSC, or scipy's, matrix or array. Its stored entries are what is observed,
        stored zeros too. On CUDA it is made dense, with a mask; path "wavefront" takes memory for all cells.
    rank: 1 to 256.
    All else as for sgd_factorise. Raises ValueError also where A has no entry, or one twice, which it names.
    """
    function = "sgd_factorise_entries"
    check_entries(function, A, "sgd_factorise_masked")
    options = RunOptions(num_epochs, lr, seed, initial, engine, True, epochs_done, report_every, callback,
                         factors_every, on_factors, progress)  # fmt: skip
    return _factorise(function, A, None, rank, options, weight_decay, lr_decay, path)


def _factorise(
    function: str, A: Matrix, M: Matrix | None, rank: int, options: RunOptions, weight_decay: float, lr_decay: float,
    path: Path, *, masked: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    weight_decay = check_number(function, "weight_decay", weight_decay)
    lr_decay = check_number(function, "lr_decay", lr_decay)
    check_choice(function, "path", path, ("automatic", "wavefront", "entries"))
    return run(function, "sgd", A, M, rank, options, masked=masked, weight_decay=weight_decay, lr_decay=lr_decay,
               path=path)  # fmt: skip
