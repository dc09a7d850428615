"""Bayesian matrix factorisation by Gibbs sampling: factors, biases, priors and noise drawn in turn from their posterior."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._arguments import Callback, Engine, FactorsCallback, Initial, check_integer, check_number
from ._compiler import outside_graphs
from ._epochs import RunOptions, run_session
from ._sparse import Matrix, check_entries

# The places of the library's tensors (src/ops/session.cpp).
_ROWS, _COLUMNS, _MEAN_U, _MEAN_V, _MEANS, _SQUARES, _NOISE, _ERRORS = range(8)
_DRAWS_U, _DRAWS_V, _UNSEEN_U, _UNSEEN_V, _PRIORS, _NUMBERS = range(8, 14)


class Posterior:
    """What a run of Gibbs sampling has drawn; `resume` goes on from it. Unpacks as U, V.

    U, V: m x k w and n x k w, the k kept draws side by side, V divided by k: U @ V.T is the mean of their predictions, and
        all functions of factors take them. w is the rank, with biases 2 more.
    draws: k. noise_variance: of a rating around what factors predict, the mean over the draws that count.
    mean_U, mean_V: the means of U and V over all draws that count, float64; their product is not the
        mean of the draws' predictions.
    means, deviations: of the `asked` entries, over all draws that count, float64: the prediction, and the standard
        deviation of a rating; None where none were asked for.
    noise, errors: after each sweep, float64: the noise's variance, and the squared error over the observed entries.
    burn_in: how many draws do not count.
    """

    def __init__(self, state: list[Tensor], keep_every: int) -> None:
        self.state, self.keep_every = state, keep_every
        numbers = state[_NUMBERS].tolist()
        self.burn_in = int(numbers[0])
        self.biases = bool(numbers[1])
        self.observed_mean: float = numbers[2]
        self.noise, self.errors = state[_NOISE], state[_ERRORS]
        self.mean_U, self.mean_V = state[_MEAN_U], state[_MEAN_V]
        counted = self.noise[self.burn_in :]
        self.noise_variance = float(counted.mean()) if len(counted) else math.nan
        self._unseen: tuple[Tensor, Tensor] | None = None
        self.draws = max(1, len(state[_DRAWS_U]))
        if len(state[_DRAWS_U]):
            self.U, self.V = _beside(state[_DRAWS_U]), _beside(state[_DRAWS_V]) / self.draws
            self._unseen = _beside(state[_UNSEEN_U]), _beside(state[_UNSEEN_V]) / self.draws
        else:
            self.U, self.V = self._last()
        self.means = self.deviations = None
        if numbers[3]:
            self.means = state[_MEANS]
            spread = state[_SQUARES] / (len(counted) - 1) if len(counted) > 1 else torch.full_like(self.means, math.nan)
            self.deviations = (spread + self.noise_variance).sqrt()

    def _last(self) -> tuple[Tensor, Tensor]:
        """The last draw as factors."""
        rows, columns = self.state[_ROWS], self.state[_COLUMNS]
        if not self.biases:
            return rows, columns
        one, other = torch.ones_like(rows[:, :1]), torch.ones_like(columns[:, :1])
        U = torch.cat([rows[:, :-1], rows[:, -1:] + self.observed_mean, one], 1)
        return U, torch.cat([columns[:, :-1], other, columns[:, -1:]], 1)

    def __iter__(self) -> Iterator[Tensor]:
        yield self.U
        yield self.V

    def predict(self, rows: Any, columns: Any, return_std: bool = False) -> Any:
        """Predicted entries, float64, by the kept draws; with `return_std` also the standard deviations of ratings there,
        by the draws' spread and the noise; NaN of one draw.

        rows, columns: integers from 0 on, of one length; -1: a row or column that A does not have, of which the prior
        alone is known. Tensors for tensors, else arrays. Raises ValueError for others.
        """
        function = "Posterior.predict"
        row, column = (torch.as_tensor(np.asarray(i) if not isinstance(i, Tensor) else i) for i in (rows, columns))
        for name, index, size in (("rows", row, self.U.size(0)), ("columns", column, self.V.size(0))):
            if index.dim() != 1 or index.shape != row.shape or index.is_floating_point() or index.dtype == torch.bool:
                raise ValueError(f"[{function}] rows and columns must be lists of integers, of one length.")
            least = -1 if self._unseen else 0
            if index.numel() and not least <= int(index.min()) <= int(index.max()) < size:
                raise ValueError(f"[{function}] {name} must be from {least} to {size - 1}, but one is not.")
        U, V = self.U, self.V
        if self._unseen and bool((row.lt(0) | column.lt(0)).any()):
            U, V = torch.cat([U, self._unseen[0]]), torch.cat([V, self._unseen[1]])
            row, column = row.where(row >= 0, len(U) - 1), column.where(column >= 0, len(V) - 1)
        row, column = row.long().to(U.device), column.long().to(U.device)
        parts = [spread(U[r], V[c], self.draws) for r, c in zip(row.split(2**14), column.split(2**14), strict=True)]
        mean = torch.cat([mean for mean, _ in parts])
        deviation = (torch.cat([variance for _, variance in parts]) + self.noise_variance).sqrt()
        results = [mean, deviation] if isinstance(rows, Tensor) else [mean.cpu().numpy(), deviation.cpu().numpy()]
        return tuple(results) if return_std else results[0]

    def row_prior(self, draw: int) -> tuple[Tensor, Tensor, float]:
        """The prior of A's rows at a kept draw: its precision, and this times its mean; and the noise precision."""
        prior = self.state[_PRIORS][draw]
        return prior[:-1], prior[-1], 1 / float(self.noise[self.burn_in + draw * self.keep_every])


