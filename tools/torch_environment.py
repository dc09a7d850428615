"""Installs in .venv, for ./labs: torch, where there is no other that suits, and pytest.

python3 tools/torch_environment.py torch     makes or completes .venv, and prints the folder of its torch
python3 tools/torch_environment.py pytest    adds the packages of the Python package's tests, where ./labs made .venv
"""

import platform
import re
import shutil
import subprocess
import sys

from environments import OFFLINE, ROOT, end, is_copy, log, pip_install, run, say, step

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python3"
REQUIREMENTS = ROOT / "requirements.txt"
INSTALLED = VENV / "requirements.txt"
INSTALLING = VENV / "installing"  # exists while pip works; cmake/LibTorch.cmake ignores such a .venv


def install_torch():
    if OFFLINE:
        end("no torch 2.7 or later is here, and with FACTORISE_DEPS set none is installed. Set TORCH_DIR to a LibTorch "
            "folder")
    if sys.version_info < (3, 10):
        end(f"torch needs Python 3.10 or later, but Python {platform.python_version()} is first on PATH. Put a later "
            "one there, or set TORCH_DIR to a LibTorch folder")
    pinned = re.search("^torch==(.+)$", REQUIREMENTS.read_text(), re.MULTILINE)[1]
    if not INSTALLED.exists():
        say(f"no torch 2.7 or later is here. Installing torch {pinned} in .venv downloads some gigabytes; 'pip install "
            "torch' from PyTorch's CPU index beforehand makes it 200 MB")
    if not has_pip() and not step("making .venv", log, sys.executable, "-m", "venv", "--clear", VENV):
        end(f"no virtual environment could be made with {sys.executable}. Debian's package for it is python3-venv")
    # A torch that an interrupted pip left cannot be uninstalled.
    options = ["--ignore-installed"] if INSTALLING.exists() else []
    INSTALLING.touch()
    if not step(f"installing torch {pinned} with pip (minutes)", pip_install, PYTHON, REQUIREMENTS, *options):
        end("torch could not be installed. When the cause is mended, type the same again; or set TORCH_DIR to a "
            "LibTorch")
    shutil.copy(REQUIREMENTS, INSTALLED)
    INSTALLING.unlink()
    print(folder_of_torch())


def has_pip():
    return PYTHON.exists() and subprocess.run([PYTHON, "-m", "pip", "--version"], stdout=subprocess.DEVNULL,
                                              stderr=subprocess.DEVNULL).returncode == 0


def folder_of_torch():
    asked = ["cmake", f"-DPython3_EXECUTABLE={PYTHON}", "-P", ROOT / "cmake" / "LibTorch.cmake"]
    found = subprocess.run(asked, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    if not found[0]:
        fault = found[1].partition(": ")[2] if found[1:] else f"{PYTHON} finds no torch"
        end(f".venv is made, but {fault}. Type: unset PYTHONPATH; rm -r '{VENV}'")
    return found[0]


def install_pytest():
    """Elsewhere what is missing is said, and those tests are skipped."""
    needed, installed = ROOT / "python" / "tests" / "requirements.txt", VENV / "test-requirements.txt"
    if OFFLINE or not INSTALLED.exists() or is_copy(installed, needed):
        return
    if step("installing pytest in .venv", pip_install, PYTHON, needed):
        shutil.copy(needed, installed)
    else:
        say("going on without pytest: the Python package's tests are skipped")


if __name__ == "__main__":
    run({"torch": install_torch, "pytest": install_pytest}[sys.argv[1]])
