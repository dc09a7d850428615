"""pip install ends early, with a sentence, where there is no torch to build for."""

import importlib.util
import shutil
import sys
import types
from pathlib import Path
from unittest.mock import MagicMock

import pytest

if not shutil.which("cmake"):
    pytest.skip("cmake, which the backend asks, is not on PATH", allow_module_level=True)

REFUSED = "factorise is built for the torch that is installed, which must be 2.7 or later, but "


@pytest.fixture
def backend(monkeypatch):
    """The backend on a scikit-build-core that does nothing."""
    theirs = types.ModuleType("scikit_build_core")
    theirs.build = MagicMock()
    monkeypatch.setitem(sys.modules, "scikit_build_core", theirs)
    monkeypatch.setitem(sys.modules, "scikit_build_core.build", theirs.build)
    monkeypatch.delenv("TORCH_DIR", raising=False)
    spec = importlib.util.spec_from_file_location("backend", Path(__file__).parents[1] / "build_backend.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOOKS = ["prepare_metadata_for_build_wheel", "prepare_metadata_for_build_editable"]


def libtorch(folder, version, abi="__cxx11"):
    """A folder that looks like a LibTorch of that version."""
    numbers = zip(("MAJOR", "MINOR", "PATCH"), version.split("."), strict=True)
    header = folder / "include" / "torch" / "headeronly" / "version.h"
    header.parent.mkdir(parents=True)
    header.write_text("".join(f"#define TORCH_VERSION_{name} {number}\n" for name, number in numbers))
    (folder / "lib").mkdir()
    for library in ("libtorch_cpu.so", "libc10.so"):
        (folder / "lib" / library).write_text(abi)
    return folder


@pytest.mark.parametrize("hook", HOOKS)
def test_with_a_torch_it_is_scikit_build_core(backend, hook):
    theirs = getattr(backend._backend, hook)
    assert getattr(backend, hook)("folder", {"a": "b"}) is theirs.return_value
    theirs.assert_called_once_with("folder", {"a": "b"})


@pytest.mark.parametrize("hook", HOOKS)
def test_without_one_it_ends_with_a_sentence(backend, hook, tmp_path, monkeypatch):
    bare = tmp_path / "python3"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(SystemExit) as error:
        getattr(backend, hook)("folder")
    assert str(error.value).startswith(REFUSED) and f" {bare} has none. " in str(error.value)
    monkeypatch.setenv("TORCH_DIR", str(libtorch(tmp_path / "torch", "2.7.0")))
    getattr(backend, hook)("folder")


@pytest.mark.parametrize(
    "version, abi, fault",
    [
        ("2.6.0", "__cxx11", " is torch 2.6.0, older than 2.7. "),
        ("2.7.0", "none", " was built with the old C++ ABI "),
        ("2.7.0", "", " is not a LibTorch folder: "),
        ("2.10.0", "__cxx11", ""),
        ("3.0.0", "__cxx11", ""),
    ],
)
def test_what_the_torch_lacks_is_said(backend, version, abi, fault, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_DIR", str(libtorch(tmp_path / "torch", version, abi)))
    said = backend.fault_of_torch()
    assert said.startswith(REFUSED) and fault in said if fault else said == ""