def spread(U: Tensor, V: Tensor, draws: int) -> tuple[Tensor, Tensor]:
    """The mean and the variance, over draws side by side, of the products of U's rows with V's, row by row."""
    products = (U.double() * V.double()).unflatten(1, (draws, -1)).sum(2).mul_(draws)
    return products.mean(1), products.var(1) if draws > 1 else torch.full_like(products[:, 0], math.nan)


def _beside(draws: Tensor) -> Tensor:
    return draws.movedim(0, 1).flatten(1).contiguous()


@outside_graphs
def gibbs_factorise(
    A: Matrix,
    rank: int,
    num_epochs: int = 500,
    *,
    biases: bool = True,
    burn_in: int | None = None,
    keep_every: int = 5,
    scale: float | None = None,
    asked: tuple[Any, Any] | None = None,
    seed: int | None = None,
    initial: Initial | None = None,
    engine: Engine = "fused",
    overcomplete: bool = False,
    epochs_done: int = 0,
    resume: Posterior | None = None,
    report_every: int = 1,
    callback: Callback | None = None,
    factors_every: int = 1,
    on_factors: FactorsCallback | None = None,
    progress: bool = False,
) -> Posterior:
    """Draws from the posterior of a factorisation of a fully observed matrix, by Gibbs sampling.

    The model (Salakhutdinov and Mnih, ICML 2008, section 3, with biases): A[r,c] is normal around μ + b[r] + c[c] +
    U[r]·V[c]; the rows' vectors (U[r], b[r]) are normal with a mean and precision that are drawn too, the columns'
    likewise, and so is the noise. Nothing is to be tuned but the rank and the number of draws.

    A: as for sgd_factorise; a sparse A is that of gibbs_factorise_entries.
    rank: 1 to min(m, n), at most 256; above min(m, n) with `overcomplete`.
    num_epochs: sweeps, each of which draws everything once, >= 0.
    biases: whether the model has μ, b and c; without, nothing is subtracted from A.
    burn_in: sweeps whose draws do not count. None: a tenth of num_epochs, 50 at most.
    keep_every: of the others every so many is kept in the result, the first of them always.
    scale: of A, by which the priors are set. None: the standard deviation of what is observed.
    asked: rows and columns of entries whose predictions are summed up over all draws that count: integers, of one length,
        -1 for a row or column that A does not have.
    resume: the result of epochs_done sweeps, to go on from to the bits of one run; with `keep_every` as then.
    callback: called with the epoch and the squared error of its draw.
    All else as for als_factorise. Returns a Posterior, which unpacks as U, V.

    Raises ValueError also for a row whose posterior cannot be drawn from in A's type, where A has next to no noise.
    """
    options = RunOptions(num_epochs, None, seed, initial, engine, overcomplete, epochs_done, report_every, callback,
                         factors_every, on_factors, progress)  # fmt: skip
    return _sample("gibbs_factorise", A, None, rank, options, biases, burn_in, keep_every, scale, asked, resume)


