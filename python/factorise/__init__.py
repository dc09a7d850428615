"""Exact matrix factorisation for PyTorch, A ≈ U Vᵀ: the lab sheets' functions, at the speed of the hardware.

A solution of the labs runs by changing an import:

    from factorise import sgd_factorise, sgd_factorise_masked, gd_factorise_masked, gd_factorise_ad

    torch.manual_seed(0)
    U, V = sgd_factorise(A, rank=2, num_epochs=1000, lr=0.01)

The epochs run in C++ kernels, on the CPU or a CUDA device: one seed is one answer, the same bits on every number of
threads and instruction set (docs/contract.md). engine="reference" is the sheets' own Python, with its bits.

Ratings, of which few are observed, need a smaller lr; a callback reports the loss:

    U, V = sgd_factorise_masked(A, M, rank=5, num_epochs=50, lr=0.002, weight_decay=0.02,
                                callback=lambda epoch, loss: print(epoch, loss), progress=True)

Alternating least squares has no step size, and needs few sweeps:

    U, V = als_factorise_masked(A, M, rank=5)

Gibbs sampling has nothing to tune, and says how sure it is:

    posterior = gibbs_factorise_masked(A, M, rank=5)
    ratings, deviations = posterior.predict(rows, columns, return_std=True)

factor_loss is the loss alone, differentiable, for optimisers of your own:

    loss = factor_loss(U, V, A, M)
    loss.backward()

MatrixFactorisation is an estimator in scikit-learn's manner, for tensors and arrays, NaN where a rating is missing:

    completed = MatrixFactorisation(rank=5, lr=0.002, num_epochs=50).fit(X).predict()

Sparse matrices, of scipy or torch, hold the observed entries; entries_of makes one of a long table of ratings:

    ratings, users, films = entries_of(frame, row="userId", column="movieId", value="rating")
    scores = cross_validate_entries(MatrixFactorisation(5, lr=0.002, weight_decay=0.05), ratings)

Bad arguments raise ValueError, or TypeError, with a message "[function] what must hold, but what was given".
"""

from ._als import als_factorise, als_factorise_entries, als_factorise_masked
from ._autograd import gd_factorise_ad
from ._divergence import DivergenceError
from ._estimator import MatrixFactorisation
from ._folds import EntryKFold, cross_validate_entries
from ._frames import Entries, entries_of
from ._gd import gd_factorise_masked
from ._gibbs import Posterior, gibbs_factorise, gibbs_factorise_entries, gibbs_factorise_masked
from ._loss import factor_loss, squared_error
from ._operators import VERSION as __version__
from ._patience import Patience
from ._sgd import sgd_factorise, sgd_factorise_entries, sgd_factorise_masked

__all__ = [
    "DivergenceError",
    "Entries",
    "EntryKFold",
    "MatrixFactorisation",
    "Patience",
    "Posterior",
    "__version__",
    "als_factorise",
    "als_factorise_entries",
    "als_factorise_masked",
    "cross_validate_entries",
    "entries_of",
    "factor_loss",
    "gd_factorise_ad",
    "gd_factorise_masked",
    "gibbs_factorise",
    "gibbs_factorise_entries",
    "gibbs_factorise_masked",
    "sgd_factorise",
    "sgd_factorise_entries",
    "sgd_factorise_masked",
    "squared_error",
]
