"""Full-batch gradient descent over the observed entries: lab 1, exercise 4.1."""

from __future__ import annotations

from torch import Tensor

from ._arguments import Callback, Engine, Initial, check_schedule, check_tensor, checked_start, device_of, ratings_of
from ._compiler import outside_graphs
from ._epochs import Schedule, one_by_one, plain_computation, run_epochs
from ._operators import operators
from ._reference import gd_epoch
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
    report_every: int = 1,
    callback: Callback | None = None,
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
    function = "gd_factorise_masked"
    num_epochs, lr, report_every, _, _ = check_schedule(function, num_epochs, lr, report_every, callback)
    schedule = Schedule(function, num_epochs, report_every, callback, progress, "a smaller lr")
    A, M = ratings_of(function, A, M, "M", sparse=False)
    check_tensor(function, "M", M)
    with plain_computation(device_of(A)):
        A, observed, U, V = checked_start(
            function, A, M, rank, any_rank=True, engine=engine, seed=seed, initial=initial
        )
        if num_epochs == 0:
            return U, V
        if engine == "reference":
            assert observed is not None
            mask = observed.to(U.dtype)
            step = one_by_one(lambda: gd_epoch(A, mask, U, V, lr), U, V)
        else:
            ratings = operators._descent_ratings(A, observed)

            def step(count: int) -> int:
                return int(operators._descent_epochs(ratings, U, V, lr, "masked", count))

        run_epochs(schedule, step, lambda: operators.squared_error(U, V, A, observed))
        return U, V
