"""Data frames of pandas and other libraries with columns by name, without importing any of them.

A matrix may come as one, wide; ratings come as one, long, a rating a row: entries_of makes a matrix of those.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ._notices import notice
from ._sparse import as_numbers, entries

# Common names of the columns of ratings, without case and punctuation.
_USERS = {"user", "userid", "useridx", "userindex", "uid", "customer", "customerid", "custid", "reviewer", "reviewerid",
          "person", "personid", "member", "memberid", "visitorid", "profileid"}  # fmt: skip
_ITEMS = {"item", "itemid", "itemidx", "itemindex", "iid", "movie", "movieid", "film", "filmid", "book", "bookid", "isbn",
          "product", "productid", "asin", "parentasin", "artist", "artistid", "song", "songid", "track", "trackid",
          "anime", "animeid", "joke", "jokeid", "business", "businessid", "game", "gameid", "recipe", "recipeid"}  # fmt: skip


class Entries(NamedTuple):
    """A matrix made of a list of entries, and the ids of its rows and columns."""

    matrix: Tensor  #: sparse COO, m x n: what is not in the list is not observed
    row_ids: np.ndarray[Any, Any]  #: m, ascending
    column_ids: np.ndarray[Any, Any]  #: n, ascending


def entries_of(frame: Any, *, row: Any, column: Any, value: Any) -> Entries:
    """A sparse matrix of a long list, an entry a line, such as ratings: what fit and sgd_factorise_entries take.

        ratings, users, films = entries_of(frame, row="userId", column="movieId", value="rating")
        model = MatrixFactorisation(5, lr=0.002).fit(ratings)

    frame: a data frame, a dict of arrays or a structured array; row, column, value: the names of its columns. Ids may be
    numbers or text; values are numbers, and one that is missing (NaN, NA) is no entry, though its ids have a row and a
    column.

    Raises ValueError for a name that is no column, an id that is missing, and an entry that is there twice.
    """
    function = "entries_of"
    ids = [_ids(function, frame, name) for name in (row, column)]
    values = as_numbers(function, f"column {value!r}", plain(_column(function, frame, value)))
    if not len(ids[0][1]) == len(ids[1][1]) == len(values):
        raise ValueError(
            f"[{function}] the columns must be of one length, but are of {len(ids[0][1])}, {len(ids[1][1])} and "
            f"{len(values)}."
        )
    rows, columns = (torch.from_numpy(places.astype(np.int64)) for _, places in ids)
    there = values.isnan().logical_not() if values.is_floating_point() else torch.ones_like(values, dtype=torch.bool)
    cell = (rows * len(ids[1][0]) + columns)[there]
    ascending, order = cell.sort(stable=True)
    twice = (ascending[1:] == ascending[:-1]).nonzero()
    if twice.numel():
        at = int(order[int(twice[0])])
        r, c = (side[there][at] for side in (rows, columns))
        raise ValueError(
            f"[{function}] every entry must be there once, but {row} {ids[0][0][r]}, {column} {ids[1][0][c]} is there "
            f"more than once. pandas keeps the last of them with frame.drop_duplicates([{row!r}, {column!r}], "
            f"keep='last'), and takes their mean with frame.groupby([{row!r}, {column!r}], as_index=False)[{value!r}]"
            ".mean()."
        )
    shape = len(ids[0][0]), len(ids[1][0])
    matrix = entries(function, "frame", shape, rows[there], columns[there], values[there])
    return Entries(matrix, ids[0][0], ids[1][0])


def _column(function: str, frame: Any, name: Any) -> Any:
    try:
        return frame[name]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        names = getattr(frame, "columns", None)
        if names is None and hasattr(frame, "keys"):
            names = frame.keys()
        if names is None:
            names = getattr(getattr(frame, "dtype", None), "names", None) or ()
        raise ValueError(
            f"[{function}] {name!r} must be a column, but there are: {', '.join(map(str, names)) or 'none'}."
        ) from error


def _ids(function: str, frame: Any, name: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    column = _column(function, frame, name)
    missing = column.isna() if hasattr(column, "isna") else column.is_null() if hasattr(column, "is_null") else None
    array = np.asarray(column)
    if missing is None and array.dtype.kind == "f":
        missing = np.isnan(array)
    if missing is not None and np.asarray(missing).any():
        line = int(np.flatnonzero(np.asarray(missing))[0])
        raise ValueError(f"[{function}] every entry must have a {name}, but line {line} (from 0) has none.")
    try:
        ids, places = np.unique(array, return_inverse=True)
    except TypeError:
        raise ValueError(
            f"[{function}] the ids of {name} must be numbers, or text, but are of several types. Give "
            f"frame[{name!r}].astype(str)."
        ) from None
    return ids, places.reshape(-1)


def plain(column: Any) -> np.ndarray[Any, Any]:
    """A column or a frame as an array; what is missing in a nullable type is NaN."""
    array = np.asarray(column)
    if array.dtype.kind == "O" and hasattr(column, "isna"):  # pandas
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    return array


def is_frame(X: Any) -> bool:
    """Whether X is a table with columns by name."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def array_of_frame(function: str, frame: Any) -> Any:
    """A wide table as an array, or, where pandas holds it as entries beside zeros, as those (scipy's COO).

    Raises ValueError where the columns' names say that it is a list of ratings; warns where one seems to hold ids.
    """
    _refuse_list(function, [str(name) for name in frame.columns])
    if hasattr(frame, "sparse") and len(frame.columns):
        fills = [getattr(dtype, "fill_value", None) for dtype in frame.dtypes]
        if all(fill is not None and fill == 0 for fill in fills):
            return frame.sparse.to_coo()
    return plain(frame)


