"""./labs notebooks: runs both notebooks (execute.py) with an interpreter that has nbclient, ipykernel and matplotlib,
and imports the torch that the build is for: torch's own, or that of .venv-notebooks, which finds torch and the package
where they are.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
import environments  # noqa: E402
from environments import BUILD, ROOT, end  # noqa: E402

FOLDER = ROOT / ".venv-notebooks"
REQUIREMENTS = HERE / "requirements.txt"


def interpreter(torch):
    python = environments.python_of_torch(torch)
    if not python:
        end(f"the notebooks need a python3 that imports the torch in {torch}, and none does. Put it first on PATH")
    look = [python, "-c", "import ipykernel, matplotlib, nbclient"]
    if subprocess.run(look, stderr=subprocess.DEVNULL).returncode == 0:
        return python
    paths, seen = f"{torch.parent}\n{BUILD / 'python'}\n", FOLDER / "paths"
    whole = environments.is_copy(FOLDER / "requirements.txt", REQUIREMENTS) and seen.exists()
    if not whole or seen.read_text() != paths:
        if environments.OFFLINE:
            end("the notebooks need nbclient, ipykernel and matplotlib, and FACTORISE_DEPS forbids installing them. "
                "Put a python3 with them and torch first on PATH")
        if not environments.step("installing nbclient and matplotlib in .venv-notebooks", install, python, paths):
            end("they could not be installed. When the cause is mended, type the same again")
    return FOLDER / "bin" / "python3"


def install(python, paths):
    """An environment that imports from these folders too."""
    environments.fill(FOLDER, REQUIREMENTS, python)
    look = [FOLDER / "bin" / "python3", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(look, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    for file in (Path(packages, "labs.pth"), FOLDER / "paths"):
        file.write_text(paths)


def main():
    parser = environments.Parser("./labs notebooks", "--write", "Runs the notebooks, and compares what they write with "
                                 "what is stored in them.")
    parser.add_argument("--write", action="store_true", help="store what they write, and the pictures, in notebooks/")
    given = parser.parse_args()
    environments.build()
    if not os.access(BUILD, os.W_OK):
        end(f"{ROOT} cannot be written to. Copy it to a folder of yours, and call ./labs there")
    python = interpreter(environments.torch_of_build(BUILD))
    os.execv(python, [python, "-B", HERE / "execute.py", "--build", BUILD, *(["--write"] if given.write else [])])


if __name__ == "__main__":
    environments.run(main)
