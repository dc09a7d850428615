"""Data frames: wide ones are matrices, missing values of every type are missing; long ones are not taken for matrices."""

import warnings

import numpy as np
import pytest
import torch

from factorise import Entries, MatrixFactorisation, entries_of

pd = pytest.importorskip("pandas")

GENERATOR = torch.Generator().manual_seed(0)
RATINGS = torch.randint(1, 6, (30, 8), generator=GENERATOR).double()
M = torch.rand(30, 8, generator=GENERATOR) < 0.6
HOLED = RATINGS.masked_fill(~M, float("nan")).numpy()
NAMES = [f"film {i}" for i in range(8)]
MODEL = MatrixFactorisation(2, num_epochs=20, lr=0.01, seed=0)


def model():
    return MatrixFactorisation(**MODEL.get_params())


def wide(dtype="float64"):
    frame = pd.DataFrame(HOLED, columns=NAMES, index=[f"user {i}" for i in range(30)])
    return frame.convert_dtypes() if dtype == "nullable" else frame.astype(dtype)


def test_what_is_missing_in_a_nullable_type_is_missing():
    expected = model().fit(HOLED)
    for dtype in ("float64", "Float64", "Int64", "object", "nullable"):
        frame = wide(dtype)
        if dtype in ("Int64", "Float64"):
            assert frame.isna().to_numpy().sum() == (~M).sum() and str(frame.dtypes.iloc[0]) == dtype
        ours = model().fit(frame)
        assert torch.equal(ours.U_, expected.U_) and torch.equal(ours.V_, expected.V_)
        np.testing.assert_array_equal(ours.predict(frame), expected.predict(HOLED))
        assert ours.score(frame) == expected.score(HOLED)
    mixed = wide().astype({NAMES[0]: "Int64", NAMES[1]: "Float64", NAMES[2]: "object", NAMES[3]: "Int8"})
    assert torch.equal(model().fit(mixed).U_, expected.U_)
    seen = wide().notna()
    for mask in (seen, seen.convert_dtypes(), seen.astype("UInt16"), seen.to_numpy().tolist()):
        assert torch.equal(model().fit(RATINGS.numpy(), mask=mask).U_, expected.U_)
    with pytest.raises(ValueError, match="M must say for every entry whether it is observed, but holds NaN"):
        model().fit(HOLED, mask=seen.astype("boolean").mask(~seen))
    with pytest.raises(ValueError, match="could not convert string to float"):
        model().fit(wide().assign(**{NAMES[0]: "three"}))


def test_what_pandas_holds_beside_zeros_is_what_is_observed():
    scipy = pytest.importorskip("scipy.sparse")
    coo = scipy.coo_array((RATINGS[M].numpy(), tuple(M.nonzero().T.numpy())), shape=tuple(M.shape))
    frame = pd.DataFrame.sparse.from_spmatrix(coo, columns=NAMES)
    assert torch.equal(model().fit(frame).U_, model().fit(HOLED).U_)
    holed = wide().astype(pd.SparseDtype("float64", np.nan))
    assert torch.equal(model().fit(holed).U_, model().fit(HOLED).U_)


def long(**names):
    rows, columns = M.nonzero().T.numpy()
    frame = pd.DataFrame({"userId": rows + 100, "movieId": columns * 7, "rating": RATINGS[M].numpy()})
    return frame.sample(frac=1, random_state=0).rename(columns=names)


LONG = [
    {},
    {"userId": "user", "movieId": "item"},
    {"userId": "User-ID", "movieId": "ISBN", "rating": "Book-Rating"},
    {"userId": "user_id:token", "movieId": "item_id:token", "rating": "rating:float"},
    {"userId": "reviewerID", "movieId": "asin", "rating": "overall"},
]


@pytest.mark.parametrize("names", LONG)
@pytest.mark.parametrize("time", [False, True])
def test_a_long_table_is_not_taken_for_a_matrix(names, time):
    frame = long(**names)
    if time:
        frame["timestamp"] = 1
    user, item, rating = list(frame.columns)[:3]
    with pytest.raises(ValueError) as error:
        model().fit(frame)
    assert "are those of a list of ratings" in str(error.value)
    # What it advises is right.
    advice = f"entries_of(X, row={user!r}, column={item!r}, value={rating!r}).matrix"
    assert advice in str(error.value)
    matrix = eval(advice, {"X": frame, "entries_of": entries_of})
    dense = model().fit(HOLED[M.any(1).numpy()])
    assert torch.equal(model().fit(matrix).U_, dense.U_)
    pivoted = frame.pivot(index=user, columns=item, values=rating)
    assert torch.equal(model().fit(pivoted).U_, dense.U_)


def test_without_names_a_warning_asks():
    with pytest.warns(
        UserWarning, match="X looks like a list of ratings, one a row .* matrix of 132 x 3 ratings"
    ) as told:
        model().set_params(lr=1e-5).fit(long_of_many().to_numpy())
    assert told[0].filename == __file__
    with pytest.warns(UserWarning, match="list of ratings"):
        model().set_params(lr=1e-9).fit(long_of_many().assign(time=7).rename(columns=lambda name: str(name)[:1]))


