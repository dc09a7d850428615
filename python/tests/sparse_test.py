"""Sparse matrices, of scipy and torch: what they store is observed, zeros among it, and nothing else is."""

import pickle
import warnings

import numpy as np
import pytest
import torch

import factorise
from factorise import MatrixFactorisation

GENERATOR = torch.Generator().manual_seed(0)
RATINGS = torch.randint(0, 6, (30, 20), generator=GENERATOR).float()  # zeros are ratings too
M = torch.rand(30, 20, generator=GENERATOR) < 0.3
M[0, 0], RATINGS[0, 0] = True, 0
HOLED = RATINGS.masked_fill(~M, float("nan"))
ROWS, COLUMNS = M.nonzero().T
VALUES = RATINGS[M]
assert (VALUES == 0).any()


def torch_coo(shuffled=False):
    order = torch.randperm(len(VALUES), generator=torch.Generator().manual_seed(1)) if shuffled else slice(None)
    return torch.sparse_coo_tensor(torch.stack([ROWS[order], COLUMNS[order]]), VALUES[order], M.shape)


def scipy_in(kind):
    sparse = pytest.importorskip("scipy.sparse")
    coo = getattr(sparse, "coo_array" if kind.endswith("array") else "coo_matrix")
    of_entries = coo((VALUES.numpy(), (ROWS.numpy(), COLUMNS.numpy())), shape=tuple(M.shape))
    return of_entries if kind.startswith("coo") else getattr(sparse, kind)(of_entries)


