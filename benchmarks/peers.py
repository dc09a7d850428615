"""LIBMF's environment, .venv-bench: nothing else needs it, and where it cannot be had, its rows say so.

It is LIBMF's best build that this machine and compiler have: a peer is to be at its best.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
import environments  # noqa: E402

FOLDER = environments.ROOT / ".venv-bench"
PYTHON = FOLDER / "bin" / "python3"
REQUIREMENTS = HERE / "requirements.txt"
FLAGS = ("-O3 -march=native -DUSEAVX -DUSEOMP -fopenmp", "-O3 -march=native -DUSEAVX",
         "-O3 -march=native -DUSESSE -DUSEOMP -fopenmp", "-O3")


def python_of_libmf():
    """The interpreter that has it, or None."""
    if environments.is_copy(FOLDER / "requirements.txt", REQUIREMENTS):
        return PYTHON
    if environments.OFFLINE or not environments.step("building LIBMF in .venv-bench", build):
        environments.say("going on without LIBMF")
        return None
    return PYTHON


def build():
    for flags in FLAGS:
        try:
            build_with(flags)
            return
        except subprocess.CalledProcessError:
            (FOLDER / "requirements.txt").unlink(missing_ok=True)
            if flags == FLAGS[-1]:
                raise


def build_with(flags):
    # No cache: a wheel that pip built with other flags would be taken.
    linked = "-fopenmp" if "-fopenmp" in flags else ""
    environments.fill(FOLDER, REQUIREMENTS, CFLAGS=flags, CXXFLAGS=flags, LDFLAGS=linked, PIP_NO_CACHE_DIR="1",
                      PIP_NO_BINARY="libmf")
    environments.log(PYTHON, "-c", "from libmf import mf")
    # OpenMP's calls in the built library show whether the flags took effect.
    libraries = FOLDER.glob("lib/python3*/site-packages/libmf*.so")
    if linked and not any(re.search(rb"GOMP_|__kmpc_", path.read_bytes()) for path in libraries):
        raise subprocess.CalledProcessError(1, "pip: LIBMF was built without OpenMP")
    (FOLDER / "libmf-build").write_text(flags + "\n", encoding="utf-8")
