"""README.md is short, CI runs its commands, and its figures are in the results of the benchmark of its date.

usage: readme_test.py
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONGEST = 80  # lines: one screen and a half


def section_of(page, heading):
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def main():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = len(page.splitlines())
    assert lines <= LONGEST, f"README.md must have at most {LONGEST} lines, but has {lines}"

    block = re.search(r"```sh\n(.*?)```", section_of(page, "Two commands"), re.DOTALL)[1]
    commands = [line.partition("#")[0].strip() for line in block.splitlines()]
    assert len(commands) == 2, f"README.md must show two commands, but shows {commands}"
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in commands:
        run = re.search(rf"(?:^|\) |&& ){re.escape(command)}(?= ;;| 2>|$)", ci, re.MULTILINE)
        assert run, f".ci/run does not run '{command}', which README.md shows"

    result = section_of(page, "One result")
    date = re.search(r"\d{4}-\d\d-\d\d", result)[0]
    tables = (ROOT / "benchmarks" / "results").glob(f"{date}*.md")
    measured = "".join(table.read_text(encoding="utf-8") for table in tables)
    figures = [figure for row in re.findall(r"^\|.*\| ([^|]*) \|$", result, re.MULTILINE)
               for figure in re.findall(r"[\d.]+", row)]
    assert figures, "the section 'One result' of README.md must have a table with figures in its last column"
    for figure in figures:
        assert f"| {figure} ±" in measured, f"README.md has {figure}, which was not measured on {date}"
    print(f"{lines} lines, {len(commands)} commands, {len(figures)} figures")


if __name__ == "__main__":
    main()