def _refuse_list(function: str, names: list[str]) -> None:
    known = ["".join(filter(str.isalnum, name.split(":")[0])).lower() for name in names]  # RecBole's name:type
    user = next((name for name, word in zip(names, known, strict=True) if word in _USERS), None)
    item = next((name for name, word in zip(names, known, strict=True) if word in _ITEMS), None)
    if user is not None and item is not None:
        value = next((name for name in names if name not in (user, item)), "rating")
        raise ValueError(
            f"[{function}] X must be a matrix, a row for each sample and a column for each feature, but its columns "
            f"({', '.join(names)}) are those of a list of ratings. Give entries_of(X, row={user!r}, column={item!r}, "
            f"value={value!r}).matrix, or X.pivot(index={user!r}, columns={item!r}, values={value!r})."
        )
    if user is not None or item is not None:
        name = user if user is not None else item
        notice(
            f"[{function}] the column {name!r} of X looks like ids, but is taken for numbers to be completed. Where it "
            f"names the rows, give X.set_index({name!r})."
        )


def names_of_columns(X: Any) -> np.ndarray[Any, Any] | None:
    """The columns' names of a table where all of them are text, as scikit-learn has it; else None."""
    if not is_frame(X):
        return None
    names = list(X.columns)
    return np.array(names, dtype=object) if names and all(isinstance(name, str) for name in names) else None


def container_of(estimator: Any) -> str:
    """The container for transform: that of set_output, else scikit-learn's own setting where it is loaded."""
    config = getattr(estimator, "_sklearn_output_config", {})
    if "transform" in config:
        return str(config["transform"])
    theirs = sys.modules.get("sklearn")
    return str(theirs.get_config()["transform_output"]) if theirs is not None else "default"


def contained(container: str, result: Any, X: Any, names: np.ndarray[Any, Any]) -> Any:
    """A result of transform in that container: default, pandas or polars; a pandas frame has X's index."""
    if container == "default":
        return result
    array = result.cpu().numpy() if isinstance(result, Tensor) else result
    if container == "pandas":
        import pandas

        return pandas.DataFrame(array, columns=names, index=X.index if isinstance(X, pandas.DataFrame) else None)
    import polars

    return polars.DataFrame(array, schema=list(names), orient="row")
