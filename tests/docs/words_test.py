"""Comments, messages and pages are plain technical English: code is not spoken of as a person.

usage: words_test.py

In the folders of FOLDERS none of WORDS may be in a page, a comment or a string with a space in it. Names of variables
and data are not looked at. Persons may be called "who" in the phrases of PERSONS.
"""

import io
import json
import pathlib
import re
import sys
import tokenize

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["README.md", ".ci", "cmake", "CMakeLists.txt", "docs", "include", "src", "labs", "tools", "tests",
           "benchmarks", "python", "notebooks", "report"]
# A word, and what to write in its place.
WORDS = {
    "who": "the caller, the thread, the run; or a passive",
    "whom": "the caller, the thread, the function",
    "whoever": "the thread that, the caller that",
    "nobody": "no thread, no caller, nothing",
    "somebody": "a person, a user, another program",
    "anybody": "a person, a user",
    "everybody": "every user, every thread",
    "told": "called with, passed, distinguished, reported",
    "met": "reached, found, equal",
}
PERSONS = ["Those who parallelise it", "Lamport [7], who", "readers who"]
# `met` is also a parameter's name, which comments cite as met[k] and met: ...
WORD = re.compile(rf"\b({'|'.join(WORDS)})\b(?![\[:(])", re.IGNORECASE)

STRING = r'"(?:[^"\\\n]|\\.)*"'
CPP = re.compile(rf"//[^\n]*|/\*.*?\*/|'\\?.'|{STRING}", re.DOTALL)
SHELL = re.compile(rf"#[^\n]*|{STRING}")
SUFFIXES = {".md": "page", ".svg": "page", ".h": "cpp", ".cpp": "cpp", ".cu": "cpp", ".in": "shell", ".cmake": "shell",
            ".txt": "shell", ".toml": "shell", ".bash": "shell", ".fish": "shell", ".zsh": "shell", ".py": "python",
            ".ipynb": "notebook", "": "shell"}


def parts_of(kind, text):
    """The first line (from 1) and the text of everything that is written for people."""
    if kind == "page":
        yield 1, text
    elif kind in ("cpp", "shell"):
        for match in (CPP if kind == "cpp" else SHELL).finditer(text):
            yield text.count("\n", 0, match.start()) + 1, match[0]
    elif kind == "python":
        strings = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT or token.type in strings:
                yield token.start[0], re.sub(r"{[^{}]*}", "", token.string)  # without an f-string's expressions
    elif kind == "notebook":
        for number, cell in enumerate(json.loads(text)["cells"], 1):
            for _, part in parts_of("page" if cell["cell_type"] == "markdown" else "shell", "".join(cell["source"])):
                yield number, part.replace("\n", " ")  # a cell in place of a line


def faults_of(kind, text):
    """The line and the word of every fault."""
    for line, part in parts_of(kind, text):
        if part.startswith(('"', "'")) and " " not in part:
            continue
        for phrase in PERSONS:
            part = part.replace(phrase, " " * len(phrase))
        for match in WORD.finditer(part):
            yield line + part.count("\n", 0, match.start()), match[0].lower()


def check_itself():
    """The rules above, on what they must find and what they must leave."""
    assert list(faults_of("cpp", 'int met;\n// Nobody waits.\nf("x, who is\\n");')) == [(2, "nobody"), (3, "who")]
    assert not list(faults_of("cpp", 'int told;  // met[k], met: a name\nf("who,what", \'"\');  // readers who read'))
    assert list(faults_of("python", 'told = 1\n"""One.\n\nIt is told.\n"""')) == [(4, "told")]
    assert list(faults_of("shell", 'set(who)\n# whom it may\nsay "is met"')) == [(2, "whom"), (3, "met")]
    assert list(faults_of("page", "Those who parallelise it\nare met.")) == [(2, "met")]
    cells = [{"cell_type": "markdown", "source": ["It is\n", "told."]}, {"cell_type": "code", "source": ["who"]}]
    assert list(faults_of("notebook", json.dumps({"cells": cells}))) == [(1, "told")]


def files_of(folder):
    path = ROOT / folder
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def main():
    check_itself()
    me, faults, checked = pathlib.Path(__file__).resolve(), [], []
    for file in (file for folder in FOLDERS for file in files_of(folder)):
        kind = SUFFIXES.get(file.suffix)
        if kind is None or file == me or "__pycache__" in file.parts or file.parent.name == "results":
            continue
        text = file.read_text(encoding="utf-8")
        checked.append(text)
        place = file.relative_to(ROOT)
        faults += [f"{place}:{line}: '{word}': write {WORDS[word]}" for line, word in faults_of(kind, text)]
    unused = [phrase for phrase in PERSONS if not any(phrase in text for text in checked)]
    faults += [f"no text has the phrase '{phrase}' of PERSONS" for phrase in unused]
    print("\n".join(faults) or f"{len(checked)} files are plain")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