def torch_in(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of CSR being new
        coo = torch_coo(shuffled=kind == "coo, shuffled")
        return coo if kind.startswith("coo") else getattr(coo, f"to_sparse_{kind}")()


KINDS = {
    **{f"scipy {kind}": (scipy_in, kind) for kind in ("csr_matrix", "csc_matrix", "coo_matrix", "csr_array", "csc_array",
                                                       "coo_array", "lil_array", "dok_array")},
    **{f"torch {kind}": (torch_in, kind) for kind in ("coo", "coo, shuffled", "csr", "csc")},
}  # fmt: skip
every_kind = pytest.mark.parametrize("kind", KINDS)


def sparse(kind):
    make, name = KINDS[kind]
    return make(name)


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


CALLS = {
    "sgd_factorise_entries": lambda A, **kw: factorise.sgd_factorise_entries(A, 3, 20, 0.01, seed=0, **kw),
    "sgd_factorise": lambda A, **kw: factorise.sgd_factorise(A, 3, 20, 0.01, seed=0, **kw),
    "sgd_factorise_masked": lambda A, **kw: factorise.sgd_factorise_masked(A, None, 3, 20, 0.01, seed=0, **kw),
    "gd_factorise_masked": lambda A, **kw: factorise.gd_factorise_masked(A, None, 3, 20, 0.001, seed=0, **kw),
    "gd_factorise_ad": lambda A, **kw: factorise.gd_factorise_ad(A, 3, 20, 0.001, seed=0, **kw),
}
ON_DENSE = {
    "gd_factorise_masked": lambda **kw: factorise.gd_factorise_masked(HOLED, M, 3, 20, 0.001, seed=0, **kw),
    "gd_factorise_ad": lambda **kw: factorise.gd_factorise_ad(HOLED, 3, 20, 0.001, seed=0, mask=M, **kw),
}


def by_sgd(**kw):
    return factorise.sgd_factorise_masked(HOLED, M, 3, 20, 0.01, seed=0, **kw)


@every_kind
@pytest.mark.parametrize("call", CALLS)
def test_the_entries_are_what_is_observed(call, kind):
    assert same(CALLS[call](sparse(kind)), ON_DENSE.get(call, by_sgd)())


@pytest.mark.parametrize("call", CALLS)
def test_the_reference_engine_has_the_bits_of_the_dense_loop(call):
    expected = ON_DENSE.get(call, by_sgd)(engine="reference")
    assert same(CALLS[call](torch_coo(), engine="reference"), expected)


def test_schedules_types_and_callbacks_are_the_dense_ones():
    options = {"weight_decay": 0.1, "lr_decay": 0.9, "report_every": 7}
    told = {"sparse": [], "dense": []}
    ours = CALLS["sgd_factorise_entries"](torch_coo().double(), callback=lambda *a: told["sparse"].append(a), **options)
    dense = factorise.sgd_factorise_masked(
        HOLED.double(), M, 3, 20, 0.01, seed=0, callback=lambda *a: told["dense"].append(a), **options
    )
    assert same(ours, dense) and ours[0].dtype == torch.float64
    assert told["sparse"] == told["dense"] and len(told["dense"]) == 3
    reference = CALLS["sgd_factorise_entries"](torch_coo(), engine="reference", weight_decay=0.1)
    assert same(reference, by_sgd(engine="reference", weight_decay=0.1))
    integers = torch.sparse_coo_tensor(torch_coo()._indices(), VALUES.long(), M.shape)
    assert same(CALLS["sgd_factorise_entries"](integers), by_sgd())


@every_kind
def test_the_squared_error_is_of_the_entries(kind):
    U, V = by_sgd()
    assert factorise.squared_error(sparse(kind), U, V) == factorise.squared_error(HOLED, U, V, M)


def test_a_sparse_mask_marks_its_entries_that_are_not_zero():
    mask = M.float().to_sparse()
    assert same(factorise.sgd_factorise_masked(HOLED, mask, 3, 20, 0.01, seed=0), by_sgd())
    assert same(
        factorise.gd_factorise_masked(HOLED, mask.to_sparse_csr(), 3, 20, 0.001, seed=0),
        ON_DENSE["gd_factorise_masked"](),
    )
    stored = torch.sparse_coo_tensor(torch.ones(30, 20).nonzero().T, M.reshape(-1).float(), M.shape)  # zeros as well
    assert same(factorise.sgd_factorise_masked(HOLED, stored, 3, 20, 0.01, seed=0), by_sgd())


@every_kind
@pytest.mark.parametrize("method", ["sgd", "als", "gd", "ad"])
def test_the_estimator_learns_completes_and_scores_as_from_nan(kind, method):
    options = {"lr": 0.01 if method == "sgd" else 0.001, "num_epochs": 30, "seed": 0, "weight_decay": 0.05}
    X = sparse(kind)
    dense = HOLED if isinstance(X, torch.Tensor) else HOLED.numpy()
    ours, theirs = (MatrixFactorisation(3, method=method, **options).fit(data) for data in (X, dense))
    assert same((ours.U_, ours.V_), (theirs.U_, theirs.V_)) and ours.mean_ == pytest.approx(theirs.mean_)
    # float64 sums of at most 20 terms, in another order.
    rtol = 1e-9 if isinstance(dense, np.ndarray) else 1e-5
    for result, expected in ((ours.transform(X), theirs.transform(dense)), (ours.predict(X), theirs.predict(dense))):
        assert type(result) is type(expected)
        torch.testing.assert_close(torch.as_tensor(result), torch.as_tensor(expected), rtol=rtol, atol=rtol)
    assert ours.score(X) == pytest.approx(theirs.score(dense), rel=1e-9)
    assert ours.score_entries(X) == pytest.approx(theirs.score_entries(dense), rel=1e-9)


def test_far_more_cells_than_memory_holds_are_no_hindrance():
    generator = torch.Generator().manual_seed(0)
    side, count = 300_000, 50_000  # 90 billion cells
    indices = torch.stack([torch.randperm(side, generator=generator)[:count] for _ in "ij"])
    X = torch.sparse_coo_tensor(indices, torch.rand(count, generator=generator) + 1, (side, side))
    model = MatrixFactorisation(2, num_epochs=30, lr=0.1, seed=0).fit(X)
    assert model.score_entries(X) > -0.3
    assert model.transform(X).shape == (side, 2)
    known = model.predict_entries(indices[0], indices[1])
    assert -model.score_entries(X) == pytest.approx((known - X._values()).square().mean().sqrt().item(), rel=1e-9)


def test_where_a_dense_matrix_is_needed_and_memory_is_not_there_it_is_said():
    side = 2**25  # 2**50 bytes for the mask alone, which no process addresses
    X = torch.sparse_coo_tensor(torch.tensor([[5], [7]]), torch.ones(1), (side, side))
    for call in (
        lambda: factorise.gd_factorise_masked(X, None, 2),
        lambda: factorise.gd_factorise_ad(X, 2),
        lambda: MatrixFactorisation(2, method="gd").fit(X),
    ):
        with pytest.raises(MemoryError, match=r"for a dense matrix of 33554432 x 33554432, 4.5e\+06 GB, but there"):
            call()
    model = MatrixFactorisation(1).load_state_dict(
        {"U": torch.ones(1, 1).expand(side, 1), "V": torch.ones(1, 1).expand(side, 1)}
    )
    with pytest.raises(MemoryError, match=r"\[MatrixFactorisation.predict\] .* predict_entries gives single entries"):
        model.predict()
    assert model.predict_entries([5], [7]) == [1]


def test_grid_search_takes_scipys():
    search = pytest.importorskip("sklearn.model_selection").GridSearchCV(
        MatrixFactorisation(num_epochs=50, lr=0.01, seed=0), {"rank": [1, 2]}, cv=3
    )
    search.fit(scipy_in("csr_array"))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


TWICE = torch.sparse_coo_tensor(torch.tensor([[1, 0, 1], [2, 1, 2]]), torch.ones(3), (4, 3))
REFUSED = {
    "twice": (lambda: TWICE, "must hold every entry once, but holds (1, 2) more than once"),
    "twice, scipy": (
        lambda: pytest.importorskip("scipy.sparse").coo_array((np.ones(3), ([1, 0, 1], [2, 1, 2])), shape=(4, 3)),
        "must hold every entry once, but holds (1, 2) more than once",
    ),
    "twice, CSR": (
        lambda: pytest.importorskip("scipy.sparse").csr_array((np.ones(3), [2, 2, 1], [0, 2, 3]), shape=(2, 3)),
        "must hold every entry once, but holds (0, 2) more than once",
    ),
    "blocks": (
        lambda: pytest.importorskip("scipy.sparse").bsr_array(np.eye(4)),
        "must be CSR, CSC or COO, but was bsr, which stores zeros to fill up its blocks",
    ),
    "diagonals": (lambda: pytest.importorskip("scipy.sparse").dia_array(np.eye(4)), "CSR, CSC or COO, but was dia"),
    "outside": (
        lambda: torch.sparse_coo_tensor(torch.tensor([[0, 7], [0, 1]]), torch.ones(2), (4, 3), check_invariants=False),
        "rows must be from 0 to 3, but those of its entries are from 0 to 7",
    ),
    "vectors": (lambda: torch.ones(4, 5, 2).to_sparse(2), "with a number for each entry, but has the shape (4, 5, 2)"),
    "complex": (lambda: pytest.importorskip("scipy.sparse").coo_array(np.eye(3) * 1j), "must be real, but was complex128"),
    "not finite": (
        lambda: torch.sparse_coo_tensor(torch.tensor([[0, 1], [2, 1]]), torch.tensor([1.0, float("inf")]), (4, 3)),
        "A must be finite, but its entry (1, 1) is inf",
    ),
    "empty": (lambda: torch.sparse_coo_tensor(torch.empty(2, 0).long(), torch.empty(0), (4, 3)), "at least one entry"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_are_sentences(case):
    make, sentence = REFUSED[case]
    X = make()
    for call in (lambda: factorise.sgd_factorise_entries(X, 1), lambda: MatrixFactorisation(1).fit(X)):
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value).startswith("[") and sentence in str(error.value)


def test_a_mask_beside_a_sparse_matrix_and_a_dense_one_without_are_refused():
    for call in (
        lambda: factorise.sgd_factorise_masked(torch_coo(), M, 2),
        lambda: factorise.gd_factorise_masked(torch_coo(), M, 2),
        lambda: factorise.gd_factorise_ad(torch_coo(), 2, mask=M),
        lambda: factorise.squared_error(torch_coo(), *by_sgd(), M),
    ):
        with pytest.raises(ValueError, match="must be None where A is sparse"):
            call()
    with pytest.raises(ValueError, match="mask must be left out where X is sparse"):
        MatrixFactorisation().fit(torch_coo(), mask=M)
    with pytest.raises(TypeError, match=r"\[sgd_factorise_masked\] M must be a torch.Tensor, but was NoneType"):
        factorise.sgd_factorise_masked(RATINGS, None, 2)
    with pytest.raises(TypeError, match="A must be a sparse matrix of torch or scipy, but was Tensor, dense"):
        factorise.sgd_factorise_entries(RATINGS, 2)
    with pytest.raises(TypeError, match=r"A must be a dense torch.Tensor, but was csr_array.* a mask of the entries"):
        factorise.factor_loss(*by_sgd(), scipy_in("csr_array"))


def test_what_is_given_is_not_written_to():
    A = torch_coo(shuffled=True)
    before = A._indices().clone(), A._values().clone()
    model = MatrixFactorisation(2, num_epochs=3, lr=0.01).fit(A)
    model.score(A), model.transform(A), model.predict(A), model.score_entries(A)
    assert same(before, (A._indices(), A._values()))
    X = scipy_in("csc_matrix")
    kept = pickle.dumps(X)
    model = MatrixFactorisation(2, num_epochs=3, lr=0.01).fit(X)
    model.score(X), model.transform(X), model.predict(X)
    assert pickle.dumps(X) == kept


ZEROS = "of the matrix are zeros, and all of them count as observed"


@pytest.mark.parametrize(
    "A, noticed",
    [
        (RATINGS.masked_fill(~M, 0).long(), True),
        (RATINGS.masked_fill(~M, 0), True),  # whole numbers, as files hold them
        (RATINGS.masked_fill(~M, 0) + M * 0.5, False),  # no whole numbers
        (RATINGS.long() + 1, False),  # no zeros
        (M.long(), False),  # yes and no
        (M, False),
    ],
)
def test_a_notice_that_zeros_count(A, noticed):
    calls = [
        lambda: factorise.sgd_factorise(A, 2, 1, 1e-3),
        lambda: factorise.gd_factorise_ad(A, 2, 1, 1e-4),
        lambda: MatrixFactorisation(2, num_epochs=1, lr=1e-3).fit(A.numpy()),
    ]
    for call in calls:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert [ZEROS in str(w.message) for w in caught] == [True] * noticed
        assert all(w.filename == __file__ and w.category is UserWarning for w in caught)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a mask says what is meant
        factorise.sgd_factorise_masked(A, torch.ones_like(A), 2, 1, 1e-3)
        MatrixFactorisation(2, num_epochs=1, lr=1e-3).fit(A, mask=torch.ones_like(A))
        MatrixFactorisation(2, num_epochs=1, lr=1e-3).fit(A.float().to_sparse())
