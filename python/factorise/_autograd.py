"""Gradient descent with the gradients from autograd: lab 2, exercises 1.1 and 1.2."""

from __future__ import annotations

from torch import Tensor

from ._arguments import Callback, Engine, FactorsCallback, Initial, Loss, check_choice
from ._compiler import outside_graphs
from ._epochs import RunOptions, run
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
    epochs_done: int = 0,
    report_every: int = 1,
    callback: Callback | None = None,
    factors_every: int = 1,
    on_factors: FactorsCallback | None = None,
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
    check_choice("gd_factorise_ad", "loss", loss, ("squared", "norm"))
    options = RunOptions(num_epochs, lr, seed, initial, engine, overcomplete, epochs_done, report_every, callback,
                         factors_every, on_factors, progress)  # fmt: skip
    return run("gd_factorise_ad", "ad", A, mask, rank, options, mask="mask", loss=loss)
