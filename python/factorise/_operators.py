"""The C++ library's operators, torch.ops.factorise: opened once, when the package is imported.

The library opens its CUDA kernels itself, when an operator is called with a tensor on a GPU.
"""

from pathlib import Path
from typing import Any

import torch

try:
    from ._built import LIBRARY, TORCH_VERSION, VERSION
    from ._built import __file__ as _place
except ModuleNotFoundError:
    raise ImportError(
        "[factorise] the package must be built, but its folder of sources was imported. Type, where README.md is: "
        "pip install . or: ./labs build, and set PYTHONPATH to build/python"
    ) from None

__all__ = ["VERSION", "new_session", "operators"]


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _open() -> None:
    # torch keeps its ABI within a minor version alone.
    if _minor(torch.__version__) != _minor(TORCH_VERSION):
        raise ImportError(
            f"[factorise] torch must be {'.'.join(_minor(TORCH_VERSION))}, which the library was built for, but is "
            f"{torch.__version__}. Build it anew, in its folder: pip install --no-deps --force-reinstall ."
        )
    library = Path(_place).parent / LIBRARY
    if not library.is_file():
        raise ImportError(f"[factorise] {library} must be there, but is not. Build it: ./labs build")
    torch.ops.load_library(str(library))


_open()
operators = torch.ops.factorise


def new_session(*arguments: Any) -> Any:
    """A run before its first epoch: of the library's class (src/ops/session.cpp)."""
    return torch.classes.factorise.Session(*arguments)
