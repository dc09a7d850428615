"""An estimator in scikit-learn's manner, without scikit-learn: parameters in __init__, learnt factors with a final _.

New rows are as for scikit-learn's NMF: transform finds a row's factor for the V that was learnt, by least squares
(_fold_in). Fitted rows have factors of their own, U_, which predict without X and score_entries use.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ._als import als_factorise, als_factorise_entries, als_factorise_masked
from ._arguments import Callback, Engine, Loss, Path, check_choice, check_integer, check_number, check_tensor
from ._autograd import gd_factorise_ad
from ._epochs import plain_computation
from ._fold_in import fold_in, less_offsets
from ._folds import held_back
from ._frames import contained, container_of, names_of_columns
from ._gd import gd_factorise_masked
from ._gibbs import _PRIORS, Posterior, gibbs_factorise, gibbs_factorise_entries, gibbs_factorise_masked
from ._matrices import as_matrix, check_fitted, entries_in, like, observed_of, observed_sides
from ._memory import memory_for
from ._notices import notice, notice_triples
from ._sgd import sgd_factorise, sgd_factorise_entries, sgd_factorise_masked
from ._sparse import coo

# Methods that take entries: their functions for a matrix that is observed everywhere, for one with a mask, and for the
# entries of a sparse one.
_BY_ENTRIES: dict[str, tuple[Callable[..., Iterable[Tensor]], ...]] = {
    "sgd": (sgd_factorise, sgd_factorise_masked, sgd_factorise_entries),
    "als": (als_factorise, als_factorise_masked, als_factorise_entries),
    "gibbs": (gibbs_factorise, gibbs_factorise_masked, gibbs_factorise_entries),
}


class MatrixFactorisation:
    """Completes a matrix, X ≈ U Vᵀ, from the entries that are observed.

    X, of every method: m x n, a tensor (CPU or CUDA), or what numpy makes an array of, or a data frame (wide: a row for
    each row; entries_of makes a matrix of a long list of ratings): observed is what `mask` marks, else what is not
    missing (NaN, NA). Or X is sparse, scipy's CSR, CSC or COO or torch's: then its stored entries are what is observed,
    stored zeros too, and there is no mask. Methods "sgd", "als" and "gibbs" take memory for the entries alone.

    rank: columns of U and V, >= 1.
    method: "sgd" (sgd_factorise and its kin), "als" (als_factorise and its kin), "gibbs" (gibbs_factorise and its kin),
        "gd" (gd_factorise_masked) or "ad" (gd_factorise_ad).
    num_epochs: None: the method's default, 20 for "als", 500 for "gibbs", else 1000.
    lr: step size, of all methods but "als" and "gibbs". None: the method's default.
    weight_decay, lr_decay, path: for method "sgd"; weight_decay is also the ridge that transform takes for every
        observed entry of a row.
    regularisation, bias_regularisation, weighted: for method "als"; transform takes the same for the rows that it is
        given.
    biases: for methods "als" and "gibbs". None: the method's default, True for "gibbs" alone. With biases U_ and V_ have
        two more columns.
    burn_in, keep_every: for method "gibbs", of which U_ and V_ are the kept draws side by side, and predict and
        predict_entries have standard deviations, with return_std.
    loss: for method "ad".
    score_hold_out: share of every row's entries, above 0 and below 1, that score holds back. score_seed: of its draw.
    All else as for sgd_factorise.

    U_: m x rank and V_: n x rank, tensors, after fit. mean_: of the observed entries. n_features_in_: n.
    posterior_: of method "gibbs", its result. feature_names_in_: n names, where X was a data frame with column names.
    """

    def __init__(
        self,
        rank: int = 2,
        *,
        method: Literal["sgd", "als", "gibbs", "gd", "ad"] = "sgd",
        num_epochs: int | None = None,
        lr: float | None = None,
        weight_decay: float = 0.0,
        lr_decay: float = 1.0,
        regularisation: float = 0.1,
        biases: bool | None = None,
        bias_regularisation: float | None = None,
        weighted: bool = True,
        burn_in: int | None = None,
        keep_every: int = 5,
        loss: Loss = "squared",
        seed: int | None = None,
        engine: Engine = "fused",
        path: Path = "automatic",
        overcomplete: bool = False,
        report_every: int = 1,
        callback: Callback | None = None,
        progress: bool = False,
        score_hold_out: float = 0.2,
        score_seed: int = 0,
    ) -> None:
        self.rank = rank
        self.method = method
        self.num_epochs = num_epochs
        self.lr = lr
        self.weight_decay = weight_decay
        self.lr_decay = lr_decay
        self.regularisation = regularisation
        self.biases = biases
        self.bias_regularisation = bias_regularisation
        self.weighted = weighted
        self.burn_in = burn_in
        self.keep_every = keep_every
        self.loss = loss
        self.seed = seed
        self.engine = engine
        self.path = path
        self.overcomplete = overcomplete
        self.report_every = report_every
        self.callback = callback
        self.progress = progress
        self.score_hold_out = score_hold_out
        self.score_seed = score_seed

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of __init__ by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> MatrixFactorisation:
        """Sets parameters by name. Raises ValueError for an unknown name."""
        names = self.get_params()
        for name in params:
            if name not in names:
                raise ValueError(
                    f"[MatrixFactorisation] a parameter must be one of {', '.join(names)}, but was {name!r}."
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        given = (f"{k}={v!r}" for k, v in self.get_params().items() if v is not defaults[k].default)
        return f"{type(self).__name__}({', '.join(given)})"

    def fit(self, X: Any, y: Any = None, *, mask: Any = None) -> MatrixFactorisation:
        """Learns U and V.

        mask: m x n, nonzero where X is observed. y is not used. Warns where X looks like a list of ratings, and where
        a matrix of whole numbers without a mask is half zeros or more. Raises as sgd_factorise.
        """
        function = "MatrixFactorisation.fit"
        A = as_matrix(function, X)
        M = observed_of(function, A, mask)
        if M is None and not A.is_sparse:
            notice_triples(function, A)
        self.U_, self.V_ = self._factorise(function, A, M)
        with plain_computation(A.device):
            self._rows_seen, self._columns_seen, self.mean_ = observed_sides(A, M)
        self.n_features_in_ = A.size(1)
        names = names_of_columns(X)
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self._of_arrays = not isinstance(X, Tensor)
        return self

    def _factorise(self, function: str, A: Tensor, M: Tensor | None) -> tuple[Tensor, Tensor]:
        shared = ("seed", "engine", "report_every", "callback", "progress")
        options: dict[str, Any] = {name: getattr(self, name) for name in shared}
        if self.num_epochs is not None:
            options["num_epochs"] = self.num_epochs
        if self.lr is not None and self.method not in ("als", "gibbs"):
            options["lr"] = self.lr
        if self.method == "sgd":
            options.update(weight_decay=self.weight_decay, lr_decay=self.lr_decay, path=self.path)
        elif self.method == "als":
            options.update(regularisation=self.regularisation, biases=self._has_biases(),
                           bias_regularisation=self.bias_regularisation, weighted=self.weighted)  # fmt: skip
        elif self.method == "gibbs":
            options.update(biases=self._has_biases(), burn_in=self.burn_in, keep_every=self.keep_every)
        if self.method in _BY_ENTRIES:
            whole, masked, of_entries = _BY_ENTRIES[self.method]
            if A.is_sparse:
                result = of_entries(A, self.rank, **options)
            elif M is None:
                result = whole(A, self.rank, overcomplete=self.overcomplete, **options)
            else:
                result = masked(A, M, self.rank, **options)
            if isinstance(result, Posterior):
                self.posterior_ = result
            U, V = result
            return U, V
        if self.method == "ad":
            return gd_factorise_ad(A, self.rank, loss=self.loss, mask=M, overcomplete=self.overcomplete, **options)
        if self.method != "gd":
            raise ValueError(f"[{function}] method must be sgd, als, gibbs, gd or ad, but was {self.method!r}.")
        if M is None and not A.is_sparse:
            M = torch.ones_like(A, dtype=torch.bool)
        return gd_factorise_masked(A, M, self.rank, **options)

    def _has_biases(self) -> bool:
        return self.method == "gibbs" if self.biases is None else bool(self.biases)

    def transform(self, X: Any, *, mask: Any = None) -> Any:
        """The factors of rows, k x rank: each row's least-squares fit of V_ to what is observed of it, in float64.

        X and mask: k x n. Of several factors that fit a row equally well it takes the shortest: zeros for a row without
        observed entries. For fitted rows it is the fit to the present V_, which equals U_ where the descent has
        converged, and is near it before. Of method "gibbs" the means of the row's factors given each draw's V, prior and
        noise, side by side.

        An array for arrays, tables and scipy's matrices, a tensor in V_'s type and on its device for tensors; the
        container of set_output, where it was called.
        """
        A, M = self._matrix("MatrixFactorisation.transform", X, mask)
        factors = like(X, self._fold_in("MatrixFactorisation.transform", A, M), self.V_)
        return contained(container_of(self), factors, X, self.get_feature_names_out())

    def _matrix(self, function: str, X: Any, mask: Any) -> tuple[Tensor, Tensor | None]:
        """X and its mask; refuses an X without the fitted columns."""
        check_fitted(self, function)
        names = names_of_columns(X)
        fitted = getattr(self, "feature_names_in_", None)
        if names is not None and fitted is not None and not np.array_equal(names, fitted):
            raise ValueError(
                f"[{function}] X must have the columns that were fitted, in their order. The feature names should match "
                f"those that were passed during fit: {', '.join(map(str, fitted[:5]))}, ... but were "
                f"{', '.join(map(str, names[:5]))}, ..."
            )
        A = as_matrix(function, X, columns=self.n_features_in_)
        return A, observed_of(function, A, mask)

    def _fold_in(self, function: str, A: Tensor, M: Tensor | None) -> Tensor:
        with plain_computation(A.device):
            V = self.V_.to(A.device, torch.float64)
            if self.method == "gibbs":
                factors = torch.cat(list(self._fold_in_gibbs(V, A, M)), 1)
            elif self.method == "als":
                factors = self._fold_in_als(V, A, M)
            else:
                factors = fold_in(V, A, M, float(self.weight_decay))
            if not bool(factors.isfinite().all()):
                raise ValueError(
                    f"[{function}] X must be finite where it is observed, but holds NaN or infinity there."
                )
        return factors

    def _fold_in_als(self, V: Tensor, A: Tensor, M: Tensor | None) -> Tensor:
        ridge = float(self.regularisation)
        if not self._has_biases():
            return fold_in(V, A, M, ridge, weighted=self.weighted)
        # V has 1 after the rank, the feature of a row's bias, then the columns' biases.
        features, offsets = V[:, :-1], V[:, -1] + self.mean_
        of_bias = ridge if self.bias_regularisation is None else float(self.bias_regularisation)
        ridges = torch.full((features.size(1),), ridge, dtype=V.dtype, device=V.device)
        ridges[-1] = of_bias
        factors = fold_in(features, less_offsets(A, offsets), M, ridges, weighted=self.weighted)
        factors[:, -1] += self.mean_
        return torch.cat([factors, torch.ones_like(factors[:, :1])], 1)

    def _fold_in_gibbs(self, V: Tensor, A: Tensor, M: Tensor | None, *, variances: bool = False) -> Iterator[Tensor]:
        """The factors of A's rows for every draw; with `variances`, k x n, how far predictions are from theirs."""
        posterior = self._posterior("MatrixFactorisation.transform")
        for draw, of_draw in enumerate(V.chunk(posterior.draws, 1)):
            of_draw = of_draw * posterior.draws
            precision, shift, alpha = posterior.row_prior(draw)
            prior = precision.to(V.device), shift.to(V.device)
            # The noise precision as a scale of the targets and of the features.
            root = math.sqrt(alpha)
            features, targets = (of_draw[:, :-1], less_offsets(A, of_draw[:, -1] + self.mean_)) if posterior.biases else (
                of_draw, A.double())  # fmt: skip
            found = fold_in(features * root, targets * root, M, prior=prior, variances=variances)
            if variances:
                yield found / alpha
            elif posterior.biases:
                found[:, -1] += self.mean_
                yield torch.cat([found, torch.ones_like(found[:, :1])], 1)
            else:
                yield found

    def _posterior(self, function: str) -> Posterior:
        posterior: Posterior | None = getattr(self, "posterior_", None)
        if posterior is None:
            raise ValueError(
                f"[{function}] the draws of method 'gibbs' must be known, but load_state_dict has U and V alone."
            )
        if not len(posterior.state[_PRIORS]):
            raise ValueError(f"[{function}] the fit must have kept a draw, but num_epochs was 0.")
        return posterior

    def fit_transform(self, X: Any, y: Any = None, *, mask: Any = None) -> Any:
        """fit, then transform: not U_, but the factors that transform finds for the same rows again."""
        return self.fit(X, y, mask=mask).transform(X, mask=mask)

    def predict(self, X: Any = None, *, mask: Any = None, return_std: bool = False) -> Any:
        """The completed matrix, dense.

        Without X, U_ V_ᵀ, m x n: of the rows that were fitted. With X, k x n, rows completed from what is observed of
        them: transform(X) V_ᵀ. For rows and columns without an observed entry the prediction is mean_, and a warning
        counts them; of method "gibbs" it is by its prior. An array where arrays were given, else a tensor.

        return_std: of method "gibbs", returns also the standard deviations of ratings, by the draws' spread, by what a row
        of X leaves open, and by the noise.
        """
        function = "MatrixFactorisation.predict"
        check_fitted(self, function)
        if return_std or self.method == "gibbs":
            return self._predict_by_draws(function, X, mask, return_std)
        if X is None:
            completed = self._with_mean(function, self._product(function, self.U_, self.V_), self._known("_rows_seen"))
            return completed.cpu().numpy() if self._of_arrays else completed
        A, M = self._matrix(function, X, mask)
        factors = self._fold_in(function, A, M)
        with plain_computation(A.device):
            V = self.V_.to(factors)
            if isinstance(X, Tensor):
                factors, V = factors.to(self.V_), self.V_
            completed = self._product(function, factors, V)
            return like(X, self._with_mean(function, completed, observed_sides(A, M)[0]), self.V_)

    def _predict_by_draws(self, function: str, X: Any, mask: Any, return_std: bool) -> Any:
        if self.method != "gibbs":
            raise ValueError(f"[{function}] return_std must be of method 'gibbs', but the method is {self.method!r}.")
        deviations: Tensor | None = None
        if X is None:
            U, V = self.U_, self.V_
        else:
            A, M = self._matrix(function, X, mask)
            U = self._fold_in(function, A, M)
            V = self.V_.to(U)
        completed = self._product(function, U, V)
        if return_std:
            posterior = self._posterior(function)
            with plain_computation(U.device):
                draws = posterior.draws
                products = (
                    u.double() @ v.double().T * draws for u, v in zip(U.chunk(draws, 1), V.chunk(draws, 1), strict=True)
                )
                variances = _variances(products)
                if X is not None:
                    left_open = self._fold_in_gibbs(V.double(), A, M, variances=True)
                    variances += sum(left_open, torch.zeros_like(variances)) / draws
                deviations = (variances + posterior.noise_variance).sqrt()
        results: list[Any] = [completed] if deviations is None else [completed, deviations]
        if X is not None:
            results = [like(X, result, self.V_) for result in results]
        else:
            results = [result.to(self.V_.dtype) for result in results]
            if self._of_arrays:
                results = [result.cpu().numpy() for result in results]
        return tuple(results) if return_std else results[0]

    def _product(self, function: str, U: Tensor, V: Tensor) -> Tensor:
        with memory_for(function, (len(U), len(V)), U.dtype, "predict_entries gives single entries, predict(X) rows."):
            return U @ V.T

    def predict_entries(self, rows: Any, columns: Any, return_std: bool = False) -> Any:
        """The entries (rows[i], columns[i]) of predict(), in float64, without the others; with return_std, of method
        "gibbs", also their standard deviations.

        rows, columns: integers from 0 on, of one length; of rows that were fitted. A tensor for tensors, else an array.
        Raises ValueError for one outside.
        """
        function = "MatrixFactorisation.predict_entries"
        check_fitted(self, function)
        row, column = (torch.as_tensor(np.asarray(i) if not isinstance(i, Tensor) else i) for i in (rows, columns))
        for name, index, length in (("rows", row, self.U_.size(0)), ("columns", column, self.V_.size(0))):
            if index.dim() != 1 or index.shape != row.shape or index.is_floating_point() or index.dtype == torch.bool:
                raise ValueError(f"[{function}] rows and columns must be lists of integers, of one length.")
            if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < length:
                raise ValueError(
                    f"[{function}] {name} must be from 0 to {length - 1}, but one is "
                    f"{int(index.min()) if int(index.min()) < 0 else int(index.max())}."
                )
        if return_std:
            if self.method != "gibbs":
                raise ValueError(
                    f"[{function}] return_std must be of method 'gibbs', but the method is {self.method!r}."
                )
            return self._posterior(function).predict(rows, columns, return_std=True)
        row, column = row.long().to(self.U_.device), column.long().to(self.U_.device)
        result = self._at(self.U_, row, column, self._known("_rows_seen"))
        return result if isinstance(rows, Tensor) else result.cpu().numpy()

    def _at(self, U: Tensor, rows: Tensor, columns: Tensor, rows_seen: Tensor | None) -> Tensor:
        """U[rows]·V_[columns] in float64, and mean_ where a row or column has no observed entry."""
        with plain_computation(U.device):
            V = self.V_.to(U.device)
            parts = zip(rows.split(2**18), columns.split(2**18), strict=True)
            products = [(U[r].double() * V[c].double()).sum(1) for r, c in parts]
            result = torch.cat(products) if products else U.new_zeros(0, dtype=torch.float64)
            if self.method == "gibbs":  # predicts what it has not seen by its prior
                return result
            for seen, indices in ((rows_seen, rows), (self._known("_columns_seen"), columns)):
                if seen is not None:
                    result[seen.to(U.device)[indices].logical_not()] = self.mean_
        return result

    def _known(self, name: str) -> Tensor | None:
        """Which rows or columns fit has seen entries of; None where it is not known, after load_state_dict."""
        return getattr(self, name, None)

    def _with_mean(self, function: str, completed: Tensor, rows_seen: Tensor | None) -> Tensor:
        """Predicts mean_ where a row or column has no observed entry, and warns."""
        unseen = []
        for dim, name, seen in ((0, "row", rows_seen), (1, "column", self._known("_columns_seen"))):
            if seen is None or bool(seen.all()) or not hasattr(self, "mean_"):
                continue
            cold = seen.logical_not().nonzero().squeeze(1).to(completed.device)
            completed.index_fill_(dim, cold, self.mean_)
            unseen.append(f"{cold.numel()} {name}{'s' if cold.numel() > 1 else ''} (the first is {int(cold[0])})")
        if unseen:
            notice(
                f"[{function}] nothing is known of {' and '.join(unseen)} without an observed entry: the prediction there "
                f"is the mean of what was fitted, {self.mean_:.6g}."
            )
        return completed

    def score(self, X: Any, y: Any = None, *, mask: Any = None) -> float:
        """Minus the root mean squared error of rows completed from a part of their entries: greater is better.

        X and mask: k x n, rows that fit need not have seen. Of each row the share score_hold_out of its observed
        entries is held back, at least one, drawn with score_seed; the row is folded in (transform) from the others, and
        judged on those held back. Rows with a single entry are left out. So GridSearchCV and cross_val_score, which set
        rows aside, measure the error on unseen entries; to set entries aside see EntryKFold and score_entries.
        Raises ValueError where no row has two entries.
        """
        function = "MatrixFactorisation.score"
        A, M = self._matrix(function, X, mask)
        fraction = check_number(function, "score_hold_out", self.score_hold_out)
        if not 0 < fraction < 1:
            raise ValueError(f"[{function}] score_hold_out must be above 0 and below 1, but was {fraction}.")
        with plain_computation(A.device):
            entries = entries_in(A, M)
            rows, columns = entries._indices()
            held = held_back(rows, A.size(0), fraction, check_integer(function, "score_seed", self.score_seed))
            if not bool(held.any()):
                raise ValueError(f"[{function}] X must have a row with two observed entries or more, but has none.")
            rest, values = held.logical_not(), entries._values()
            shown = coo(entries._indices()[:, rest], values[rest], A.shape)
            factors = self._fold_in(function, shown, None)
            return _minus_rmse(function, values[held], self._at(factors, rows[held], columns[held], None))

    def score_entries(self, X: Any, *, mask: Any = None) -> float:
        """Minus the root mean squared error of predict() over the observed entries of X: greater is better.

        X and mask: m x n, the rows that were fitted, in their order; a hold-out score where X holds entries
        that fit did not see (see EntryKFold).
        """
        function = "MatrixFactorisation.score_entries"
        A, M = self._matrix(function, X, mask)
        if A.size(0) != self.U_.size(0):
            raise ValueError(
                f"[{function}] X must have the {self.U_.size(0)} rows that were fitted, but has {A.size(0)}. score "
                "judges other rows."
            )
        with plain_computation(A.device):
            entries = entries_in(A, M)
            if entries._nnz() == 0:
                raise ValueError(f"[{function}] X must have at least one observed entry, but has none.")
            rows, columns = entries._indices()
            predicted = self._at(self.U_.to(A.device), rows, columns, self._known("_rows_seen"))
            return _minus_rmse(function, entries._values(), predicted)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """The names of transform's columns: matrixfactorisation0, 1, ..., one for each of the rank columns of V_."""
        check_fitted(self, "MatrixFactorisation.get_feature_names_out")
        name = type(self).__name__.lower()
        return np.array([f"{name}{i}" for i in range(self.V_.size(1))], dtype=object)

    def set_output(self, *, transform: Literal["default", "pandas", "polars"] | None = None) -> MatrixFactorisation:
        """Sets the container of transform and fit_transform: "default", an array or tensor; "pandas" or "polars", a
        data frame with the names of get_feature_names_out. None changes nothing. Without it scikit-learn's own setting
        holds, where it is loaded."""
        if transform is not None:
            choices = ("default", "pandas", "polars")
            word = check_choice("MatrixFactorisation.set_output", "transform", transform, choices)
            self._sklearn_output_config = {"transform": word}  # by this name scikit-learn's clone copies it
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """U and V, by these names. torch.load(weights_only=True) and the programs read a file of it by torch.save."""
        check_fitted(self, "MatrixFactorisation.state_dict")
        return {"U": self.U_, "V": self.V_}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> MatrixFactorisation:
        """Takes U and V from a state_dict, or from a file of the programs, in place of fit."""
        function = "MatrixFactorisation.load_state_dict"
        U, V = (check_tensor(function, name, state.get(name)) for name in ("U", "V"))
        if U.dim() != 2 or V.dim() != 2 or U.size(1) != V.size(1) or U.dtype != V.dtype:
            raise ValueError(
                f"[{function}] U and V must be matrices of as many columns as each other and of one type, but were "
                f"{tuple(U.shape)} and {tuple(V.shape)}, {U.dtype} and {V.dtype}."
            )
        self.U_, self.V_ = U, V
        self.n_features_in_ = self.V_.size(0)
        self._of_arrays = False
        for learnt in ("_rows_seen", "_columns_seen", "mean_", "posterior_", "feature_names_in_"):
            self.__dict__.pop(learnt, None)  # which the state does not hold
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "V_")

    def __sklearn_tags__(self) -> Any:
        """Called by scikit-learn, where it is installed."""
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=["float64"]),
            input_tags=InputTags(allow_nan=True, sparse=True),
            non_deterministic=self.seed is None,
        )


def _variances(products: Iterator[Tensor]) -> Tensor:
    """The variances of each entry over matrices, in one pass (Welford, Technometrics 4(3), 1962)."""
    mean = squares = torch.zeros(())
    count = 0
    for product in products:
        count += 1
        before = product - mean
        mean = mean + before / count
        squares = squares + before * (product - mean)
    return squares / (count - 1) if count > 1 else torch.full_like(mean, math.nan)


def _minus_rmse(function: str, values: Tensor, predicted: Tensor) -> float:
    error = float((values.double() - predicted).square().mean())
    if not math.isfinite(error):
        raise ValueError(f"[{function}] X must be finite where it is observed, but holds NaN or infinity there.")
    return -math.sqrt(error)
