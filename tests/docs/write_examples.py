"""Writes a C++ program of the examples of all public headers, and of the C++ blocks of README.md and docs/api.md.

usage: write_examples.py <output.cpp>

A header's example is the part of its opening comment that is indented by two blanks more than the prose. Each example
is compiled by itself and run; tests/docs/given.h declares what it takes as given. A header without an example is an
error.
"""

import pathlib
import re
import sys
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["README.md", "docs/api.md"]
LONGEST = 8  # lines of a header's example


@dataclass
class Example:
    place: str  # the file, from the project's root
    line: int  # of its first line, from 1
    code: list


def example_of(place, text):
    """The example of a header. Raises ValueError where there is none, or not one."""
    lines = text.splitlines()
    if lines[0] != "#pragma once":
        raise ValueError(f"{place}: the first line must be #pragma once")
    comment = lines[1 : lines.index("")]
    where = [i for i, line in enumerate(comment) if line.startswith("//   ")]
    if not where:
        raise ValueError(f"{place}: the opening comment must have an example, indented by two blanks more")
    if where[0] < 2 or comment[where[0] - 1] != "//" or where != list(range(where[0], len(comment))):
        raise ValueError(f"{place}: the example must end the opening comment, below the purpose and an empty //")
    if len(where) > LONGEST:
        raise ValueError(f"{place}: the example must have at most {LONGEST} lines, but has {len(where)}")
    return Example(place, where[0] + 2, [comment[i].removeprefix("//   ") for i in where])


def examples_of_page(place, text):
    """The C++ blocks of a page, without the #include of the library."""
    opened = None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "```cpp":
            opened = Example(place, number + 1, [])
        elif line == "```" and opened:
            yield opened
            opened = None
        elif opened:
            opened.code.append("" if line == "#include <factorise/factorise.h>" else line)


def program_of(examples):
    """Every example as a function of a class of its own."""
    names = [re.sub(r"\W", "_", f"{example.place}_{example.line}") for example in examples]
    parts = ['#include "given.h"\n\nnamespace {\n']
    for example, name in zip(examples, names):
        body = "\n".join([f'#line {example.line} "{example.place}"', *example.code])
        parts.append(f"struct {name} : Given {{\nvoid run() {{\n{body}\n}}\n}};\n")
    parts.append("}  // namespace\n\nint main() {")
    for example, name in zip(examples, names):
        parts.append(f'  std::cout << "---- {example.place}:{example.line}\\n";\n  {name}().run();')
    return "\n".join(parts) + "\n}\n"


def check_itself():
    """The rules above, on headers that break them."""
    good = "#pragma once\n// A purpose.\n//\n//   f();\n//   g();\n\nvoid f();\n"
    assert example_of("x.h", good) == Example("x.h", 4, ["f();", "g();"])
    long = good.replace("//   g();\n", "//   g();\n" * LONGEST)
    for bad in [good.replace("   f", " f").replace("   g", " g"), good.replace("//\n", ""), long,
                good.replace("g();\n", "g();\n// More.\n"), good.removeprefix("#pragma once\n")]:
        try:
            example_of("x.h", bad)
        except ValueError:
            continue
        raise AssertionError(f"this header passes:\n{bad}")


def main():
    check_itself()
    headers = sorted(path for path in (ROOT / "include" / "factorise").glob("*.h") if path.name != "export.h")
    try:
        examples = [example_of(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in headers]
    except ValueError as error:
        sys.exit(str(error))
    for page in PAGES:
        found = list(examples_of_page(page, (ROOT / page).read_text(encoding="utf-8")))
        if not found:
            sys.exit(f"{page}: a block ```cpp must be there")
        examples += found
    pathlib.Path(sys.argv[1]).write_text(program_of(examples), encoding="utf-8")


if __name__ == "__main__":
    main()