def long_of_many():
    generator = np.random.default_rng(0)
    cells = generator.choice(20 * 15, 132, replace=False)
    return pd.DataFrame({0: cells // 15, 1: cells % 15, 2: generator.integers(1, 6, 132)})


def test_matrices_with_three_columns_are_left_alone():
    generator = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for X in (
            generator.integers(1, 6, (200, 3)),  # ratings of three things
            generator.integers(0, 256, (200, 3)).clip(1),  # colours
            generator.random((200, 3)) * 5,
            np.round(generator.random((150, 4)) * 8 + 0.1, 1),  # as iris
        ):
            model().set_params(lr=1e-7).fit(X)
            model().set_params(lr=1e-7).fit(pd.DataFrame(X, columns=list("abcd")[: X.shape[1]]))


def test_a_column_of_ids_in_a_wide_table_is_asked_about():
    frame = wide().reset_index(drop=True).reset_index(names="user_id")
    with pytest.warns(UserWarning, match=r"the column 'user_id' of X looks like ids.* X.set_index\('user_id'\)"):
        model().set_params(lr=1e-5).fit(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model().fit(frame.set_index("user_id"))


KINDS = {
    "pandas": lambda frame: frame,
    "dict": lambda frame: {name: frame[name].to_numpy() for name in frame},
    "structured": lambda frame: frame.to_records(index=False),
    "polars": lambda frame: pytest.importorskip("polars").DataFrame(dict(frame)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_entries_of_is_the_pivoted_table(kind):
    frame = long()
    made = entries_of(KINDS[kind](frame), row="userId", column="movieId", value="rating")
    assert isinstance(made, Entries) and made.matrix.is_coalesced()
    pivoted = frame.pivot(index="userId", columns="movieId", values="rating")
    assert list(made.row_ids) == list(pivoted.index) and list(made.column_ids) == list(pivoted.columns)
    dense = torch.full(made.matrix.shape, float("nan"), dtype=torch.float64)
    dense[tuple(made.matrix.indices())] = made.matrix.values()
    np.testing.assert_array_equal(dense.numpy(), pivoted.to_numpy())


def test_ids_may_be_text_and_a_rating_may_be_missing():
    frame = pd.DataFrame(
        {"who": ["b", "a", "b"], "what": ["007", "7", "7"], "how": pd.array([3, None, 5], dtype="Int64")}
    )
    ratings, rows, columns = entries_of(frame, row="who", column="what", value="how")
    assert rows.tolist() == ["a", "b"] and columns.tolist() == ["007", "7"]
    assert ratings.indices().tolist() == [[1, 1], [0, 1]] and ratings.values().tolist() == [3, 5]
    categories = frame.astype({"who": "category", "what": "string"})
    assert entries_of(categories, row="who", column="what", value="how").row_ids.tolist() == ["a", "b"]


FRAME = pd.DataFrame({"u": [1.0, 2.0, 1.0], "i": [1, 1, 1], "r": [3, 4, 5]})


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({}, "every entry must be there once, but u 1.0, i 1 is there more than once"),
        ({"u": [1.0, None, 3.0]}, "every entry must have a u, but line 1 .from 0. has none"),
        ({"u": ["a", 2, 3]}, "the ids of u must be numbers, or text, but are of several types"),
        ({"r": ["x", "y", "z"]}, "could not convert string to float|column 'r' must hold numbers"),
    ],
)
def test_refusals_are_sentences(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        entries_of(FRAME.assign(**change), row="u", column="i", value="r")
    for data in (FRAME, dict(FRAME), FRAME.to_records(index=False)):
        with pytest.raises(ValueError, match=r"\[entries_of\] 'rating' must be a column, but there are: u, i, r."):
            entries_of(data, row="u", column="i", value="rating")
    with pytest.raises(ValueError, match="the columns must be of one length, but are of 3, 3 and 2"):
        entries_of({"u": [1, 2, 3], "i": [1, 2, 3], "r": [1, 2]}, row="u", column="i", value="r")


def test_set_output_gives_frames():
    X = wide()
    fitted = model().fit(X)
    names = ["matrixfactorisation0", "matrixfactorisation1"]
    assert fitted.get_feature_names_out().tolist() == names
    assert isinstance(fitted.transform(X), np.ndarray)
    assert fitted.set_output(transform="pandas") is fitted
    for result in (fitted.transform(X), model().set_output(transform="pandas").fit_transform(X)):
        assert isinstance(result, pd.DataFrame)
        assert list(result.columns) == names and list(result.index) == list(X.index)
        np.testing.assert_array_equal(result.to_numpy(), model().fit(X).transform(X))
    assert list(fitted.transform(HOLED).index) == list(range(30))
    assert isinstance(fitted.set_output().transform(torch.as_tensor(HOLED)), pd.DataFrame)
    assert isinstance(fitted.set_output(transform="default").transform(X), np.ndarray)
    with pytest.raises(ValueError, match="transform must be default, pandas or polars, but was 'excel'"):
        fitted.set_output(transform="excel")


def test_scikit_learn_sets_the_output_too():
    sklearn = pytest.importorskip("sklearn")
    pipeline = pytest.importorskip("sklearn.pipeline")
    X = wide()
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(model().fit_transform(X), pd.DataFrame)
    chain = pipeline.make_pipeline(model()).set_output(transform="pandas")
    assert isinstance(chain.fit_transform(X), pd.DataFrame)
    assert chain.get_feature_names_out().tolist() == ["matrixfactorisation0", "matrixfactorisation1"]
    copy = sklearn.clone(model().set_output(transform="pandas"))
    assert isinstance(copy.fit_transform(X), pd.DataFrame)


def test_columns_are_known_by_their_names():
    X = wide()
    fitted = model().fit(X)
    assert fitted.feature_names_in_.tolist() == NAMES
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit: film 0,"):
        fitted.transform(X[NAMES[::-1]])
    assert not hasattr(fitted.fit(HOLED), "feature_names_in_")
    fitted.transform(X[NAMES[::-1]])
