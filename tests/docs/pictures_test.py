"""The pictures in docs/pictures are what draw.py there draws, are described, shown in docs/algorithm.md, and true.

usage: pictures_test.py
"""

import itertools
import pathlib
import sys
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "pictures"
sys.dont_write_bytecode = True
sys.path.insert(0, str(FOLDER))
import draw

SVG = "{http://www.w3.org/2000/svg}"


def check_file(name, svg):
    kept = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert kept == svg, f"docs/pictures/{name}.svg is not what draw.py draws; run it"
    tree = xml.etree.ElementTree.fromstring(svg)
    assert tree.find(f"{SVG}title").text and tree.find(f"{SVG}desc").text, f"{name} is not described"
    width, height = float(tree.get("width")), float(tree.get("height"))
    for box in tree.iter(f"{SVG}rect"):
        right = float(box.get("x", 0)) + float(box.get("width"))
        bottom = float(box.get("y", 0)) + float(box.get("height"))
        assert right <= width and bottom <= height, f"a box of {name} lies outside"


def check_order(numbers):
    """Along each row and down each column the numbers rise, as they do in the serial order."""
    for axis in (0, 1):
        for (entry, number), (other, later) in itertools.permutations(numbers.items(), 2):
            if entry[axis] == other[axis] and entry[1 - axis] < other[1 - axis]:
                assert number < later, f"{other} comes before {entry}"


def check_walk(blocks, columns, lag, epochs, threads):
    """No thread is at two blocks at once, and no block overtakes the one above, of which it is `lag` behind."""
    spans = draw.walk(blocks, columns, lag, epochs, threads)
    for (*_, thread, begin, end), (*_, other, later, _) in itertools.combinations(spans, 2):
        assert thread != other or end <= later
    for (*_, begin, end), (*_, later, last) in itertools.pairwise(spans):
        assert later >= begin + lag + 1 and last >= end


def main():
    page = (ROOT / "docs" / "algorithm.md").read_text(encoding="utf-8")
    for name, picture in draw.PICTURES.items():
        check_file(name, picture().svg())
        assert f"](pictures/{name}.svg)" in page, f"docs/algorithm.md does not show {name}.svg"
    assert "![](" not in page, "a picture in docs/algorithm.md has no alternative text"
    check_order(draw.order(lambda entry: entry))
    check_order(draw.order(lambda entry: (entry[1] + draw.SKEW * entry[0], entry[0])))
    for threads in (1, 2, 3):
        check_walk(4, 20, 3, 2, threads)
    print(f"{len(draw.PICTURES)} pictures are as they are drawn")


if __name__ == "__main__":
    main()
