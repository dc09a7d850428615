"""Stochastic gradient descent, one entry at a time, row by row: lab 1, exercises 1.1 and 3.1.

The algorithm of S. Funk's Netflix Prize entry (2006), exact: the serial loop's result, never an approximation of it.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ._arguments import (
    Callback,
    Engine,
    Initial,
    Path,
    check_choice,
    check_schedule,
    check_tensor,
    checked_start,
    device_of,
    ratings_of,
)
from ._compiler import outside_graphs
from ._epochs import Schedule, one_by_one, plain_computation, run_epochs
from ._notices import notice_zeros
from ._operators import operators
from ._reference import sgd_entries_epoch, sgd_epoch
from ._sparse import Matrix, is_sparse


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
    report_every: int = 1,
    callback: Callback | None = None,
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
    engine: "fused", kernels of our own with the bits of docs/contract.md on every number of threads, instruction set
        and GPU; or "reference", the sheet's Python with its bits.
    path: "automatic", "wavefront" or "entries": how the fused engine walks. The result has the same bits.
    report_every: epochs between calls of the callback, >= 1; the last epoch is always reported.
    callback: called with the number of epochs done and the squared error over the observed entries, in float64; each
        call costs a pass over A. The run stops where it returns False, and then returns its factors.
    progress: whether to show a bar (tqdm).

    Returns U, m x rank, and V, n x rank, in the computing type, on A's device. They start uniform on [0, 1), U drawn
    first, on the CPU whatever A's device. Kernels release the GIL; Ctrl-C raises KeyboardInterrupt between two epochs.

    Raises ValueError or TypeError for bad arguments, DivergenceError where a factor leaves the finite numbers, and
    ImportError where `progress` finds no tqdm.
    """
    return _factorise("sgd_factorise", A, None, rank, num_epochs, lr, weight_decay, lr_decay, seed, initial, engine,
                      path, overcomplete, report_every, callback, progress)  # fmt: skip


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
    report_every: int = 1,
    callback: Callback | None = None,
    progress: bool = False,
) -> tuple[Tensor, Tensor]:
    """Factorises the observed entries of A alone, those where M is not zero, by the same descent (lab 1, exercise 3.1).

    M: m x n, bool or any real type, on A's device; a sparse M marks its entries that are not zero. What it does not mark
        as observed may hold anything in A, NaN too. None of a sparse A, and of no other: see sgd_factorise_entries.
    rank: 1 to 256.
    All else as for sgd_factorise. Raises ValueError also where M marks nothing, or holds NaN.
    """
    if not is_sparse(A) and not is_sparse(M):
        check_tensor("sgd_factorise_masked", "M", M)
    return _factorise("sgd_factorise_masked", A, M, rank, num_epochs, lr, weight_decay, lr_decay, seed, initial, engine,
                      path, True, report_every, callback, progress)  # fmt: skip


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
    report_every: int = 1,
    callback: Callback | None = None,
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
    if not is_sparse(A):
        raise TypeError(
            f"[{function}] A must be a sparse matrix of torch or scipy, but was {type(A).__name__}, dense. "
            "sgd_factorise_masked takes one with a mask."
        )
    return _factorise(function, A, None, rank, num_epochs, lr, weight_decay, lr_decay, seed, initial, engine, path,
                      True, report_every, callback, progress)  # fmt: skip


def _factorise(
    function: str, A: Matrix, M: Matrix | None, rank: int, num_epochs: int, lr: float, weight_decay: float,
    lr_decay: float, seed: int | None, initial: Initial | None, engine: Engine, path: Path, any_rank: bool,
    report_every: int, callback: Callback | None, progress: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    num_epochs, lr, report_every, weight_decay, lr_decay = check_schedule(
        function, num_epochs, lr, report_every, callback, weight_decay, lr_decay
    )
    check_choice(function, "path", path, ("automatic", "wavefront", "entries"))
    schedule = Schedule(function, num_epochs, report_every, callback, progress, "a smaller lr, or weight_decay")
    A, M = ratings_of(function, A, M, "M", sparse=True)
    with plain_computation(device_of(A)):
        A, M, U, V = checked_start(function, A, M, rank, any_rank=any_rank, engine=engine, seed=seed, initial=initial)
        if M is None and not A.is_sparse:
            notice_zeros(function, A)
        if num_epochs == 0:
            return U, V

        def decay(epochs: int) -> None:
            nonlocal lr
            if lr_decay != 1:
                for _ in range(epochs):
                    lr *= lr_decay

        if engine == "reference" and A.is_sparse:
            rows, columns = A._indices().tolist()
            values = A._values().to(U.dtype)

        def epoch() -> None:
            if A.is_sparse:
                sgd_entries_epoch(rows, columns, values, U, V, lr, weight_decay)
            else:
                sgd_epoch(A, M, U, V, lr, weight_decay)
            decay(1)

        ratings: Any = None if engine == "reference" else operators.sgd_ratings(A, M, U.size(1), path)

        def slice_of_epochs(count: int) -> int:
            diverged: int = operators.sgd_epochs(ratings, U, V, lr, weight_decay, lr_decay, count)
            decay(count)
            return diverged

        step = one_by_one(epoch, U, V) if engine == "reference" else slice_of_epochs
        run_epochs(schedule, step, lambda: operators.squared_error(U, V, A, M))
        return U, V
