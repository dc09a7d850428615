"""An estimator in scikit-learn's manner, without scikit-learn: parameters in __init__, learnt factors with a final _.

New rows are met as by scikit-learn's NMF: transform finds a row's factor for the V that was learnt, by least squares.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from ._arguments import Callback, Engine, Loss, Path, check_tensor
from ._autograd import gd_factorise_ad
from ._epochs import plain_computation
from ._gd import gd_factorise_masked
from ._loss import squared_error
from ._matrices import as_matrix, check_fitted, like, observed_of
from ._sgd import sgd_factorise, sgd_factorise_masked


class MatrixFactorisation:
    """Completes a matrix, X ≈ U Vᵀ, from the entries that are observed.

    rank: columns of U and V, >= 1.
    method: "sgd" (sgd_factorise and sgd_factorise_masked), "gd" (gd_factorise_masked) or "ad" (gd_factorise_ad).
    lr: step size. None: the method's default.
    weight_decay, lr_decay, path: for method "sgd"; weight_decay is also the ridge that transform takes for every
        observed entry of a row.
    loss: for method "ad".
    All else as for sgd_factorise.

    U_: m x rank and V_: n x rank, tensors, after fit. n_features_in_: n.
    """

    def __init__(
        self,
        rank: int = 2,
        *,
        method: Literal["sgd", "gd", "ad"] = "sgd",
        num_epochs: int = 1000,
        lr: float | None = None,
        weight_decay: float = 0.0,
        lr_decay: float = 1.0,
        loss: Loss = "squared",
        seed: int | None = None,
        engine: Engine = "fused",
        path: Path = "automatic",
        overcomplete: bool = False,
        report_every: int = 1,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> None:
        self.rank = rank
        self.method = method
        self.num_epochs = num_epochs
        self.lr = lr
        self.weight_decay = weight_decay
        self.lr_decay = lr_decay
        self.loss = loss
        self.seed = seed
        self.engine = engine
        self.path = path
        self.overcomplete = overcomplete
        self.report_every = report_every
        self.callback = callback
        self.progress = progress

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of __init__ by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> MatrixFactorisation:
        """Sets parameters by name. Raises ValueError for a name that is none."""
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

        X: m x n, a tensor (CPU or CUDA), or what numpy makes an array of. mask: m x n, nonzero where X is observed;
        None: observed is what is not NaN. y is not used. Raises as sgd_factorise.
        """
        function = "MatrixFactorisation.fit"
        A = as_matrix(function, X)
        M = observed_of(function, A, mask)
        self.U_, self.V_ = self._factorise(function, A, M)
        self.n_features_in_ = A.size(1)
        self._of_arrays = not isinstance(X, Tensor)
        return self

    def _factorise(self, function: str, A: Tensor, M: Tensor | None) -> tuple[Tensor, Tensor]:
        shared = ("num_epochs", "seed", "engine", "report_every", "callback", "progress")
        options: dict[str, Any] = {name: getattr(self, name) for name in shared}
        if self.lr is not None:
            options["lr"] = self.lr
        if self.method == "sgd":
            options.update(weight_decay=self.weight_decay, lr_decay=self.lr_decay, path=self.path)
            if M is None:
                return sgd_factorise(A, self.rank, overcomplete=self.overcomplete, **options)
            return sgd_factorise_masked(A, M, self.rank, **options)
        if self.method == "ad":
            return gd_factorise_ad(A, self.rank, loss=self.loss, mask=M, overcomplete=self.overcomplete, **options)
        if self.method != "gd":
            raise ValueError(f"[{function}] method must be sgd, gd or ad, but was {self.method!r}.")
        return gd_factorise_masked(A, torch.ones_like(A, dtype=torch.bool) if M is None else M, self.rank, **options)

    def transform(self, X: Any, *, mask: Any = None) -> Any:
        """The factors of rows, k x rank: each row's least-squares fit of V_ to what is observed of it, in float64.

        X and mask: k x n, as for fit; of a row where nothing is observed, zeros. An array for arrays, a tensor in V_'s
        type and on its device for tensors.
        """
        function = "MatrixFactorisation.transform"
        check_fitted(self, function)
        A = as_matrix(function, X, columns=self.n_features_in_)
        with plain_computation(A.device):
            V = self.V_.to(A.device, torch.float64)
            M = observed_of(function, A, mask)
            seen = torch.ones_like(A, dtype=torch.float64) if M is None else M.ne(0).double()
            values = A.double().masked_fill(seen.eq(0), 0)
            # Per row: (Vᵀ D V + λ count I) u = Vᵀ D x, D what is observed.
            normal = torch.stack([(V * row[:, None]).T @ V for row in seen])
            identity = torch.eye(V.size(1), dtype=V.dtype, device=V.device)
            ridge = float(self.weight_decay) * seen.sum(1)[:, None, None] * identity
            right = torch.stack([row @ V for row in values])
            factors = (torch.linalg.pinv(normal + ridge, hermitian=True) @ right[:, :, None]).squeeze(2)
        return like(X, factors, self.V_)

    def fit_transform(self, X: Any, y: Any = None, *, mask: Any = None) -> Any:
        """fit, then transform."""
        return self.fit(X, y, mask=mask).transform(X, mask=mask)

    def predict(self, X: Any = None, *, mask: Any = None) -> Any:
        """The completed matrix.

        Without X, U_ V_ᵀ, m x n: of the rows that were fitted. With X, k x n, rows completed from what is observed of
        them: transform(X) V_ᵀ. An array where arrays were given, else a tensor.
        """
        check_fitted(self, "MatrixFactorisation.predict")
        if X is None:
            completed = self.U_ @ self.V_.T
            return completed.cpu().numpy() if self._of_arrays else completed
        factors = self.transform(X, mask=mask)
        return factors @ (self.V_.to(factors).T if isinstance(factors, Tensor) else self.V_.double().cpu().numpy().T)

    def score(self, X: Any, y: Any = None, *, mask: Any = None) -> float:
        """Minus the root mean squared error of U_ V_ᵀ over the observed entries of X: greater is better.

        X and mask: of the shape that was fitted, as for fit; for a hold-out score, mask marks what fit did not see.
        """
        function = "MatrixFactorisation.score"
        check_fitted(self, function)
        A = as_matrix(function, X, columns=self.n_features_in_)
        if A.size(0) != self.U_.size(0):
            raise ValueError(
                f"[{function}] X must have the {self.U_.size(0)} rows that were fitted, but has {A.size(0)}."
            )
        M = observed_of(function, A, mask)
        count = A.numel() if M is None else int(M.ne(0).sum())
        if count == 0:
            raise ValueError(f"[{function}] mask must mark at least one entry as observed, but marks none.")
        A, M = A.to(self.U_.device), None if M is None else M.to(self.U_.device)
        return -math.sqrt(squared_error(A, self.U_, self.V_, M) / count)

    def state_dict(self) -> dict[str, Tensor]:
        """U and V, by these names: torch.save it, and torch.load(weights_only=True) reads it, and the programs do."""
        check_fitted(self, "MatrixFactorisation.state_dict")
        return {"U": self.U_, "V": self.V_}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> MatrixFactorisation:
        """Takes U and V from a state_dict, or from what the programs saved, in place of fit."""
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
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "V_")

    def __sklearn_tags__(self) -> Any:
        """Asked for by scikit-learn, where it is."""
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=["float64"]),
            input_tags=InputTags(allow_nan=True),
            non_deterministic=self.seed is None,
        )
