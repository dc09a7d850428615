"""pip install ends early, with a sentence, where there is no torch to build for."""

import importlib.util
import sys
import types
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import torch

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


@pytest.mark.parametrize("hook", HOOKS)
def test_with_a_torch_it_is_scikit_build_core(backend, hook):
    assert backend.installed_torch() == torch.__version__ or backend.installed_torch() in torch.__version__
    theirs = getattr(backend._backend, hook)
    assert getattr(backend, hook)("folder", {"a": "b"}) is theirs.return_value
    theirs.assert_called_once_with("folder", {"a": "b"})


@pytest.mark.parametrize("version, had", [("", " has none. "), ("2.6.0+cu124", " has torch 2.6.0+cu124. ")])
@pytest.mark.parametrize("hook", HOOKS)
def test_without_one_that_suits_it_ends_with_a_sentence(backend, hook, version, had, monkeypatch):
    monkeypatch.setattr(backend, "installed_torch", lambda: version)
    with pytest.raises(SystemExit) as error:
        getattr(backend, hook)("folder")
    assert str(error.value).startswith(REFUSED) and had in str(error.value)
    monkeypatch.setenv("TORCH_DIR", "/opt/libtorch")  # CMake looks there
    getattr(backend, hook)("folder")


@pytest.mark.parametrize("version", ["2.7.0", "2.11.0+cpu", "2.10.0a0+git1234", "3.0"])
def test_versions_are_numbers(backend, version):
    assert backend.fault_of(version) == ""
