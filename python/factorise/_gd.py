"""Full-batch gradient descent over the observed entries: lab 1, exercise 4.1."""

from __future__ import annotations

from torch import Tensor

from ._arguments import Callback, Engine, FactorsCallback, Initial
from ._compiler import outside_graphs
from ._epochs import RunOptions, run
from ._sparse import Matrix


@outside_graphs
def gd_factorise_masked(
    A: Matrix,
    M: Matrix | None,
    rank: int,
    num_epochs: int = 1000,
    lr: float = 1e-5,
    *,
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
    """Factorises the observed entries of A by full-batch gradient descent (lab 1, exercise 4.1).

    Per epoch, with M taken as 1 where it is not zero:
      err = (A - U Vᵀ) * M;  U += (lr err) V;  V += (lr errᵀ) U, with the new U and the old err.

    A and M: m x n, as for sgd_factorise_masked. rank: 1 to 256. A sparse A is made dense here, with a mask: memory for
        m n numbers and as many bytes.
    lr: step size, > 0; the loss is a sum over all observed entries, so a larger matrix needs a smaller lr.
    All else, what is returned and what is raised as for sgd_factorise.
    """
    options = RunOptions(num_epochs, lr, seed, initial, engine, True, epochs_done, report_every, callback,
                         factors_every, on_factors, progress)  # fmt: skip
    return run("gd_factorise_masked", "gd", A, M, rank, options, masked=True)
