"""pip's way in: scikit-build-core, after a look for torch.

pip builds a package before it installs what that depends on. Without this look it would download a torch, gigabytes,
and only then find none to build for.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
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

_OLDEST = (2, 7)


def prepare_metadata_for_build_wheel(folder: str, settings: dict[str, Any] | None = None) -> str:
    """What pip asks before it looks for the packages that are depended on."""
    _look_for_torch()
    return _backend.prepare_metadata_for_build_wheel(folder, settings)


def prepare_metadata_for_build_editable(folder: str, settings: dict[str, Any] | None = None) -> str:
    """The same for pip install -e."""
    _look_for_torch()
    return _backend.prepare_metadata_for_build_editable(folder, settings)


def _look_for_torch() -> None:
    fault = "" if os.environ.get("TORCH_DIR") else fault_of(installed_torch())
    if fault:
        sys.exit(fault)


def installed_torch() -> str:
    """The version of this interpreter's torch, or nothing."""
    look = "import importlib.metadata; print(importlib.metadata.version('torch'))"
    for option in ([], ["-E"]):  # pip hides what is installed by PYTHONPATH
        done = subprocess.run([sys.executable, *option, "-c", look], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
    return ""


def fault_of(version: str) -> str:
    """Why the package cannot be built for that torch, or nothing."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers and (int(numbers[1]), int(numbers[2])) >= _OLDEST:
        return ""
    return (
        "factorise is built for the torch that is installed, which must be 2.7 or later, but "
        f"{sys.executable} has {'torch ' + version if version else 'none'}. "
        "Type: pip install 'torch>=2.7', and then the same again; or set TORCH_DIR to a LibTorch folder"
    )
