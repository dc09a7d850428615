"""The virtual environments of this folder, such as .venv, and the code that the verbs of ./labs in Python share:
messages, log, and the build before a verb.

An environment is whole when it holds a copy of its requirements; one whose making was interrupted is made anew.
"""

import argparse
import filecmp
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
LOG = BUILD / "labs.log"
OFFLINE = bool(os.environ.get("FACTORISE_DEPS"))  # nothing is installed then


def say(sentence):
    print(f"labs: {sentence}", file=sys.stderr, flush=True)


def end(sentence, status=1):
    say(sentence)
    sys.exit(status)


def run(main):
    """A script's main(); an interrupt ends it without a stack trace."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)


class Parser(argparse.ArgumentParser):
    """The command line of a verb, with a usage of one line."""

    def __init__(self, prog, takes, description):
        super().__init__(prog=prog, description=description, allow_abbrev=False)
        self.takes = takes

    def error(self, message):
        end(f"{self.prog} takes {self.takes} or nothing, but was given '{' '.join(sys.argv[1:])}'", 2)


def build(*also):
    """./labs build, which prints its own errors; "benchmarks=ON" builds these too."""
    # An interrupt also goes to ./labs, and ends it.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    status = subprocess.run([ROOT / "labs", "build", *also]).returncode
    signal.signal(signal.SIGINT, before)
    if status:
        sys.exit(status_of(status))


def status_of(returncode):
    """The exit status as in a shell, also where a signal ended the process."""
    return returncode if returncode >= 0 else 128 - returncode


def log(*command, **environment):
    """Runs a command into the log; subprocess.CalledProcessError where it fails."""
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("ab") as file:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, check=True,
                       env={**os.environ, **environment})


def step(what, function, *arguments):
    """Prints what is done, calls the function, whose commands go to the log, and shows the log's end where one fails.
    Returns whether all succeeded."""
    say(what)
    began = LOG.stat().st_size if LOG.exists() else 0
    try:
        function(*arguments)
    except subprocess.CalledProcessError:
        for line in LOG.read_bytes()[began:].decode(errors="replace").splitlines()[-20:]:
            print(f"  | {line}", file=sys.stderr)
        say(f"that failed; above are the last lines of {LOG}")
    except OSError as error:
        say(f"that failed: {error}")
    else:
        return True
    return False


def pip_install(python, requirements, *options, **environment):
    log(python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off", "-r",
        requirements, *options, **environment)


def is_copy(file, of):
    return file.exists() and filecmp.cmp(file, of, shallow=False)


def fill(folder, requirements, python=sys.executable, **environment):
    """Makes an environment anew."""
    log(python, "-m", "venv", "--clear", folder)
    pip_install(folder / "bin" / "python3", requirements, **environment)
    shutil.copy(requirements, folder / "requirements.txt")


def torch_of_build(build):
    """The folder of the torch that a build is for, or None."""
    cache = Path(build, "CMakeCache.txt")
    found = re.search("^TORCH_DIR:[^=]*=(.+)$", cache.read_text(), re.MULTILINE) if cache.exists() else None
    return Path(found[1]) if found else None


def imports_torch(python, torch):
    """Whether an interpreter's torch is that one. Importing it would take seconds."""
    look = ("import importlib.util, os, sys; sys.path = [path for path in sys.path if path]; "
            "sys.exit(not os.path.samefile(os.path.dirname(importlib.util.find_spec('torch').origin), sys.argv[1]))")
    return os.path.exists(python) and subprocess.run([python, "-c", look, torch],
                                                     stderr=subprocess.DEVNULL).returncode == 0


def python_of_torch(torch):
    """The interpreter that imports a torch: that of its environment, or this one; None where neither does."""
    candidates = (os.path.normpath(torch / "../../../../bin/python3"), sys.executable) if torch else ()
    return next((python for python in candidates if imports_torch(python, torch)), None)
