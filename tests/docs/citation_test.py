"""CITATION.cff has what the Citation File Format 1.2.0 asks for; it and docs/citing.md have this project's version.

usage: citation_test.py <version>
"""

import datetime
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    values = dict(re.findall(r"^([a-z-]+): *\"?(.*?)\"?$", text, re.MULTILINE))
    required = {"cff-version", "message", "title", "authors"}
    assert required <= values.keys(), f"CITATION.cff lacks {', '.join(sorted(required - values.keys()))}"
    assert values["cff-version"] == "1.2.0", f"cff-version must be 1.2.0, but is {values['cff-version']}"
    assert re.search(r"^authors:\n  - name: \"[^\"]+\"$", text, re.MULTILINE), "authors must have a name"
    assert values["version"] == sys.argv[1], f"version must be {sys.argv[1]}, as in CMakeLists.txt"
    datetime.date.fromisoformat(values["date-released"])
    assert values["license"] == "BSD-3-Clause" and "BSD 3-Clause" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "citing.md").read_text(encoding="utf-8")
    assert f"version = {{{sys.argv[1]}}}" in page, f"docs/citing.md must cite version {sys.argv[1]}"
    print(f"factorise {values['version']}, {values['date-released']}")


if __name__ == "__main__":
    main()
