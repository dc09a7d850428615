"""./labs report [FILE]: runs lab1 and lab2, and draws what they and the benchmark found on one page (make.py), with the
matplotlib of this interpreter or of .venv-report.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
import environments  # noqa: E402
from environments import BUILD, ROOT, end, say  # noqa: E402

FOLDER = ROOT / ".venv-report"


def drawer():
    """An interpreter that has matplotlib 3.8 or later."""
    own = FOLDER / "bin" / "python3"
    for python in (sys.executable, own):
        if draws(python):
            return python
    if environments.OFFLINE:
        end("the report needs matplotlib 3.8, and FACTORISE_DEPS forbids installing it. Put a python3 with it first on "
            "PATH")
    if not environments.step("installing matplotlib in .venv-report", environments.fill, FOLDER,
                             HERE / "requirements.txt"):
        end("matplotlib could not be installed. When the cause is mended, type the same again; or put a python3 with "
            "matplotlib 3.8 first on PATH")
    return own


def draws(python):
    look = [python, "-c", "import sys, matplotlib as m; sys.exit(m.__version_info__ < (3, 8))"]
    return os.path.exists(python) and subprocess.run(look, stderr=subprocess.DEVNULL).returncode == 0


def run_lab(name):
    """Its JSON's path."""
    path = BUILD / f"{name}.json"
    say(f"running {name}")
    environment = {"FACTORISE_DATA": str(ROOT / "data"), **os.environ}
    ended = subprocess.run([BUILD / "bin" / name, "--json", path], stdout=subprocess.DEVNULL, env=environment)
    if ended.returncode:
        status = environments.status_of(ended.returncode)
        end(f"{name} ended with status {status}; no page was written", status)
    return path


def main():
    parser = environments.Parser("./labs report", "one file to write", "Runs both labs, and puts all of it on one page "
                                 "with pictures.")
    parser.add_argument("page", nargs="?", metavar="FILE", help="the page (default: report.html beside ./labs)")
    page = parser.parse_args().page or str(ROOT / "report.html")
    folder = os.path.dirname(os.path.abspath(page))
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK) or os.path.exists(page) and not os.path.isfile(page):
        end(f"{page} cannot be written: it must be a file, new or old, in a folder that can be written to")
    environments.build()
    python = drawer()
    labs = [run_lab(name) for name in ("lab1", "lab2")]
    say("drawing")
    drawn = subprocess.run([python, "-B", HERE / "make.py", *labs, page, "--results", ROOT / "benchmarks" / "results"])
    if drawn.returncode == 0:
        say(f"wrote {page}")
    return environments.status_of(drawn.returncode)


if __name__ == "__main__":
    environments.run(main)
