"""docs/tutorial.md is true: its commands run, in order, and print what the page shows.

usage: tutorial_test.py <build folder> <scratch folder> (no-data | movielens) [<installed prefix>]

A block marked sh is run, and the text block behind it is what it prints; a block with a file's name behind its language
is that file. A comment before a block says where it is not run, or ends with another status. With "no-data" the part
before MovieLens is checked; "movielens" checks all of it, and is skipped where MovieLens 100k is not: it is looked for
in FACTORISE_DATA, data/ and ../shared/data.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass

SKIPPED = 77
ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
# What a section needs, besides the programs. One that is not here is a fault: it would not be checked.
NEEDS = {
    "Set up": set(),
    "A first factorisation": set(),
    "Ratings of others": {"movielens"},
    "Your own ratings": {"movielens"},
    "As a matrix": {"movielens"},
    "From Python": {"movielens", "torch"},
    "From C++": {"movielens", "prefix"},
}


@dataclass
class Block:
    section: str
    language: str
    file: str  # to be written, or empty
    text: str
    remark: str  # the comment before it


def blocks_of(page):
    section, remark, opened, blocks = "", "", None, []
    for line in page.splitlines():
        if opened is not None:
            if line == "```":
                blocks.append(opened)
                opened = None
            else:
                opened.text += line + "\n"
        elif line.startswith("```"):
            language, _, file = line[3:].partition(" ")
            opened, remark = Block(section, language, file, "", remark), ""
        elif line.startswith("## "):
            section = line[3:]
        elif line.startswith("<!-- "):
            remark = line.removeprefix("<!-- ").removesuffix(" -->")
    return blocks


def comparable(text):
    """The lines without what differs from run to run: times."""
    lines = (re.sub(r"^(time +).*", r"\1", line.rstrip()) for line in text.rstrip().splitlines())
    return [re.sub(r" +", " ", line) for line in lines]


class Machine:
    """A home folder as the page has it: ~/factorise with what is built, ~/movies with the data set."""

    def __init__(self, build, scratch, movielens, prefix=None):
        shutil.rmtree(scratch, ignore_errors=True)
        self.home, self.movies = scratch, scratch / "movies"
        for folder in (scratch / "bin", scratch / "factorise", self.movies):
            folder.mkdir(parents=True)
        self.script(scratch / "factorise" / "labs", f'exec {shlex.quote(str(build / "bin"))}/"$@"')
        self.script(scratch / "bin" / "python3", f'exec {shlex.quote(sys.executable)} "$@"')
        (scratch / "factorise" / "build").symlink_to(build)
        if movielens:
            (self.movies / "ml-100k").symlink_to(movielens)
        if prefix:
            (scratch / "factorise-installed").symlink_to(pathlib.Path(prefix).resolve())

    def script(self, path, line):
        path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        path.chmod(0o755)

    def write(self, block):
        path = self.movies / block.file
        path.parent.mkdir(exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def run(self, commands):
        """Status and output. GPUs are hidden: the page was written without one."""
        environment = {**os.environ, "HOME": str(self.home), "CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1",
                       "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}"}
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], env=environment, cwd=self.movies,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return result.returncode, result.stdout


def fault_of(block, shown, machine):
    status, printed = machine.run(block.text)
    other = re.search(r"ends with status (\d+)", block.remark)
    wanted = int(other[1]) if other else 0
    if status != wanted:
        return f"ended with status {status}, not {wanted}:\n{printed}"
    if comparable(printed) != comparable(shown):
        return f"printed\n{printed}\nbut the page shows\n{shown}"
    return None


def check(blocks, machine, has):
    """Runs what can be run; the number of blocks run, and what was missing for others."""
    run, missing = 0, set()
    for block, after in zip(blocks, [*blocks[1:], None]):
        lacks = NEEDS[block.section] - has
        missing |= lacks
        if lacks or block.remark.startswith("not run"):
            continue
        if block.file:
            machine.write(block)
        elif block.language == "sh":
            fault = fault_of(block, after.text if after and after.language == "text" else "", machine)
            if fault:
                sys.exit(f"docs/tutorial.md, {block.section}: the commands\n{block.text}{fault}")
            run += 1
    return run, missing


def find_movielens():
    places = [os.environ.get("FACTORISE_DATA"), ROOT / "data", ROOT.parent / "shared" / "data"]
    folders = (pathlib.Path(place).resolve() / "ml-100k" for place in places if place)
    return next((folder for folder in folders if (folder / "u.data").exists() and (folder / "u.item").exists()), None)


def has_torch():
    """Whether this interpreter imports the torch that the package was built for."""
    built_for = os.environ.get("FACTORISE_TORCH_ROOT", "")
    asked = "import os, sys, torch; sys.exit(not os.path.samefile(os.path.dirname(torch.__file__), sys.argv[1]))"
    return subprocess.run([sys.executable, "-c", asked, built_for], capture_output=True).returncode == 0


def main():
    build, scratch, part, *prefix = sys.argv[1:]
    blocks = blocks_of(PAGE.read_text(encoding="utf-8"))
    unknown = {block.section for block in blocks} - NEEDS.keys()
    assert not unknown, f"the sections {sorted(unknown)} of docs/tutorial.md are not known to this test"
    has, movielens = set(), None
    if part == "movielens":
        movielens = find_movielens()
        if movielens is None:
            print("skipped: MovieLens 100k is not here; its folder ml-100k may lie in data/")
            sys.exit(SKIPPED)
        has = {"movielens", *(["prefix"] if prefix else []), *(["torch"] if has_torch() else [])}
    machine = Machine(pathlib.Path(build).resolve(), pathlib.Path(scratch).resolve(), movielens, *prefix)
    run, missing = check(blocks, machine, has)
    assert run, "nothing was run"
    print(f"{run} blocks of commands print what docs/tutorial.md shows")
    if missing - {"movielens"}:
        print(f"not run, for want of it: {', '.join(sorted(missing - {'movielens'}))}")


if __name__ == "__main__":
    main()
