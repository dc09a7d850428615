"""What a package that cannot be used says when it is imported."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import factorise

BUILT = """
VERSION = "0.1.0"
TORCH_VERSION = "{}"
LIBRARY = "lib/libfactorise.so"
"""
VERSION = ".".join(factorise._operators.torch.__version__.split(".")[:2])


@pytest.mark.parametrize(
    "built, sentence",
    [
        (None, "[factorise] the package must be built, but its folder of sources was imported. Type, where README.md"),
        (BUILT.format("1.13.1"), "[factorise] torch must be 1.13, which the library was built for, but is " + VERSION),
        (BUILT.format(VERSION + ".9"), "lib/libfactorise.so must be there, but is not. Build it: ./labs build"),
    ],
)
def test_a_sentence_says_what_to_type(tmp_path, built, sentence):
    (tmp_path / "factorise").mkdir()
    for file in Path(factorise.__file__).parent.glob("*.py"):
        if file.name != "_built.py":
            shutil.copy(file, tmp_path / "factorise")
    if built:
        (tmp_path / "factorise/_built.py").write_text(built, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "import factorise"], cwd=tmp_path, env={}, capture_output=True, text=True, check=False
    )
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith("ImportError: [factorise] ") and sentence in last
