"""Gradient descent with the gradients from autograd: lab 2, exercises 1.1 and 1.2."""

from __future__ import annotations

from torch import Tensor

from ._arguments import (
    Callback,
    Engine,
    Initial,
    Loss,
    check_choice,
    check_schedule,
    checked_start,
    device_of,
    ratings_of,
)
from ._compiler import outside_graphs
from ._epochs import Schedule, one_by_one, plain_computation, run_epochs
from ._notices import notice_zeros
from ._operators import operators
from ._reference import ad_epoch, ad_loss
from ._sparse import Matrix


@outside_graphs
def gd_factorise_ad(
    A: Matrix,
    rank: int,
    num_epochs: int = 1000,
    lr: float = 0.01,
    *,
    loss: Loss = "squared",
    mask: Matrix | None = None,
    seed: int | None = None,
    initial: Initial | None = None,
    engine: Engine = "fused",
    overcomplete: bool = False,
    report_every: int = 1,
    callback: Callback | None = None,
    progress: bool = False,
) -> tuple[Tensor, Tensor]:
    """Factorises A ≈ U Vᵀ by plain gradient steps on a loss differentiated by autograd (lab 2, exercise 1.1).

    Per epoch: loss.backward();  U -= lr ∂loss/∂U;  V -= lr ∂loss/∂V, both gradients at the old factors. The fused
    engine computes the gradients that factor_loss has, without a graph.

    A: m x n, as for sgd_factorise. rank: 1 to min(m, n), at most 256 (above min(m, n) with a mask or `overcomplete`).
    loss: "squared", Σ (U Vᵀ - A)², the sheet's mse_loss with reduction "sum"; or "norm", its square root.
    mask: m x n, nonzero where A is observed. None: everywhere, or of a sparse A, which is made dense here (memory for
        m n numbers and as many bytes), where it has entries.
    callback: called with the number of epochs done and the loss that is minimised.
    All else, what is returned (factors that need no grad) and what is raised as for sgd_factorise.
    """
    function = "gd_factorise_ad"
    num_epochs, lr, report_every, _, _ = check_schedule(function, num_epochs, lr, report_every, callback)
    check_choice(function, "loss", loss, ("squared", "norm"))
    schedule = Schedule(function, num_epochs, report_every, callback, progress, "a smaller lr")
    A, mask = ratings_of(function, A, mask, "mask", sparse=False)
    with plain_computation(device_of(A)):
        A, observed, U, V = checked_start(
            function, A, mask, rank, any_rank=overcomplete or mask is not None, engine=engine, seed=seed,
            initial=initial,
        )  # fmt: skip
        if observed is None:
            notice_zeros(function, A)
        if num_epochs == 0:
            return U, V
        if engine == "reference":
            M = None if observed is None else observed.to(U.dtype)
            U.requires_grad_()
            V.requires_grad_()
            step = one_by_one(lambda: ad_epoch(A, M, U, V, lr, loss), U, V)
            run_epochs(schedule, step, lambda: ad_loss(A, M, U, V, loss).item())
            return U.detach(), V.detach()
        ratings = operators._descent_ratings(A, observed)

        def slice_of_epochs(count: int) -> int:
            return int(operators._descent_epochs(ratings, U, V, lr, loss, count))

        run_epochs(schedule, slice_of_epochs, lambda: float(operators._descent_loss(ratings, U, V, loss == "norm")))
        return U, V
