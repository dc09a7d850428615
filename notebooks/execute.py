"""Runs the notebooks and compares what they write with what is stored in them; --write stores it anew.

run.py calls this, with an interpreter that has torch, nbclient, ipykernel and matplotlib.
"""

import argparse
import importlib
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import outputs
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

HERE = Path(__file__).resolve().parent
NAMES = ["lab1.ipynb", "lab2.ipynb"]
CELL_SECONDS = 300  # for what hangs
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def prepare_environment(build, scratch):
    """The environment of a kernel. Its own files go to a scratch folder, which also holds all the data: the stored
    output must not depend on a ratings.pt in data/."""
    data = scratch / "data"
    data.mkdir()
    shutil.copy(HERE.parent / "data" / "iris.csv", data)
    os.environ |= {
        "FACTORISE_DATA": str(data),
        "PYTHONPATH": os.pathsep.join([str(build / "python"), str(HERE)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": str(scratch),
        "JUPYTER_RUNTIME_DIR": str(scratch),
        "JUPYTER_PREFER_ENV_PATH": "1",  # this interpreter's kernel, not one that a user named python3
        "MPLCONFIGDIR": str(scratch),
    }
    importlib.import_module("matplotlib.font_manager")  # looks for fonts; in a notebook it would say so, as a warning


def execute(notebook, folder):
    """Runs the cells in a folder, where their pictures go, and takes out what only this run and machine have."""
    NotebookClient(notebook, timeout=CELL_SECONDS, record_timing=False, resources={"metadata": {"path": str(folder)}},
                   extra_arguments=["--log-level=ERROR"]).execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in cell.metadata if key == "tolerance"})


def picture_names(notebook):
    return re.findall(r'\bshow\(figure, "([\w-]+)"', "\n".join(cell.source for cell in notebook.cells))


def picture_faults(notebook, folder):
    """Every picture must be there, of this run, and have something drawn in it."""
    names = picture_names(notebook)
    for name in sorted(set(names)):
        path = folder / "pictures" / f"{name}.svg"
        if names.count(name) > 1:
            yield name, "more than one picture has this name"
        elif not path.exists() or "<path" not in path.read_text(encoding="utf-8"):
            yield name, f"{path} was not drawn"


def run(name, folder, write):
    """Runs a notebook, leaves it in the folder, and returns what is wrong with it: pairs of a place and a sentence."""
    stored, notebook = (nbformat.read(HERE / name, as_version=4) for _ in range(2))
    for picture in picture_names(notebook):
        (folder / "pictures" / f"{picture}.svg").unlink(missing_ok=True)
    try:
        execute(notebook, folder)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return [("a cell", str(error))]
    found = [*outputs.faults(notebook if write else stored, notebook), *picture_faults(notebook, folder)]
    if not (write and found):
        nbformat.write(notebook, folder / name)
    return found


def main():
    parser = argparse.ArgumentParser(prog="./labs notebooks", description="Runs the notebooks, and compares what they "
                                     "write with what is stored in them.")
    parser.add_argument("--write", action="store_true", help="store what they write, and the pictures, in notebooks/")
    parser.add_argument("--build", type=Path, default=HERE.parent / "build", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    folder = HERE if arguments.write else build / "notebooks"
    folder.mkdir(exist_ok=True)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="labs") as scratch:
        prepare_environment(build, Path(scratch))
        for name in NAMES:
            began = time.monotonic()
            found = run(name, folder, arguments.write)
            wrong += len(found)
            for place, fault in found:
                print(f"{name}, {place}: {fault}", file=sys.stderr)
            verdict = "at fault" if found else "written" if arguments.write else "as stored"
            print(f"{name}: {verdict}, {time.monotonic() - began:.0f} s", flush=True)
    if wrong and not arguments.write:
        print("Where that is as it should be: ./labs notebooks --write", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
