"""Checks of arguments. Faults that only Python allows are checked here; the C++ library checks all else."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ._sparse import as_entries, is_sparse, with_mask

Initial = tuple[Tensor, Tensor] | list[Tensor]
Callback = Callable[[int, float], Any]
FactorsCallback = Callable[[int, Tensor, Tensor], Any]
Engine = Literal["fused", "reference"]
Path = Literal["automatic", "wavefront", "entries"]
Loss = Literal["squared", "norm"]


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


def check_callable(function: str, name: str, value: Any, arguments: str) -> None:
    """None, or something that can be called; else a TypeError."""
    if value is not None and not callable(value):
        raise TypeError(f"[{function}] {name} must be callable, with {arguments}, but was {value!r}.")


def check_seed(function: str, seed: Any) -> int | None:
    """The seed's bits, as a number of 64 bits with a sign."""
    if seed is None:
        return None
    number = check_integer(function, "seed", seed, unsigned=True)
    return number if number < 2**63 else number - 2**64


def check_initial(function: str, initial: Any) -> list[Tensor] | None:
    """U and V, or a TypeError."""
    if initial is None:
        return None
    if not isinstance(initial, (tuple, list)) or len(initial) != 2:
        raise TypeError(f"[{function}] initial must be a pair (U, V), but was {type(initial).__name__}.")
    return [check_tensor(function, "initial.U", initial[0]), check_tensor(function, "initial.V", initial[1])]


def device_of(A: Any) -> torch.device:
    """A's device, or the CPU where it has none."""
    return A.device if isinstance(A, Tensor) else torch.device("cpu")
