"""A lab solution runs by changing an import: the same calls, the same start, and in the reference engine the same bits.

And one seed is one answer: of the package, of the C++ programs, and of the sheet's code where bits are its own.
"""

import os
import subprocess
from pathlib import Path

import pytest
import sheets
import torch

import factorise

A, M = sheets.LAB1, sheets.MASK1
RATINGS = torch.randint(1, 6, (20, 30), generator=torch.Generator().manual_seed(1)).float()
RATED = (torch.rand(20, 30, generator=torch.Generator().manual_seed(2)) < 0.5).float()

CALLS = {
    "sgd_factorise": lambda lab, **kw: lab.sgd_factorise(A, 2, 300, 0.01, **kw),
    "sgd_factorise_masked": lambda lab, **kw: lab.sgd_factorise_masked(A, M, rank=2, num_epochs=300, lr=0.01, **kw),
    "gd_factorise_masked": lambda lab, **kw: lab.gd_factorise_masked(RATINGS, RATED, 5, num_epochs=100, **kw),
    "gd_factorise_ad": lambda lab, **kw: lab.gd_factorise_ad(A, rank=2, **kw),
    "sgd_factorise, float64": lambda lab, **kw: lab.sgd_factorise(A.double(), 3, 100, **kw),
    "gd_factorise_masked, float64": lambda lab, **kw: lab.gd_factorise_masked(
        RATINGS.double(), RATED.double(), 5, 100, 1e-3, **kw
    ),
    "gd_factorise_ad, float64": lambda lab, **kw: lab.gd_factorise_ad(RATINGS.double(), 4, 100, 1e-3, **kw),
}


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("call", CALLS)
def test_reference_has_the_bits_of_the_sheets_code(call):
    torch.manual_seed(0)
    sheet = CALLS[call](sheets)
    state = torch.get_rng_state()
    torch.manual_seed(0)
    assert same(sheet, CALLS[call](factorise, engine="reference"))
    assert torch.equal(torch.get_rng_state(), state)  # what is drawn next is the sheet's too


@pytest.mark.parametrize("call", CALLS)
def test_fused_starts_where_the_sheet_does_and_ends_within_rounding(call):
    torch.manual_seed(0)
    sheet = CALLS[call](sheets)
    torch.manual_seed(0)
    fused = CALLS[call](factorise)
    # Drift over at most 1000 epochs of factors of about 1: measured below 3e-6 in float32.
    bound = 1e-4 if sheet[0].dtype == torch.float32 else 1e-10
    assert all((a - b).abs().max() < bound for a, b in zip(sheet, fused, strict=True))


@pytest.mark.parametrize("engine", ["fused", "reference"])
@pytest.mark.parametrize("call", CALLS)
def test_a_seed_is_the_global_generators_and_leaves_it_alone(call, engine):
    torch.manual_seed(7)
    drawn = CALLS[call](factorise, engine=engine)
    torch.manual_seed(8)
    state = torch.get_rng_state()
    assert same(drawn, CALLS[call](factorise, engine=engine, seed=7))
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_seed_U_is_drawn_before_V():
    torch.manual_seed(3)
    U, V = torch.rand(3, 2), torch.rand(3, 2)
    torch.manual_seed(3)
    assert same((U, V), factorise.sgd_factorise(A, 2, num_epochs=0))


def test_the_largest_seed_is_torchs():
    torch.manual_seed(2**64 - 1)
    assert same(factorise.sgd_factorise(A, 2), factorise.sgd_factorise(A, 2, seed=2**64 - 1))


PROGRAM = Path(os.environ.get("FACTORISE_BIN_DIR", "")) / "factorise"
FITS = {
    "sgd": (["--epochs", "30"], lambda e: factorise.sgd_factorise(RATINGS, 5, 30, 0.002, seed=4, engine=e)),
    "sgd, masked": (
        ["--method", "sgd", "--missing", "zero", "--weight-decay", "0.1", "--lr-decay", "0.99", "--epochs", "40"],
        lambda e: factorise.sgd_factorise_masked(
            RATINGS * RATED, RATED, 5, 40, 0.002, weight_decay=0.1, lr_decay=0.99, seed=4, engine=e
        ),
    ),
    "als": (
        ["--method", "als", "--missing", "zero", "--regularisation", "0.2", "--weighting", "none"],
        lambda e: factorise.als_factorise_masked(
            RATINGS * RATED, RATED, 5, regularisation=0.2, weighted=False, seed=4, engine=e
        ),
    ),
    "gd": (
        ["--method", "gd", "--missing", "zero", "--epochs", "40"],
        lambda e: factorise.gd_factorise_masked(RATINGS * RATED, RATED, 5, 40, 0.002, seed=4, engine=e),
    ),
    "ad": (
        ["--method", "ad", "--loss", "norm", "--epochs", "40"],
        lambda e: factorise.gd_factorise_ad(RATINGS, 5, 40, 0.002, loss="norm", seed=4, engine=e),
    ),
}


@pytest.mark.skipif(not PROGRAM.is_file(), reason="the programs are not built")
@pytest.mark.parametrize("engine", ["fused", "reference"])
@pytest.mark.parametrize("fit", FITS)
def test_the_programs_and_the_package_give_one_answer(fit, engine, tmp_path):
    arguments, call = FITS[fit]
    torch.save(RATINGS * RATED if "zero" in arguments else RATINGS, tmp_path / "A.pt")
    command = [PROGRAM, "fit", tmp_path / "A.pt", "--rank", "5", "--seed", "4", "--engine", engine]
    command += [] if "als" in arguments else ["--lr", "0.002"]
    method = [] if "--method" in arguments else ["--method", "sgd"]
    command += [*arguments, *method, "--device", "cpu", "--output", tmp_path / "factors.pt", "--quiet"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    saved = torch.load(tmp_path / "factors.pt", weights_only=True)
    assert same((saved["U"], saved["V"]), call(engine))


ONE_SEED = {
    "sgd": ([], A, lambda lab, **kw: lab.sgd_factorise(A, 2, **kw)),
    "sgd, masked": (
        ["--missing", "zero", "--epochs", "30"],
        RATINGS * RATED,
        lambda lab, **kw: lab.sgd_factorise_masked(RATINGS * RATED, RATED, 2, 30, **kw),
    ),
    "gd": (
        ["--missing", "zero", "--lr", "0.001"],
        RATINGS * RATED,
        lambda lab, **kw: lab.gd_factorise_masked(RATINGS * RATED, RATED, 2, lr=0.001, **kw),
    ),
    "ad": (["--lr", "0.001"], RATINGS, lambda lab, **kw: lab.gd_factorise_ad(RATINGS, 2, lr=0.001, **kw)),
}


@pytest.mark.skipif(not PROGRAM.is_file(), reason="the programs are not built")
@pytest.mark.parametrize("case", ONE_SEED)
def test_one_seed_is_one_answer_of_the_program_the_package_and_the_sheet(case, tmp_path):
    arguments, matrix, call = ONE_SEED[case]
    torch.save(matrix, tmp_path / "A.pt")
    command = [PROGRAM, "fit", tmp_path / "A.pt", "--method", case.split(",")[0], "--rank", "2", "--seed", "0",
               "--engine", "reference", "--device", "cpu", "--output", tmp_path / "factors.pt", "--quiet"]  # fmt: skip
    done = subprocess.run(list(map(str, command + arguments)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    saved = torch.load(tmp_path / "factors.pt", weights_only=True)
    torch.manual_seed(0)
    sheet = call(sheets)
    assert same(sheet, (saved["U"], saved["V"]))
    assert same(sheet, call(factorise, seed=0, engine="reference"))
