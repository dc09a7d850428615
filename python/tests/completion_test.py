"""New rows: transform is their least squares, score judges by entries held back; and cross-validation over entries."""

import math
import warnings

import numpy as np
import pytest
import torch

from factorise import EntryKFold, MatrixFactorisation, cross_validate_entries
from factorise._fold_in import fold_in
from factorise._folds import held_back

GENERATOR = torch.Generator().manual_seed(0)
RANK_ONE = torch.outer(1 + torch.rand(40, generator=GENERATOR), 1 + torch.rand(12, generator=GENERATOR))


def row_by_row(V, A, M, ridge):
    """What fold_in is to give, one row after the other: for a ridge, rows of sqrt(ridge count) I below V's."""
    factors = []
    for a, m in zip(A.double(), M, strict=True):
        penalty = math.sqrt(ridge * int(m.sum())) * torch.eye(V.size(1), dtype=V.dtype)
        system = torch.cat([V[m], penalty]) if ridge else V[m]
        right = torch.cat([a[m], torch.zeros(V.size(1))]) if ridge else a[m]
        factors.append(torch.linalg.pinv(system) @ right)
    return torch.stack(factors)


def patterns(rows, columns, rank):
    """Rows of every kind: all observed, none, one, fewer than the rank, one pattern many times, and by chance."""
    M = torch.rand(rows, columns, generator=GENERATOR) < 0.5
    M[0], M[1], M[2], M[3] = True, False, False, False
    M[2, 5], M[3, : rank - 1] = True, True
    M[4:10] = M[4]
    return M


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("rank", [1, 3, 8, 20])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.int64, "sparse", "sparse, few"])
def test_rows_are_folded_in_as_one_by_one(kind, rank, ridge):
    rows, columns = 60, 30
    V = torch.rand(columns, rank, generator=GENERATOR, dtype=torch.float64)
    A = torch.randint(-5, 6, (rows, columns), generator=GENERATOR)
    M = patterns(rows, columns, rank)
    if kind == "sparse, few":
        M[10:] = False
        M[2:10, 3:] = False
        M[0] = False
        assert M.sum() < 0.04 * M.numel()
    given = A.double().masked_fill(~M, 0).to_sparse() if isinstance(kind, str) else A.to(kind)
    if isinstance(kind, str):  # zeros are entries
        given = torch.sparse_coo_tensor(M.nonzero().T, A[M].double(), A.shape, is_coalesced=True)
    factors = fold_in(V, given, None if given.is_sparse else M, ridge)
    expected = row_by_row(V, A, M, ridge)
    # Normal equations square the condition, which is below 1e3 where the factors are determined.
    torch.testing.assert_close(factors, expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(factors[1], torch.zeros(rank, dtype=torch.float64))
    assert torch.equal(factors[4], factors[9]) == torch.equal(given.to_dense()[4], given.to_dense()[9])


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_without_a_mask_as_with_one_of_ones(ridge):
    V = torch.rand(30, 4, generator=GENERATOR, dtype=torch.float64)
    A = torch.rand(25, 30, generator=GENERATOR)
    ones = torch.ones(25, 30, dtype=torch.bool)
    torch.testing.assert_close(fold_in(V, A, None, ridge), fold_in(V, A, ones, ridge), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(fold_in(V, A, None, ridge), row_by_row(V, A, ones, ridge), rtol=1e-9, atol=1e-12)


def test_factors_that_nothing_tells_apart_are_the_shortest():
    V = torch.rand(30, 1, generator=GENERATOR, dtype=torch.float64).repeat(1, 3)  # three columns, all the same
    A, M = torch.rand(20, 30, generator=GENERATOR), patterns(20, 30, 3)
    for observed in (M, None):
        factors = fold_in(V, A, observed, 0.0)
        whole = torch.ones_like(M) if observed is None else M
        torch.testing.assert_close(factors, row_by_row(V, A, whole, 0.0), rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(factors[:, 0], factors[:, 2], rtol=1e-6, atol=1e-9)


def test_blocks_of_rows_make_no_difference(monkeypatch):
    V = torch.rand(30, 5, generator=GENERATOR, dtype=torch.float64)
    A, M = torch.rand(70, 30, generator=GENERATOR), patterns(70, 30, 5)
    entries = torch.sparse_coo_tensor(M.nonzero().T, A[M], A.shape, is_coalesced=True)
    at_once = [fold_in(V, A, M, 0.1), fold_in(V, entries, None, 0.1), fold_in(V, A, None, 0.1)]
    monkeypatch.setattr("factorise._fold_in._BLOCK", 40)  # one pair of columns and 16 rows at a time
    in_blocks = [fold_in(V, A, M, 0.1), fold_in(V, entries, None, 0.1), fold_in(V, A, None, 0.1)]
    monkeypatch.setattr("factorise._fold_in._DENSE", 2)
    in_blocks.append(fold_in(V, entries, None, 0.1))
    for ours, theirs in zip(in_blocks, [*at_once, at_once[1]], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_transform_is_that_and_does_not_write():
    M = patterns(40, 12, 2)
    X = RANK_ONE.double().masked_fill(~M, float("nan"))
    model = MatrixFactorisation(2, seed=0, weight_decay=0.05, lr=0.01).fit(X)
    before = X.clone()
    expected = row_by_row(model.V_, X, M, 0.05)
    torch.testing.assert_close(model.transform(X), expected, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(model.transform(RANK_ONE.double(), mask=M.int()), expected, rtol=1e-6, atol=1e-9)
    assert torch.equal(X.nan_to_num(-1), before.nan_to_num(-1))
    with pytest.raises(ValueError, match="X must be finite where it is observed"):
        model.transform(X / 0)


def test_a_share_of_every_rows_entries_is_held_back():
    lengths = [0, 1, 2, 3, 10, 1, 40]
    rows = torch.repeat_interleave(torch.arange(7), torch.tensor(lengths))
    marks = held_back(rows, 7, 0.2, seed=5)
    assert torch.bincount(rows[marks], minlength=7).tolist() == [0, 0, 1, 1, 2, 0, 8]
    assert torch.bincount(rows[held_back(rows, 7, 0.99, seed=5)], minlength=7).tolist() == [0, 0, 1, 2, 9, 0, 39]
    assert torch.equal(marks, held_back(rows, 7, 0.2, seed=5))
    assert not torch.equal(marks, held_back(rows, 7, 0.2, seed=6))
    # Each entry as often as another: 40 entries, 8 of which are held back. 2000 draws of a share of 0.2 have a standard
    # deviation of 18.
    often = sum(held_back(rows, 7, 0.2, seed=s)[-40:].long() for s in range(2000))
    assert often.min() > 400 - 5 * 18 and often.max() < 400 + 5 * 18


def test_score_is_its_definition():
    M = torch.rand(40, 12, generator=GENERATOR) < 0.6
    X = (RANK_ONE + torch.rand(40, 12, generator=GENERATOR)).double().masked_fill(~M, float("nan"))
    model = MatrixFactorisation(2, seed=0, weight_decay=0.01, lr=0.01, score_hold_out=0.3, score_seed=4).fit(X[:20])
    rows, columns = M[20:].nonzero().T
    held = held_back(rows, 20, 0.3, seed=4)
    shown = X[20:].clone()
    shown[rows[held], columns[held]] = float("nan")
    errors = (model.predict(shown) - X[20:])[rows[held], columns[held]]
    assert model.score(X[20:]) == pytest.approx(-errors.square().mean().sqrt().item(), rel=1e-9)
    assert model.score(X[20:]) == model.score(X[20:].nan_to_num(0), mask=M[20:])
    assert model.score(X[20:]) != model.set_params(score_seed=5).score(X[20:])
    for share in (0, 1, -1, math.nan):
        with pytest.raises(ValueError, match="score_hold_out must be above 0 and below 1, but was"):
            model.set_params(score_hold_out=share).score(X)
    with pytest.raises(ValueError, match="X must have a row with two observed entries or more, but has none"):
        model.set_params(score_hold_out=0.3).score(torch.ones(3, 12).double(), mask=torch.eye(12)[:3])


@pytest.mark.parametrize("cv", [2, 3, 5])
def test_grid_search_finds_the_rank(cv):
    selection = pytest.importorskip("sklearn.model_selection")
    X = RANK_ONE.double().numpy()
    search = selection.GridSearchCV(MatrixFactorisation(seed=0, num_epochs=2000), {"rank": [1, 2, 3]}, cv=cv).fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert search.best_params_ == {"rank": 1} and -1e-3 < scores[0] <= 0, scores
    assert np.isfinite(scores).all()


def test_score_entries_judges_the_rows_that_were_fitted():
    M = torch.rand(40, 12, generator=GENERATOR) < 0.7
    X = RANK_ONE.masked_fill(~M, float("nan"))
    model = MatrixFactorisation(2, seed=0).fit(X)
    errors = (RANK_ONE - model.predict())[M].double()
    assert model.score_entries(X) == pytest.approx(-errors.square().mean().sqrt().item(), rel=1e-5)
    assert model.score_entries(RANK_ONE, mask=M) == model.score_entries(X)
    assert model.score_entries(RANK_ONE, mask=~M) < model.score_entries(X)
    with pytest.raises(ValueError, match="the 40 rows that were fitted, but has 39. score judges other rows"):
        model.score_entries(X[:39])
    with pytest.raises(ValueError, match="at least one observed entry, but has none"):
        model.score_entries(X, mask=M * 0)


def parts_of(kind):
    M = torch.rand(40, 12, generator=torch.Generator().manual_seed(3)) < 0.6
    X = RANK_ONE.masked_fill(~M, float("nan"))
    if kind == "tensor":
        return M, X
    if kind == "array":
        return M, X.numpy()
    entries = torch.sparse_coo_tensor(M.nonzero().T, RANK_ONE[M], M.shape)
    if kind == "torch sparse":
        return M, entries
    scipy = pytest.importorskip("scipy.sparse")
    coo = (RANK_ONE[M].numpy(), tuple(M.nonzero().T.numpy()))
    return M, (scipy.csc_array if kind == "scipy array" else scipy.coo_matrix)(coo, shape=tuple(M.shape))


def dense(part):
    """Values, and where they are."""
    if hasattr(part, "tocoo"):
        part = torch.sparse_coo_tensor(np.stack([part.tocoo().row, part.tocoo().col]), part.tocoo().data, part.shape)
    if isinstance(part, torch.Tensor) and part.is_sparse:
        indices = part.coalesce().indices()
        result = torch.full(part.shape, float("nan"))
        result[indices[0], indices[1]] = part.coalesce().values()
        return result
    return torch.as_tensor(part)


@pytest.mark.parametrize("kind", ["tensor", "array", "torch sparse", "scipy array", "scipy matrix"])
def test_every_entry_is_tested_once_by_a_fit_to_the_others(kind):
    M, X = parts_of(kind)
    splits = list(EntryKFold(4, seed=2).split(X))
    assert len(splits) == 4
    tested = torch.zeros_like(M, dtype=torch.int64)
    for train, test in splits:
        assert (type(train) is type(X)) or kind.startswith("scipy")
        assert all("matrix" in type(part).__name__ for part in (train, test)) == (kind == "scipy matrix")
        seen, held = (dense(part).isnan().logical_not() for part in (train, test))
        assert torch.equal(seen ^ held, M) and not (seen & held).any()
        assert torch.equal(dense(test)[held], RANK_ONE[held]) and torch.equal(dense(train)[seen], RANK_ONE[seen])
        assert abs(int(held.sum()) - int(M.sum()) / 4) < 1
        tested += held
    assert torch.equal(tested, M.long())
    again = [dense(test).nan_to_num(0) for _, test in EntryKFold(4, seed=2).split(X)]
    assert all(torch.equal(a, dense(b).nan_to_num(0)) for a, (_, b) in zip(again, splits, strict=True))


def test_whole_numbers_are_split_as_numbers_with_nan():
    for X, kind in ((torch.ones(4, 5, dtype=torch.int64), torch.float32), (np.ones((4, 5), int), np.float64)):
        for train, test in EntryKFold(2).split(X):
            assert train.dtype == kind and int(torch.as_tensor(test).isnan().sum()) == 10
    with pytest.raises(ValueError, match="n_splits must be from 2 to the 20 observed entries, but was 21"):
        next(EntryKFold(21).split(X))


@pytest.mark.parametrize("kind", ["tensor", "torch sparse"])
def test_cross_validation_over_entries_finds_the_rank(kind):
    _, X = parts_of(kind)
    scores = {
        rank: cross_validate_entries(MatrixFactorisation(rank, seed=0, num_epochs=3000), X, n_splits=4)
        for rank in (1, 4)
    }
    assert scores[1].shape == (4,) and scores[1].mean() > -1e-3 and scores[4].mean() < scores[1].mean()
    train, test = next(EntryKFold(4).split(X))
    by_hand = MatrixFactorisation(1, seed=0, num_epochs=3000).fit(train).score_entries(test)
    assert by_hand == scores[1][0]


def test_of_rows_and_columns_without_an_entry_the_mean_is_said():
    X = RANK_ONE.clone()
    X[:, 3], X[7], X[9] = float("nan"), float("nan"), float("nan")
    model = MatrixFactorisation(1, seed=0).fit(X)
    mean = X[~X.isnan()].double().mean().item()
    assert model.mean_ == pytest.approx(mean, rel=1e-9)
    with pytest.warns(UserWarning, match=r"of 2 rows \(the first is 7\) and 1 column \(the first is 3\) without an"):
        completed = model.predict()
    for part in (completed[:, 3], completed[7], completed[9]):
        torch.testing.assert_close(part, torch.full_like(part, mean))
    others = ~X.isnan()
    assert torch.equal(completed[others], (model.U_ @ model.V_.T)[others])
    rows, columns = [0, 7, 1], [3, 0, 1]
    expected = [mean, mean, completed[1, 1].item()]
    assert model.predict_entries(rows, columns) == pytest.approx(expected, rel=1e-6)
    assert -model.score_entries(torch.where(X.isnan(), 0.0, float("nan"))) == pytest.approx(mean, rel=1e-9)
    with pytest.warns(UserWarning, match=r"of 1 row \(the first is 1\) and 1 column"):
        new = model.predict(torch.stack([X[0], X[7]]))
    assert new[1].tolist() == pytest.approx([mean] * 12) and new[0, 3].item() == pytest.approx(mean)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MatrixFactorisation(1, seed=0).fit(RANK_ONE).predict(RANK_ONE[:3])


def test_single_entries_are_those_of_the_matrix():
    model = MatrixFactorisation(2, seed=0).fit(RANK_ONE.double())
    rows, columns = torch.tensor([3, 0, 39]), torch.tensor([11, 0, 5])
    torch.testing.assert_close(model.predict_entries(rows, columns), model.predict()[rows, columns])
    assert isinstance(model.predict_entries(rows.numpy(), columns.numpy()), np.ndarray)
    for bad, sentence in (([40], "rows must be from 0 to 39, but one is 40"), ([-1], "but one is -1")):
        with pytest.raises(ValueError, match=sentence):
            model.predict_entries(bad, [0])
    with pytest.raises(ValueError, match="must be lists of integers, of one length"):
        model.predict_entries([0, 1], [0])
    with pytest.raises(ValueError, match="must be lists of integers, of one length"):
        model.predict_entries([0.5], [0])
