"""Keeps torch.compile out of functions that run epochs in kernels: a call of one breaks the graph, and runs as it is.

torch.compiler.disable as a decorator would import the compiler with the package, which takes longer than torch itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

_P = ParamSpec("_P")
_R = TypeVar("_R")


def outside_graphs(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function, never traced by torch.compile."""

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        if torch.compiler.is_compiling():
            reason = f"{function.__name__} runs in kernels of its own"
            result: _R = torch.compiler.disable(function, reason=reason)(*args, **kwargs)
            return result
        return function(*args, **kwargs)

    return call