@outside_graphs
def gibbs_factorise_masked(
    A: Matrix,
    M: Matrix | None,
    rank: int,
    num_epochs: int = 500,
    *,
    biases: bool = True,
    burn_in: int | None = None,
    keep_every: int = 5,
    scale: float | None = None,
    asked: tuple[Any, Any] | None = None,
    seed: int | None = None,
    initial: Initial | None = None,
    engine: Engine = "fused",
    epochs_done: int = 0,
    resume: Posterior | None = None,
    report_every: int = 1,
    callback: Callback | None = None,
    factors_every: int = 1,
    on_factors: FactorsCallback | None = None,
    progress: bool = False,
) -> Posterior:
    """The same over the observed entries of A alone, those where M is not zero.

    M: m x n, bool or any real type, on A's device; a sparse M marks its entries that are not zero. None of a sparse A,
        and of no other: see gibbs_factorise_entries.
    rank: 1 to 256.
    All else as for gibbs_factorise. Raises ValueError also where M marks nothing, or holds NaN.
    """
    options = RunOptions(num_epochs, None, seed, initial, engine, True, epochs_done, report_every, callback,
                         factors_every, on_factors, progress)  # fmt: skip
    return _sample("gibbs_factorise_masked", A, M, rank, options, biases, burn_in, keep_every, scale, asked, resume,
                   masked=True)  # fmt: skip


@outside_graphs
def gibbs_factorise_entries(
    A: Matrix,
    rank: int,
    num_epochs: int = 500,
    *,
    biases: bool = True,
    burn_in: int | None = None,
    keep_every: int = 5,
    scale: float | None = None,
    asked: tuple[Any, Any] | None = None,
    seed: int | None = None,
    initial: Initial | None = None,
    engine: Engine = "fused",
    epochs_done: int = 0,
    resume: Posterior | None = None,
    report_every: int = 1,
    callback: Callback | None = None,
    factors_every: int = 1,
    on_factors: FactorsCallback | None = None,
    progress: bool = False,
) -> Posterior:
    """The same for the entries of a sparse matrix: the bits of gibbs_factorise_masked on the dense A and the mask of these
    entries, in memory for the entries and the draws alone.

    A: m x n, sparse: a tensor in COO, CSR or CSC, or scipy's, matrix or array. Its stored entries are what is observed,
        stored zeros too.
    rank: 1 to 256.
    All else as for gibbs_factorise. Raises ValueError also where A has no entry, or one twice, which it names.
    """
    function = "gibbs_factorise_entries"
    check_entries(function, A, "gibbs_factorise_masked")
    options = RunOptions(num_epochs, None, seed, initial, engine, True, epochs_done, report_every, callback,
                         factors_every, on_factors, progress)  # fmt: skip
    return _sample(function, A, None, rank, options, biases, burn_in, keep_every, scale, asked, resume)


def _sample(
    function: str, A: Matrix, M: Matrix | None, rank: int, options: RunOptions, biases: bool, burn_in: int | None,
    keep_every: int, scale: float | None, asked: tuple[Any, Any] | None, resume: Posterior | None, *,
    masked: bool = False,
) -> Posterior:  # fmt: skip
    keep_every = check_integer(function, "keep_every", keep_every)
    of_method: dict[str, Any] = {
        "biases": bool(biases),
        "burn_in": None if burn_in is None else check_integer(function, "burn_in", burn_in),
        "keep_every": keep_every,
        "scale": None if scale is None else check_number(function, "scale", scale),
        "asked": None if asked is None else [_indices(function, side) for side in asked],
        "resume": None if resume is None else resume.state,
    }
    session = run_session(function, "gibbs", A, M, rank, options, masked=masked, **of_method)
    return Posterior(session.posterior(), keep_every)


def _indices(function: str, given: Any) -> Tensor:
    index = given if isinstance(given, Tensor) else torch.as_tensor(np.asarray(given))
    if index.is_floating_point() or index.is_complex() or index.dtype == torch.bool:
        raise ValueError(f"[{function}] asked must be rows and columns, integers, but was {index.dtype}.")
    return index.detach().cpu().long()
