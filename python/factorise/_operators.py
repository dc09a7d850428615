"""The C++ library's operators, torch.ops.factorise: opened once, when the package is imported.

The library opens its CUDA kernels itself, when an operator meets a tensor on a GPU.
"""

from pathlib import Path

import torch

try:
    from . import _built
    from ._built import TORCH_VERSION, VERSION
except ModuleNotFoundError:
    raise ImportError(
        "[factorise] the package must be built, but its folder of sources was imported. Type, where README.md is: "
        "pip install --no-build-isolation . or: ./labs build, and set PYTHONPATH to build/python"
    ) from None

__all__ = ["VERSION", "operators"]


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _open() -> None:
    # torch keeps its ABI within a minor version alone.
    if _minor(torch.__version__) != _minor(TORCH_VERSION):
        raise ImportError(
            f"[factorise] torch must be {'.'.join(_minor(TORCH_VERSION))}, which the library was built for, but is "
            f"{torch.__version__}. Build it anew, in its folder: "
            "pip install --no-build-isolation --no-deps --force-reinstall ."
        )
    library = Path(_built.__file__).parent / _built.LIBRARY
    if not library.is_file():
        raise ImportError(f"[factorise] {library} must be there, but is not. Build it: ./labs build")
    torch.ops.load_library(str(library))


_open()
operators = torch.ops.factorise
