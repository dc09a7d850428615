"""A solution of the labs runs by changing one import, and prints its figures: the sheets' code's, as recorded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
IMPORT = "from sheets import "  # the sheets' code

# What solution.py prints as it stands, on torch 2.11 (gd_factorise_masked on torch 2.11's random numbers).
FIGURES = {
    "sgd_factorise 0": "0.12197",
    "sgd_factorise 1": "0.12212",
    "sgd_factorise 2": "0.12305",
    "sgd_factorise_masked 0": "1.1754",
    "sgd_factorise_masked 1": "1.2098",
    "sgd_factorise_masked 2": "1.0579",
    "sgd_factorise_masked 3": "1.0132",
    "gd_factorise_masked 0": "9545.19",
    "gd_factorise_ad/2 0": "15.22885",
    "gd_factorise_ad/2 1": "15.22960",
    "gd_factorise_ad/2 2": "15.23242",
    "gd_factorise_ad/4 0": "0.0017",
    "gd_factorise_ad/4 1": "1.0995",
    "gd_factorise_ad/4 2": "0.0046",
}


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    solution = (HERE / "solution.py").read_text(encoding="utf-8")
    assert solution.count(IMPORT) == 1
    folder = tmp_path_factory.mktemp("student")
    (folder / "factorise").mkdir()  # as where this project was cloned: a folder, which is no package
    (folder / "solution.py").write_text(solution.replace(IMPORT, "from factorise import "), encoding="utf-8")
    command = [sys.executable, "solution.py", os.environ["FACTORISE_DATA"] + "/iris.csv"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())


def test_no_figure_is_missing(printed):
    assert printed.keys() == FIGURES.keys()


@pytest.mark.parametrize("figure", FIGURES)
def test_the_figure_is_the_sheets(printed, figure):
    recorded = FIGURES[figure]
    unit = 10.0 ** -len(recorded.split(".")[1])
    # One in the last digit: two engines that round differently may lie on either side of where it turns.
    assert float(printed[figure]) == pytest.approx(float(recorded), rel=0, abs=1.5 * unit)
