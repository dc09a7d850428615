"""What the page is as HTML: whether it is valid, whole and self-contained."""

import html.parser
import re

VOID = {"meta", "link", "br", "img", "hr", "input"}
EXERCISES = ["Lab 1", "1.1, 1.2: sgd_factorise", "2.1: truncated SVD", "3.1: sgd_factorise_masked",
             "4.1: gd_factorise_masked", "The reports' figures",
             "Lab 2", "1.1, 1.2: gd_factorise_ad", "1.2, variant", "1.3: ", "2.1, 2.2: the MLP", "The reports' figures",
             "Benchmark", "Squared error over seconds, stand-in", "Squared error over seconds, MovieLens 100k"]
LOADING = ("href", "xlink:href", "src", "srcset", "action", "data", "poster")


class Fault(Exception):
    """A sentence about what is wrong with the page."""


def check(truth, sentence):
    if not truth:
        raise Fault(sentence)


class Reader(html.parser.HTMLParser):
    """Checks that tags close in order, and gathers what the page has."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.faults, self.tags = [], [], [], []
        self.references, self.loads, self.headings = set(), [], []
        self.language, self.text = None, {"title": [], "figcaption": [], "caption": [], "h1": [], "p": []}
        self.pictures, self.pictures_named, self.cells = 0, 0, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag in self.text:
            self.text[tag].append("")
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append((int(tag[1]), ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        named = dict(attributes)
        if tag == "html":
            self.language = named.get("lang")
        if tag == "svg":
            self.pictures += 1
            self.pictures_named += named.get("role") == "img" and bool(named.get("aria-labelledby"))
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            elif name in LOADING:
                (self.references.add(value[1:]) if value.startswith("#") else self.loads.append(value))
            elif name == "aria-labelledby":
                self.references.add(value)
            self.references.update(re.findall(r"url\(#([^)]*)\)", value or ""))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> in line {self.getpos()[0]}")

    def handle_data(self, data):
        inside = next((tag for tag in reversed(self.open) if tag in self.text), None)
        if inside:
            self.text[inside][-1] += data
        if self.open and self.open[-1] in ("h1", "h2", "h3", "h4"):
            level, before = self.headings[-1]
            self.headings[-1] = level, before + data
        if self.open and self.open[-1] in ("td", "th", "span"):
            self.cells.append(data)


def check_html(text, reader):
    check(text.startswith("<!DOCTYPE html>"), "the page does not begin as HTML5 does")
    check(not reader.faults and not reader.open, f"tags do not nest: {reader.faults[:3]} {reader.open}")
    check(reader.language == "en", "the page does not say its language")
    twice = {name for name in reader.ids if reader.ids.count(name) > 1}
    check(not twice, f"ids are there twice: {sorted(twice)[:5]}")
    missing = reader.references - set(reader.ids)
    check(not missing, f"nothing has the ids {sorted(missing)[:5]}")
    levels = [level for level, _ in reader.headings]
    check(levels[0] == 1 and levels.count(1) == 1, f"there is not one heading of the whole page: {levels}")
    check(all(after <= before + 1 for before, after in zip(levels, levels[1:])), f"headings leave levels out: {levels}")


def check_self_contained(text, reader):
    outside = [address for address in reader.loads if not address.startswith("data:")]
    outside += re.findall(r"url\((?!#)[^)]*\)|@import[^;]*|<script\b", text)
    check(not outside, f"the page asks for {outside[:5]}")
    check("default-src 'none'" in text, "the page's policy does not forbid what is outside")


def check_pictures(reader, expected):
    check(reader.tags.count("figure") == reader.pictures == expected,
          f"there are {reader.pictures} pictures, not {expected}")
    check(reader.pictures_named == expected, "a picture has no alternative text")
    alternatives = reader.text["title"][1:]  # the first is the page's
    check(len(alternatives) == expected and all(len(alternative) > 40 for alternative in alternatives),
          "a picture's alternative says nothing")
    check(len(set(alternatives)) == expected, "two pictures have one alternative")
    check(len(reader.text["figcaption"]) == expected and all(len(said) > 20 for said in reader.text["figcaption"]),
          "a picture has no caption")


def check_exercises(reader, exercises):
    at = 0
    for exercise in exercises:
        lines = [line for _, line in reader.headings]
        found = next((i for i, line in enumerate(lines[at:], at) if line.startswith(exercise)), None)
        check(found is not None, f"there is no heading {exercise!r} after {lines[:at]}")
        at = found + 1


def shown(reader):
    """Everything that is read on the page, but for the pictures' own text."""
    return [text for texts in reader.text.values() for text in texts] + reader.cells


def check_words(text, reader, labs):
    check("#0102" not in text, "a stand-in colour was left in the page")
    check("<text" in text, "the pictures' text is not text")
    nothing = [said for said in shown(reader) if re.search(r"\b(None|nan|inf)\b|−0\.0+\b(?!\d)", said)]
    check(not nothing, f"the page shows what is no number: {nothing[:3]}")
    for lab in labs:
        for row in lab["comparison"]:
            check(row["what"] in reader.cells, f"the comparison lacks {row['what']!r}")


def check_made_up(reader):
    """What is of made-up ratings says so: the note at the top, and each of 4.1's answer, table and pictures."""
    tag = "(stand-in, made-up ratings)"
    check(any("made-up ratings" in said for said in reader.text["p"][:4]), "the top does not tell of made-up ratings")
    said_of_them = [said for kind in ("p", "figcaption", "title", "caption") for said in reader.text[kind]
                    if re.search(r"share of each block|are rated|[Pp]redict|valid entries", said)]
    check(len(said_of_them) >= 4, f"exercise 4.1 says too little: {said_of_them}")
    for said in said_of_them:
        check(tag in said, f"made-up ratings are not called so: {said}")


def check_page(text, labs, pictures, exercises=EXERCISES):
    """Raises a Fault where something is wrong. pictures: how many there must be."""
    reader = Reader(text)
    check_html(text, reader)
    check_self_contained(text, reader)
    check_pictures(reader, pictures)
    check_exercises(reader, exercises)
    check_words(text, reader, labs)
    if labs[0]["gd_factorise_masked"]["ratings"]["source"] == "stand-in":
        check_made_up(reader)
