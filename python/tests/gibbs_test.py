"""gibbs_factorise and its kin, and the estimator's method "gibbs": what a posterior says, and that runs go on to the same
bits. The sampler itself is tested in C++ (tests/factorise/gibbs_test.cpp)."""

import numpy as np
import pytest
import torch

from factorise import (
    MatrixFactorisation,
    Posterior,
    gibbs_factorise,
    gibbs_factorise_entries,
    gibbs_factorise_masked,
)

GENERATOR = torch.Generator().manual_seed(0)
A = torch.randn(30, 2, generator=GENERATOR) @ torch.randn(2, 40, generator=GENERATOR)
A += 3 + 0.5 * torch.randn(30, 40, generator=GENERATOR)
M = torch.rand(30, 40, generator=GENERATOR) < 0.4
HOLED = A.masked_fill(~M, float("nan"))
ROWS, COLUMNS = torch.tensor([0, 3, 29, 7]), torch.tensor([1, 39, 5, 0])


def sampled(**options):
    return gibbs_factorise_masked(A, M, 2, 60, seed=1, **options)


def same(a: Posterior, b: Posterior) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state, b.state, strict=True))


def test_a_posterior_unpacks_as_factors_whose_product_is_the_mean_of_its_draws():
    posterior = sampled(keep_every=1)
    U, V = posterior
    assert posterior.draws == 54 and U.shape == (30, 54 * 4) and V.shape == (40, 54 * 4)
    products = [u @ v.T * 54 for u, v in zip(U.chunk(54, 1), V.chunk(54, 1), strict=True)]
    torch.testing.assert_close(U @ V.T, torch.stack(products).mean(0), rtol=1e-4, atol=1e-4)
    values, deviations = posterior.predict(ROWS, COLUMNS, return_std=True)
    every = torch.stack(products)[:, ROWS, COLUMNS].double()
    torch.testing.assert_close(values, every.mean(0), rtol=1e-4, atol=1e-4)
    noise = float(posterior.noise[6:].mean())
    torch.testing.assert_close(deviations, (every.var(0) + noise).sqrt(), rtol=1e-4, atol=1e-4)
    assert posterior.noise_variance == pytest.approx(noise)
    assert isinstance(posterior.predict(ROWS.numpy(), COLUMNS.numpy()), np.ndarray)


def test_asked_entries_are_summed_up_over_all_draws():
    posterior = sampled(keep_every=7, asked=(ROWS, COLUMNS))
    every = sampled(keep_every=1)
    values, deviations = every.predict(ROWS, COLUMNS, return_std=True)
    torch.testing.assert_close(posterior.means, values, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(posterior.deviations, deviations, rtol=1e-4, atol=1e-5)
    assert sampled().means is None and sampled().deviations is None


def test_the_same_bits_from_a_mask_entries_and_a_whole_matrix():
    masked = sampled(asked=(ROWS, COLUMNS))
    entries = torch.where(M, A, 0).to_sparse()
    assert same(masked, gibbs_factorise_entries(entries, 2, 60, seed=1, asked=(ROWS.tolist(), COLUMNS.tolist())))
    whole = gibbs_factorise(A, 2, 20, seed=1)
    assert same(whole, gibbs_factorise_masked(A, torch.ones_like(A), 2, 20, seed=1))


@pytest.mark.parametrize("biases", [True, False])
def test_a_run_goes_on_from_a_posterior_to_the_same_bits(biases):
    options = {"biases": biases, "burn_in": 6, "asked": (ROWS, COLUMNS)}
    whole = sampled(**options)
    part = gibbs_factorise_masked(A, M, 2, 31, seed=1, **options)
    assert not same(part, whole)
    assert same(sampled(epochs_done=31, resume=part, **options), whole)
    with pytest.raises(ValueError, match="resume must be given with epochs_done"):
        sampled(epochs_done=31, **options)
    with pytest.raises(ValueError, match="resume must be the posterior of a run with the same A, rank"):
        sampled(epochs_done=30, resume=part, **options)


def test_rows_and_columns_that_are_not_there_have_the_priors_deviation():
    posterior = gibbs_factorise_masked(A, M, 2, 400, seed=1)
    known = posterior.predict([3], [4], return_std=True)[1]
    new = posterior.predict([-1], [4], return_std=True)[1]
    neither = posterior.predict([-1], [-1], return_std=True)[1]
    assert known < new < neither
    with pytest.raises(ValueError, match=r"rows must be from -1 to 29, but one is not"):
        posterior.predict([30], [4])
    with pytest.raises(ValueError, match="lists of integers, of one length"):
        posterior.predict([1.5], [4])


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="burn_in must be from 0 to num_epochs - 1 = 59, but was 60"):
        sampled(burn_in=60)
    with pytest.raises(ValueError, match="keep_every must be at least 1"):
        sampled(keep_every=0)
    with pytest.raises(ValueError, match="asked must be rows and columns, integers"):
        sampled(asked=([0.5], [1]))
    with pytest.raises(ValueError, match="the asked columns must be from -1 to 39, but one was 40"):
        sampled(asked=([0], [40]))


