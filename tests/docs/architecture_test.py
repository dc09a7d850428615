"""docs/architecture.md is true: its layers and the path of a rating are those of the source.

usage: architecture_test.py

Every include of src/ and include/factorise/ is allowed by the table of layers, every allowed edge is used, and a layer
includes only layers above it in the table. The targets of src/CMakeLists.txt see what the table lets them reach.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = "docs/architecture.md"
INCLUDE = re.compile(r"^\s*#\s*include\s*([<\"])([^>\"]+)[>\"]", re.MULTILINE)
SOURCES = (".h", ".cpp", ".cu", ".in")
UMBRELLA = "factorise.h"


def table_of(text, heading):
    """The cells of the table below a heading: for each row a list, for each cell its words in backticks."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, f"{PAGE} has no heading '{heading}'"
    rows = [line for line in section[1].splitlines() if line.startswith("|")]
    assert len(rows) > 2, f"{PAGE} has no table below '{heading}'"
    return [[re.findall(r"`([^`]+)`", cell) for cell in row.strip("|").split("|")] for row in rows[2:]]


class Layers:
    """The table of layers."""

    def __init__(self, rows):
        self.order = [row[0][0] for row in rows]
        self.owner = {header: row[0][0] for row in rows for header in row[2]}
        self.allowed = {(row[0][0], kind, layer) for row in rows for kind, cell in (("private", 3), ("public", 4))
                        for layer in row[cell]}

    def below(self, layer):
        """The layers whose private headers its includes reach."""
        direct = {other for name, kind, other in self.allowed if (name, kind) == (layer, "private")}
        return direct.union(*map(self.below, direct))

    def faults(self):
        """Names that are no layer, and arrows back."""
        for layer, _, other in sorted(self.allowed):
            if other not in self.order:
                yield f"{PAGE}: {layer} may include {other}, which is no layer"
            elif self.order.index(other) >= self.order.index(layer):
                yield f"{PAGE}: {layer} may include {other}, which is not above it in the table"


def edges_of(layers, place, text):
    """What a file includes of other layers: (file's layer, private or public, other layer), and the include."""
    path = pathlib.PurePosixPath(place)
    layer = path.parts[1] if path.parts[0] == "src" else layers.owner.get(path.name)
    for quote, name in INCLUDE.findall(text):
        first, _, rest = name.partition("/")
        if first == "factorise" and rest:
            kind, other = "public", layers.owner.get(rest, rest)
        elif first in layers.order and rest:
            kind, other = "private", first
        elif quote == '"' and not (ROOT / path.parent / f"{name}.in").exists():
            kind, other = "private", name  # neither a file of a layer nor one that CMake makes
        else:
            continue
        if other != layer:
            yield (layer, kind, other), name


def faults_of(layers, files):
    """What the includes of the files (place: text) do that the page does not say, and the other way round."""
    used = set()
    for place, text in files.items():
        for edge, name in edges_of(layers, place, text):
            if edge in layers.allowed:
                used.add(edge)
            else:
                yield f"{place} includes {name}: {PAGE} does not allow {edge[0]} {edge[1]} headers of {edge[2]}"
    for layer, kind, other in sorted(layers.allowed - used):
        yield f"{PAGE}: {layer} may include {kind} headers of {other}, but does not"


def target_faults(layers, text):
    """A target of CMake sees what its layer reaches."""
    for layer, *seen in (match.split() for match in re.findall(r"^factorise_layer\((.*)\)", text, re.MULTILINE)):
        if set(seen) != layers.below(layer):
            yield f"src/CMakeLists.txt: {layer} must see {' '.join(sorted(layers.below(layer)))}, but sees {seen}"


def path_faults(rows):
    """Every function of the path is in its file, names what it calls, and is called by a function before it."""
    called = set()
    for (place,), (name,), calls in rows:
        text = (ROOT / place).read_text(encoding="utf-8") if (ROOT / place).exists() else ""
        missing = [word for word in (name, *calls) if not re.search(rf"\b{re.escape(word)}\b", text)]
        if missing:
            yield f"{PAGE}: {place} has no {', '.join(missing)}"
        if called and name not in called:
            yield f"{PAGE}: no function before {name} calls it"
        called |= set(calls)


def check_itself():
    """The rules above, on what they must find and what they must leave."""
    layers = Layers([[["low"], [], ["a.h"], [], []], [["mid"], [], [], ["low"], ["low"]],
                     [["top"], [], ["b.h"], ["mid"], []]])
    assert not list(layers.faults())
    files = {"src/low/x.cpp": '#include "low/x.h"\n#include <factorise/a.h>\n#include <vector>\n',
             "src/mid/y.cpp": '#include "low/x.h"\n#  include <factorise/a.h>\n', "src/top/z.h": '#include "mid/y.h"\n'}
    assert not list(faults_of(layers, files))
    assert len(list(faults_of(layers, {**files, "src/low/w.h": "#include <mid/y.h>"}))) == 1
    assert len(list(faults_of(layers, {**files, "src/low/w.h": '#include "../mid/y.h"'}))) == 1
    assert len(list(faults_of(layers, {**files, "include/factorise/a.h": "#include <factorise/b.h>"}))) == 1
    assert len(list(faults_of(layers, {**files, "src/top/z.h": ""}))) == 1
    assert layers.below("top") == {"low", "mid"}
    assert not list(target_faults(layers, "factorise_layer(mid low)\nfactorise_layer(top low mid)\n"))
    assert len(list(target_faults(layers, "factorise_layer(mid low)\nfactorise_layer(top mid)\n"))) == 1
    layers.allowed |= {("low", "private", "top"), ("low", "public", "no")}
    assert len(list(layers.faults())) == 2


def main():
    check_itself()
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    layers = Layers(table_of(text, "Layers"))
    folders = sorted(path.name for path in (ROOT / "src").iterdir() if path.is_dir())
    headers = sorted(path.name for path in (ROOT / "include" / "factorise").iterdir())
    files = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
             for folder in ("src", "include") for path in sorted((ROOT / folder).rglob("*"))
             if path.suffix in SOURCES and path.name != UMBRELLA}
    path = table_of(text, "The path of a rating")

    faults = list(layers.faults())
    faults += [f"{PAGE}: {place} is not in both the table of layers and the source" for place in
               sorted(set(layers.order) ^ set(folders)) + sorted(set(layers.owner) ^ (set(headers) - {UMBRELLA}))]
    faults += [f"{place} includes {name}: contract/ and cuda/ have no torch" for place, content in files.items()
               if place.startswith(("src/contract/", "src/cuda/")) for _, name in INCLUDE.findall(content)
               if name.startswith(("ATen/", "c10/", "torch/"))]
    faults += faults_of(layers, files)
    faults += target_faults(layers, (ROOT / "src" / "CMakeLists.txt").read_text(encoding="utf-8"))
    faults += path_faults(path)
    faults += [f"{PAGE}: there is no {place}" for place in
               sorted(set(re.findall(r"`((?:src|include|tests|python|docs)/[\w./]+)`", text)))
               if not (ROOT / place).exists()]
    print("\n".join(faults) or f"{len(files)} files keep to {len(layers.order)} layers; the path has "
                               f"{len(path)} functions")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
