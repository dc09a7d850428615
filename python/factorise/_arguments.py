"""Checks of arguments. Faults that only Python allows are checked here; the C++ library checks all else."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from ._operators import operators
from ._sparse import as_entries, is_sparse, with_mask

Initial = tuple[Tensor, Tensor] | list[Tensor]
Callback = Callable[[int, float], Any]
Engine = Literal["fused", "reference"]
Path = Literal["automatic", "wavefront", "entries"]
Loss = Literal["squared", "norm"]


class Problem(NamedTuple):
    """A checked matrix, in the engine's form, and the factors that the run starts from and changes."""

    A: Tensor
    M: Tensor | None
    U: Tensor
    V: Tensor


def check_tensor(function: str, name: str, value: Any) -> Tensor:
    """A tensor, or a TypeError; for a nested one, which no operator would be called with, a ValueError."""
    if not isinstance(value, Tensor) and is_sparse(value):
        raise TypeError(
            f"[{function}] {name} must be a dense torch.Tensor, but was {type(value).__name__}, which is sparse. Where "
            "its entries are what is observed, give a dense tensor and a mask of the entries: without one zeros count."
        )
    if not isinstance(value, Tensor):
        raise TypeError(
            f"[{function}] {name} must be a torch.Tensor, but was {type(value).__name__}. Give torch.as_tensor({name})."
        )
    if value.is_nested:
        raise ValueError(f"[{function}] {name} must be dense, but was a nested tensor.")
    return value


def ratings_of(function: str, A: Any, M: Any, mask: str, *, sparse: bool) -> tuple[Any, Any]:
    """A and its mask (called `mask`) as the operators take them. A sparse A, of torch or scipy, comes without a mask:
    its stored entries are the observed ones. It stays sparse where `sparse` is set and it is on the CPU, and is made
    dense, with a mask, elsewhere. Of a sparse mask the entries that are stored and not zero mark what is observed.
    """
    if is_sparse(A):
        if M is not None:
            raise ValueError(
                f"[{function}] {mask} must be None where A is sparse, as A's stored entries are what is observed, but "
                f"was {type(M).__name__}."
            )
        A = as_entries(function, "A", A)
        return (A, None) if sparse and A.device.type == "cpu" else with_mask(function, A)
    return A, as_entries(function, mask, M).to_dense() if M is not None and is_sparse(M) else M


def check_integer(function: str, name: str, value: Any, *, unsigned: bool = False) -> int:
    """An int of 64 bits, or an equivalent such as numpy's; else a TypeError, or a ValueError."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"[{function}] {name} must be an integer, but was {value!r}.") from None
    if unsigned and not 0 <= number < 2**64:
        raise ValueError(f"[{function}] {name} must be 0 to 2**64 - 1, but was {number}.")
    if not unsigned and not -(2**63) <= number < 2**63:
        raise ValueError(f"[{function}] {name} must be -2**63 to 2**63 - 1, but was {number}.")
    return number


def check_number(function: str, name: str, value: Any) -> float:
    """A float, or an equivalent number; else a TypeError."""
    try:
        if not isinstance(value, (str, bytes, bytearray)):  # which float() would read
            return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError, RuntimeError):
        pass
    raise TypeError(f"[{function}] {name} must be a number, but was {value!r}.")


def check_choice(function: str, name: str, value: Any, choices: Sequence[str]) -> str:
    """One of some words, or a ValueError."""
    if value not in choices:
        words = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise ValueError(f"[{function}] {name} must be {words}, but was {value!r}.")
    return str(value)


def check_schedule(
    function: str,
    num_epochs: Any,
    lr: Any,
    report_every: Any,
    callback: Any,
    weight_decay: Any = 0.0,
    lr_decay: Any = 1.0,
) -> tuple[int, float, int, float, float]:
    """The numbers of a run's schedule as Python's own; checks also that the callback can be called."""
    if callback is not None and not callable(callback):
        raise TypeError(f"[{function}] callback must be callable, with (epoch, loss), but was {callback!r}.")
    numbers = (
        check_integer(function, "num_epochs", num_epochs),
        check_number(function, "lr", lr),
        check_integer(function, "report_every", report_every),
        check_number(function, "weight_decay", weight_decay),
        check_number(function, "lr_decay", lr_decay),
    )
    operators._check_schedule(function, *numbers)
    return numbers


def _check_seed(function: str, seed: Any) -> int | None:
    if seed is None:
        return None
    number = check_integer(function, "seed", seed, unsigned=True)
    return number if number < 2**63 else number - 2**64  # the operator takes its bits


def _check_initial(function: str, initial: Any) -> tuple[Tensor | None, Tensor | None]:
    if initial is None:
        return None, None
    if not isinstance(initial, (tuple, list)) or len(initial) != 2:
        raise TypeError(f"[{function}] initial must be a pair (U, V), but was {type(initial).__name__}.")
    return check_tensor(function, "initial.U", initial[0]), check_tensor(function, "initial.V", initial[1])


def checked_start(
    function: str,
    A: Any,
    M: Any,
    rank: Any,
    *,
    any_rank: bool,
    engine: str,
    seed: Any,
    initial: Any,
) -> Problem:
    """Checks A, M, rank and the starting factors; draws U and V where they are not given.

    They are drawn uniform on [0, 1), U first, on the CPU whatever A's device: from a generator of that seed, else from
    torch's global one, which torch.manual_seed sets. Must be called inside plain_computation.
    """
    check_tensor(function, "A", A)
    if M is not None:
        check_tensor(function, "M", M)
    U, V = _check_initial(function, initial)
    return Problem(
        *operators._checked_start(
            function,
            check_choice(function, "engine", engine, ("fused", "reference")) == "fused",
            A,
            M,
            check_integer(function, "rank", rank),
            any_rank,
            U,
            V,
            _check_seed(function, seed),
        )
    )


def device_of(A: Any) -> torch.device:
    """A's device, or the CPU where it has none."""
    return A.device if isinstance(A, Tensor) else torch.device("cpu")