def test_the_estimator_is_the_functions_result_with_deviations():
    model = MatrixFactorisation(2, method="gibbs", num_epochs=60, seed=1).fit(HOLED)
    assert torch.equal(model.U_, sampled().U) and torch.equal(model.V_, sampled().V)
    completed, deviations = model.predict(return_std=True)
    assert torch.equal(completed, model.predict()) and completed.shape == deviations.shape == A.shape
    values, of_entries = model.predict_entries(ROWS, COLUMNS, return_std=True)
    torch.testing.assert_close(completed[ROWS, COLUMNS].double(), values, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(deviations[ROWS, COLUMNS].double(), of_entries, rtol=1e-4, atol=1e-4)
    assert isinstance(MatrixFactorisation(2, method="gibbs", num_epochs=9).fit(HOLED.numpy()).predict(), np.ndarray)
    for method in ("sgd", "als"):
        plain = MatrixFactorisation(2, method=method, num_epochs=5).fit(HOLED)
        with pytest.raises(ValueError, match="return_std must be of method 'gibbs', but the method is"):
            plain.predict(return_std=True)
        with pytest.raises(ValueError, match="return_std must be of method 'gibbs'"):
            plain.predict_entries(ROWS, COLUMNS, return_std=True)


@pytest.mark.parametrize("biases", [True, False])
def test_new_rows_have_the_posterior_of_rows_that_were_fitted(biases):
    options = {"method": "gibbs", "num_epochs": 2000, "seed": 1, "biases": biases}
    model = MatrixFactorisation(2, **options).fit(HOLED.double())
    completed, deviations = model.predict(return_std=True)
    again, of_rows = model.predict(HOLED.double(), return_std=True)
    # Solved for given each draw's V in place of drawn: the same mean and the same deviation, but for the sampling's noise.
    torch.testing.assert_close(again, completed, rtol=0, atol=0.15)
    torch.testing.assert_close(of_rows, deviations, rtol=0.1, atol=0)
    sparse = torch.where(M, A, 0).double().to_sparse()
    torch.testing.assert_close(model.predict(sparse), again, rtol=1e-9, atol=1e-9)
    # Of a row without entries the prior is left, with its deviation.
    nothing, wide = model.predict(torch.full((1, 40), float("nan")).double(), return_std=True)
    expected, of_unseen = model.posterior_.predict(np.full(40, -1), np.arange(40), return_std=True)
    np.testing.assert_allclose(nothing[0], expected, atol=0.4)
    np.testing.assert_allclose(wide[0], of_unseen, rtol=0.15)
    assert bool((wide > deviations.mean()).all())


def test_most_of_what_was_not_seen_lies_in_the_intervals():
    model = MatrixFactorisation(2, method="gibbs", seed=1).fit(HOLED)
    completed, deviations = model.predict(return_std=True)
    away = ((A - completed).abs() / deviations)[~M]
    assert 0.85 < float((away <= 1.645).double().mean()) < 0.95
    assert 0.42 < float((away <= 0.6745).double().mean()) < 0.58
