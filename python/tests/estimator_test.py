"""MatrixFactorisation: what it learns is the functions' result; scikit-learn's conventions, with it and without."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from factorise import (
    MatrixFactorisation,
    als_factorise,
    als_factorise_masked,
    gd_factorise_ad,
    gd_factorise_masked,
    gibbs_factorise_masked,
    sgd_factorise,
    sgd_factorise_masked,
)

GENERATOR = torch.Generator().manual_seed(0)
A = torch.rand(12, 3, generator=GENERATOR) @ torch.rand(3, 9, generator=GENERATOR)
M = torch.rand(12, 9, generator=GENERATOR) < 0.7
HOLED = A.masked_fill(~M, float("nan"))


@pytest.mark.parametrize(
    "params, factors",
    [
        ({}, lambda: sgd_factorise_masked(A, M, 2, seed=0)),
        ({"weight_decay": 0.1, "lr_decay": 0.9, "num_epochs": 9, "lr": 0.02},
         lambda: sgd_factorise_masked(A, M, 2, 9, 0.02, weight_decay=0.1, lr_decay=0.9, seed=0)),
        ({"method": "gd", "lr": 0.01}, lambda: gd_factorise_masked(A, M, 2, lr=0.01, seed=0)),
        ({"method": "als"}, lambda: als_factorise_masked(A, M, 2, seed=0)),
        ({"method": "als", "num_epochs": 3, "regularisation": 0.5, "weighted": False},
         lambda: als_factorise_masked(A, M, 2, 3, 0.5, weighted=False, seed=0)),
        ({"method": "als", "biases": True, "bias_regularisation": 0.3},
         lambda: als_factorise_masked(A, M, 2, biases=True, bias_regularisation=0.3, seed=0)),
        ({"method": "gibbs", "num_epochs": 30}, lambda: gibbs_factorise_masked(A, M, 2, 30, seed=0)),
        ({"method": "gibbs", "num_epochs": 30, "biases": False, "burn_in": 9, "keep_every": 2},
         lambda: gibbs_factorise_masked(A, M, 2, 30, biases=False, burn_in=9, keep_every=2, seed=0)),
        ({"method": "ad"}, lambda: gd_factorise_ad(A, 2, mask=M, seed=0)),
    ],
)  # fmt: skip
def test_fit_is_the_functions_result(params, factors):
    for model in (
        MatrixFactorisation(2, seed=0, **params).fit(HOLED),
        MatrixFactorisation(2, seed=0, **params).fit(A, mask=M),
    ):
        assert all(torch.equal(a, b) for a, b in zip((model.U_, model.V_), factors(), strict=True))
        assert torch.equal(model.predict(), model.U_ @ model.V_.T)


def test_without_holes_the_whole_matrix_is_fitted():
    model = MatrixFactorisation(2, seed=0).fit(A)
    assert torch.equal(model.U_, sgd_factorise(A, 2, seed=0)[0])
    assert torch.equal(MatrixFactorisation(2, seed=0, method="ad").fit(A).U_, gd_factorise_ad(A, 2, seed=0)[0])
    assert torch.equal(MatrixFactorisation(2, seed=0, method="als").fit(A).U_, als_factorise(A, 2, seed=0)[0])
    by_gd = gd_factorise_masked(A, torch.ones_like(A), 2, seed=0)
    assert torch.equal(MatrixFactorisation(2, seed=0, method="gd").fit(A).U_, by_gd[0])


def test_new_rows_are_fitted_by_least_squares():
    model = MatrixFactorisation(3, seed=0, num_epochs=20000, lr=0.05).fit(A.double())
    # Rows of rank 3 are completed from any of their entries that determine them.
    rows = A[:4].double().masked_fill(~M[:4], float("nan"))
    rows[0, :4] = A[0, :4].double()
    assert (model.predict(rows) - A[:4].double())[M[:4].sum(1) >= 5].abs().max() < 1e-2
    V = model.V_
    expected = torch.linalg.lstsq(V[M[1]], A[1].double()[M[1]]).solution
    torch.testing.assert_close(model.transform(rows)[1], expected, rtol=1e-6, atol=1e-8)
    assert torch.equal(model.transform(torch.full((1, 9), float("nan")).double()), torch.zeros(1, 3).double())


def test_new_rows_of_als_with_biases_are_solved_for_as_the_fitted_ones():
    params = {"regularisation": 0.2, "biases": True, "bias_regularisation": 0.7, "num_epochs": 3000, "seed": 0}
    model = MatrixFactorisation(2, method="als", **params).fit(HOLED.double())
    assert model.U_.shape == (12, 4) and bool((model.U_[:, 3] == 1).all()) and bool((model.V_[:, 2] == 1).all())
    torch.testing.assert_close(model.transform(HOLED.double()), model.U_, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(model.predict(HOLED.double()), model.U_ @ model.V_.T, rtol=1e-6, atol=1e-6)
    sparse = torch.where(M, A, 0).double().to_sparse()
    torch.testing.assert_close(model.transform(sparse), model.U_, rtol=1e-6, atol=1e-6)
    new = model.transform(torch.full((1, 9), float("nan")).double())
    torch.testing.assert_close(new, torch.tensor([[0, 0, model.mean_, 1]], dtype=torch.float64))


@pytest.mark.parametrize("weighted", [True, False])
def test_new_rows_of_als_are_solved_for_with_its_regularisation(weighted):
    model = MatrixFactorisation(3, seed=0, method="als", regularisation=0.2, weighted=weighted).fit(HOLED.double())
    rows = HOLED[:4].double()
    for row, seen, factor in zip(rows, M[:4], model.transform(rows), strict=True):
        V = model.V_[seen]
        ridge = 0.2 * (int(seen.sum()) if weighted else 1)
        expected = torch.linalg.solve(V.T @ V + ridge * torch.eye(3).double(), V.T @ row[seen])
        torch.testing.assert_close(factor, expected, rtol=1e-9, atol=1e-12)
    # Where the sweeps have converged, the rows that were fitted have the factors that transform finds.
    more = MatrixFactorisation(3, seed=0, method="als", regularisation=0.2, num_epochs=3000).fit(HOLED.double())
    torch.testing.assert_close(more.transform(HOLED.double()), more.U_, rtol=1e-6, atol=1e-6)


def test_rows_that_were_fitted_have_factors_of_their_own():
    model = MatrixFactorisation(3, seed=0, num_epochs=20000, lr=0.05).fit(A.double())
    # Where the descent has converged, these are what transform finds, to the loss that is left.
    torch.testing.assert_close(model.transform(A.double()), model.U_, rtol=0, atol=1e-2)
    torch.testing.assert_close(model.predict(A.double()), model.predict(), rtol=0, atol=1e-2)
    again = MatrixFactorisation(3, seed=0, num_epochs=20000, lr=0.05).fit_transform(A.double())
    assert torch.equal(again, model.transform(A.double())) and not torch.equal(again, model.U_)


def test_arrays_give_arrays_and_tensors_tensors():
    array = HOLED.numpy()
    model = MatrixFactorisation(2, seed=0).fit(array)
    assert isinstance(model.predict(), np.ndarray) and isinstance(model.predict(array), np.ndarray)
    assert isinstance(model.predict(HOLED), torch.Tensor) and model.predict(HOLED).dtype == torch.float32
    assert torch.equal(model.U_, MatrixFactorisation(2, seed=0).fit(HOLED).U_)
    assert np.isnan(array).sum() == (~M).sum()  # never written to


def test_what_is_masked_in_a_masked_array_is_missing_and_any_byte_order_is_read():
    model = MatrixFactorisation(2, seed=0).fit(HOLED.numpy())
    masked = MatrixFactorisation(2, seed=0).fit(np.ma.MaskedArray(A.double().numpy(), mask=~M.numpy()))
    assert torch.equal(masked.U_, MatrixFactorisation(2, seed=0).fit(HOLED.double()).U_)
    assert torch.equal(model.U_, MatrixFactorisation(2, seed=0).fit(HOLED.numpy().astype(">f4")).U_)


def test_a_default_device_of_the_callers_makes_no_difference():
    plain = MatrixFactorisation(2, seed=0).fit(HOLED)
    with torch.device("meta"):
        model = MatrixFactorisation(2, seed=0).fit(HOLED)
        assert torch.equal(model.U_, plain.U_) and torch.equal(model.transform(HOLED), plain.transform(HOLED))


def test_parameters_can_be_read_and_set():
    model = MatrixFactorisation(3, lr=0.1)
    assert model.get_params()["rank"] == 3 and model.get_params()["lr"] == 0.1
    assert model.set_params(rank=2, method="ad") is model and model.rank == 2
    assert repr(model) == "MatrixFactorisation(method='ad', lr=0.1)"
    with pytest.raises(ValueError, match="a parameter must be one of rank, method, .* but was 'ranks'"):
        model.set_params(ranks=3)
    with pytest.raises(ValueError, match="method must be sgd, als, gibbs, gd or ad, but was 'svd'"):
        MatrixFactorisation(method="svd").fit(A)


def test_before_fit_it_says_so():
    with pytest.raises((ValueError, AttributeError), match="must be fitted, but was not"):
        MatrixFactorisation().predict()


def test_its_state_is_read_back_as_weights_only(tmp_path):
    model = MatrixFactorisation(2, seed=0).fit(HOLED)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    again = MatrixFactorisation(2).load_state_dict(state)
    assert torch.equal(again.predict(), model.predict()) and again.score(HOLED) == model.score(HOLED)
    assert again.score_entries(HOLED) == model.score_entries(HOLED)
    with pytest.raises(TypeError, match="V must be a torch.Tensor, but was NoneType"):
        again.load_state_dict({"U": state["U"]})
    with pytest.raises(ValueError, match="as many columns as each other and of one type, but were .12, 2. and .9, 1."):
        again.load_state_dict({"U": state["U"], "V": state["V"][:, :1]})
    assert torch.equal(again.predict(), model.predict())


WITHOUT = """
import sys, torch
sys.modules.update(sklearn=None, tqdm=None)  # to import them fails
from factorise import MatrixFactorisation
model = MatrixFactorisation(2)
try:
    model.predict()
except ValueError:
    print(model.fit(torch.rand(4, 3)).predict().shape)
"""


def test_scikit_learn_is_not_needed():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "torch.Size([4, 3])", done.stderr


def test_scikit_learns_checks_pass():
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    # A small lr, as the checks hold numbers of all sizes; rank 1, as they hold matrices of one column.
    # Of a sparse X, too, the completed matrix is predicted.
    numbers = "predict must give a number for each row, where a matrix is completed"
    expected = {"check_estimator_sparse_array": numbers, "check_estimator_sparse_matrix": numbers}
    results = checks.check_estimator(
        MatrixFactorisation(1, seed=0, num_epochs=20, lr=1e-4), on_fail=None, expected_failed_checks=expected
    )
    assert len(results) > 40
    failed = [r for r in results if r["check_name"] in expected]
    assert [r["status"] for r in failed] == ["xfail", "xfail"]
    # They fail where they compare shapes, and not in fit.
    assert all(isinstance(r["exception"].__cause__, AssertionError) for r in failed)
    results = [r for r in results if r["check_name"] not in expected]
    # Left out by scikit-learn itself: check_array_api_input, where SCIPY_ARRAY_API is not set.
    assert [r["check_name"] for r in results if r["status"] not in ("passed", "skipped")] == []
