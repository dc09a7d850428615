"""Every relative link of README.md and docs/*.md leads to a file of this project, and to a heading that it has.

usage: links_test.py
"""

import pathlib
import re
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|\b(?:href|src|srcset)=\"([^\"]+)\"")


def prose_of(path):
    """The page's lines without code, in which brackets are no links and # no headings."""
    fenced = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if re.match(r"\s*(```|~~~)", line):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield line


def anchors_of(path):
    """What a code host calls the page's headings: in small letters, without punctuation, with - for spaces."""
    anchors = set()
    for line in prose_of(path):
        heading = re.match(r"#{1,6}\s+(.*?)\s*#*$", line)
        if not heading:
            continue
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading.group(1))
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        repeated = sum(known == anchor or re.fullmatch(re.escape(anchor) + r"-\d+", known) is not None
                       for known in anchors)
        anchors.add(f"{anchor}-{repeated}" if repeated else anchor)
    return anchors


def links_of(path):
    for line in prose_of(path):
        for match in LINK.finditer(re.sub(r"`[^`]*`", "", line)):
            yield next(filter(None, match.groups()))


def fault_of(page, link):
    """What is wrong with a link, or nothing."""
    address, _, anchor = urllib.parse.unquote(link).partition("#")
    target = (page.parent / address).resolve() if address else page
    if ROOT not in target.parents:
        return "leads out of the project"
    if not target.exists():
        return "leads nowhere"
    if anchor and target.suffix == ".md" and anchor not in anchors_of(target):
        return f"names a heading that is not one of {', '.join(sorted(anchors_of(target)))}"
    return None


def check_itself():
    """The rules above, on what they must tell apart."""
    readme = ROOT / "README.md"
    assert fault_of(readme, "docs/contract.md") is None and fault_of(readme, "docs/contract.md#sgd") is None
    assert fault_of(readme, "docs/contract.md#no-such-heading") and fault_of(readme, "docs/no-such-page.md")
    assert fault_of(readme, "../outside.md") and fault_of(readme, "#two-commands") is None


def main():
    check_itself()
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    faults, checked, reached = [], 0, {ROOT / "README.md"}
    for page in pages:
        for link in links_of(page):
            if re.match(r"[a-z][a-z0-9+.-]*:", link):
                continue  # another site's, or a letter's
            checked += 1
            reached.add((page.parent / link.partition("#")[0]).resolve())
            fault = fault_of(page, link)
            if fault:
                faults.append(f"{page.relative_to(ROOT)}: the link {link} {fault}")
    faults += [f"no page links to {page.relative_to(ROOT)}" for page in pages if page not in reached]
    print("\n".join(faults) or f"{checked} links of {len(pages)} pages are sound")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
