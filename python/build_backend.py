"""pip's way in: scikit-build-core, after a look for torch.

pip builds a package before it installs what that depends on. Without this look it would download a torch, gigabytes,
and only then find none to build for.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from scikit_build_core import build as _backend
from scikit_build_core.build import (
    build_editable,
    build_sdist,
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]


def prepare_metadata_for_build_wheel(folder: str, settings: dict[str, Any] | None = None) -> str:
    """What pip asks before it looks for the packages that are depended on."""
    _look_for_torch()
    return _backend.prepare_metadata_for_build_wheel(folder, settings)


def prepare_metadata_for_build_editable(folder: str, settings: dict[str, Any] | None = None) -> str:
    """The same for pip install -e."""
    _look_for_torch()
    return _backend.prepare_metadata_for_build_editable(folder, settings)


def _look_for_torch() -> None:
    fault = fault_of_torch()
    if fault:
        sys.exit(fault)


def fault_of_torch() -> str:
    """Why there is no torch that the package can be built for, or nothing. CMake will look by the same rules."""
    cmake = shutil.which("cmake") or shutil.which("cmake", path=sysconfig.get_path("scripts"))
    if not cmake:
        return ""  # scikit-build-core says so
    rules = Path(__file__).resolve().parents[1] / "cmake" / "LibTorch.cmake"
    look = [cmake, f"-DPython3_EXECUTABLE={sys.executable}", "-P", rules]
    found = subprocess.run(look, capture_output=True, text=True, check=False).stdout.splitlines()
    if not found or found[0]:
        return ""
    fault = found[1].partition(": ")[2] if found[1:] else f"{sys.executable} has none"
    return (
        f"factorise is built for the torch that is installed, which must be 2.7 or later, but {fault}. "
        "Type: pip install 'torch>=2.7', and then the same again; or set TORCH_DIR to a LibTorch folder"
    )
