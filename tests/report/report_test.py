"""The page of ./labs report, made of two short runs: valid, whole, self-contained, and as Chromium shows it; and what
becomes of runs that diverged, of input that does not suit, and of a wrong command line.

usage: report_test.py <folder of lab1 and lab2> <scratch folder> [<python with matplotlib>]

Without matplotlib it is skipped; without Chromium, what Chromium shows is.
"""

import copy
import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys

import chromium
from page_reader import EXERCISES, Fault, check, check_page

SKIPPED = 77
ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
# One and four matrices, three of ratings, four distributions; the saddle, three scatters, two of accuracies, five of
# losses, eight distributions.
LAB1, LAB2 = 1 + 4 + 3 + 4, 1 + 3 + 2 + 5 + 8


class Maker:
    """Runs the programs and report/make.py in a folder of its own."""

    def __init__(self, programs, python, scratch):
        self.programs, self.python, self.scratch = programs, python, scratch
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        self.environment = {**os.environ, "FACTORISE_DATA": str(scratch), "XDG_CACHE_HOME": str(scratch)}

    def lab(self, name, *options):
        path = self.scratch / f"{name}.json"
        result = subprocess.run([self.programs / name, "--runs", "12", "--quiet", "--json", path, *options],
                                capture_output=True, text=True, env=self.environment)
        check(result.returncode == 0, f"{name} ended with {result.returncode}: {result.stderr}")
        return json.loads(path.read_text(encoding="utf-8"))

    def make(self, lab1, lab2, output, *options):
        """labs: JSON, or a file's text, or None for no file."""
        files = []
        for name, lab in (("given1.json", lab1), ("given2.json", lab2)):
            files.append(self.scratch / name)
            files[-1].unlink(missing_ok=True)
            if lab is not None:
                files[-1].write_text(lab if isinstance(lab, str) else json.dumps(lab), encoding="utf-8")
        return subprocess.run([self.python, "-B", ROOT / "report" / "make.py", *files, output, *options],
                              capture_output=True, text=True, env=self.environment)

    def page(self, lab1, lab2, name, *options):
        """The text of the page."""
        result = self.make(lab1, lab2, self.scratch / name, *options)
        check(result.returncode == 0, f"make.py ended with {result.returncode}: {result.stderr}")
        return (self.scratch / name).read_text(encoding="utf-8")


def diverged(lab1, lab2):
    """The same as if every run that can had diverged, as docs/json.md writes that."""
    lab1, lab2 = copy.deepcopy(lab1), copy.deepcopy(lab2)

    def empty(of):
        return {key: None for key in of}

    lab1["sgd_factorise"], lab1["sgd_factorise_masked"] = map(empty, (lab1["sgd_factorise"],
                                                                     lab1["sgd_factorise_masked"]))
    for key in ("prediction", "sse", "sse_all", "rmse"):
        lab1["gd_factorise_masked"][key] = lab1["sgd_ratings"][key] = None
    lab1["sgd_ratings"]["seconds"] = lab1["sgd_ratings"]["hold_out"]["rmse"] = None
    lab1["pictures"]["predictions"]["sgd_ratings"] = None
    for of in lab1["pictures"]["predictions"]["gd_factorise_masked"]["given"]:
        of["mean"] = None
    for at, curve in enumerate(lab1["pictures"]["sgd_curves"]):
        keep = 0 if at == 0 else 5
        curve["epochs"], curve["losses"] = curve["epochs"][:keep], curve["losses"][:keep]
    ad = lab2["gd_factorise_ad"]
    ad["rank2"]["loss"] = ad["rank4"]["loss"] = ad["norm"]["loss"] = None
    ad["norm"].update(curve=[], left_saddle=0)
    for curve in lab2["pictures"]["norm_curves"]:
        curve.update(epochs=[], norms=[])
    lab2["pca"], lab2["pictures"]["projections"] = empty(lab2["pca"]), None
    for mlp, pictures in zip(lab2["mlp"], lab2["pictures"]["mlp"]):
        for key in ("train", "validation"):
            mlp[f"{key}_accuracy"], pictures[f"{key}_accuracies"] = empty(mlp[f"{key}_accuracy"]), []
        mlp["diverged"] = mlp["runs"]
        pictures["losses"] = {key: [] for key in pictures["losses"]}
    for lab in (lab1, lab2):
        lab["pictures"]["over_seeds"] = []
        for row in lab["comparison"]:
            row.update(ours=None, low=None, high=None, diverged=lab["runs"], within=False)
    return lab1, lab2


def check_divergence(maker, lab1, lab2):
    """No answer that is not there, no picture of nothing."""
    both = diverged(lab1, lab2)
    text = maker.page(*both, "diverged.html")
    # The curves as far as they go, three matrices without ours, the ratings' density; two of accuracies.
    check_page(text, both, 1 + 3 + 1 + 2, EXERCISES[:EXERCISES.index("Benchmark")])
    check(text.count("diverged") > 20, "it is not said what diverged")


def check_less(maker, lab1, lab2):
    """No curves of the benchmark, and one seed of twelve that diverged."""
    lab1 = copy.deepcopy(lab1)
    curve = lab1["pictures"]["sgd_curves"][3]
    curve.update(epochs=curve["epochs"][:4], losses=curve["losses"][:4])
    folder = maker.scratch / "no-results"
    folder.mkdir()
    text = maker.page(lab1, lab2, "less.html", "--results", folder)
    check_page(text, (lab1, lab2), LAB1 + LAB2, EXERCISES[:EXERCISES.index("Benchmark")])
    check("./labs bench measures them" in text, "it is not said that the curves are missing")
    check("1 of them diverged" in text, "it is not said that a curve ends early")


def check_published(maker, lab1, lab2):
    """Ratings of a file: a few seeds' answers, and the published ones without a verdict. One seed diverged."""
    lab1 = copy.deepcopy(lab1)
    four = lab1["gd_factorise_masked"]
    four["ratings"].update(source="file", course=True)
    four["over_seeds"] = [{"seed": 0, "prediction": 3.41, "sse": 3100000.5, "sse_all": 66400000.0},
                          {"seed": 1, "prediction": 3.52, "sse": 3200000.5, "sse_all": 66500000.0},
                          {"seed": 2, "prediction": None, "sse": None, "sse_all": None}]
    for report, reported in ((1, 3.4865875), (2, 3.4325347)):
        what = f"4.1 predicted rating, report {report}"
        lab1["comparison"].append({"what": what, "reported": reported, "ours": 3.41, "low": 3.4155, "high": None,
                                   "percentile": 33.3, "diverged": 1, "within": None})
        lab1["pictures"]["over_seeds"].append({"what": what, "values": [3.41, 3.52]})
    text = maker.page(lab1, lab2, "published.html", "--results", maker.scratch / "no-results")
    check_page(text, (lab1, lab2), LAB1 + 1 + LAB2, EXERCISES[:EXERCISES.index("Benchmark")])
    for said in ("66,400,000", "3.5200", "the course's own", "not judged", "as the sheet asks"):
        check(said in text, f"{said!r} is not said of published answers")
    four["ratings"]["course"] = False
    check("of another file" in maker.page(lab1, lab2, "another.html"), "ratings of another file are not called so")


def check_curves(maker):
    """The newest file of each machine; what is not finite is left out; twelve methods have looks of their own."""
    folder = maker.scratch / "two-machines"
    folder.mkdir()
    header = "data,method,setting,epoch,seconds,setup_seconds,sse,holdout_rmse\n"
    for name in ("2026-01-01-one", "2026-01-02-one", "2025-12-31-two"):
        rows = "a,m,s,1,0.5,0.1,3.0,1\na,m,s,2,0.6,0.1,nan,nan\na,m,t,1,0.5,0.1,inf,inf\n"
        (folder / f"{name}-curves.csv").write_text(header + rows, encoding="utf-8")
    asked = """import sys, pathlib, benchmark_curves as curves
paths = curves.latest(pathlib.Path(sys.argv[1]))
print([path.name[:14] for path in paths], curves.read(paths[0]), len({curves.look(i)[::2] for i in range(12)}))"""
    result = subprocess.run([maker.python, "-B", "-c", asked, folder], capture_output=True, text=True,
                            env={**maker.environment, "PYTHONPATH": str(ROOT / "report")})
    said = ("['2026-01-02-one', '2025-12-31-two'] {'a': {'m': {'s': [{'seconds': 0.5, 'setup_seconds': 0.1, "
            "'sse': 3.0}]}}} 12\n")
    check(result.stdout == said, f"the curves are read as {result.stdout} {result.stderr}")


def check_refusals(maker, lab1, lab2):
    """One sentence, status 1, and what was there before is still there, with nothing beside it."""
    keyless = {key: value for key, value in lab1.items() if key != "pictures"}
    older = copy.deepcopy(lab2)
    del older["gd_factorise_ad"]["norm"]["curve"]
    folder = maker.scratch / "folder"
    folder.mkdir()
    page = maker.scratch / "kept.html"
    page.write_text("the page of before", encoding="utf-8")
    for named, *given in (("given1.json lacks 'pictures'", keyless, lab2, page),
                          ("given2.json lacks 'curve'", lab1, older, page),
                          ("given2.json is not JSON", lab1, "{", page),
                          ("given1.json holds no JSON object", "[]", lab2, page),
                          ("given1.json cannot be used: No such file", None, lab2, page),
                          ("folder is not a file that can be replaced", lab1, lab2, folder),
                          ("page.html cannot be written: there is no folder", lab1, lab2, folder / "no" / "page.html"),
                          ("/dev/null is not a file", lab1, lab2, "/dev/null")):
        result = maker.make(*given)
        check(result.returncode == 1, f"status {result.returncode}, not 1, where {named!r} should be said")
        check(named in result.stderr and result.stderr.count("\n") == 1, f"{named!r} is not said: {result.stderr}")
        check(page.read_text(encoding="utf-8") == "the page of before", f"a page was written in spite of {named!r}")
    left = list(maker.scratch.rglob("*.part"))
    check(not left, f"unfinished files are left: {left}")


def check_command_line(scratch):
    """./labs report says what is wrong before it builds anything."""
    for status, said, *arguments in ((2, "takes one file", "a.html", "b.html"), (2, "takes one file", "--pdf"),
                                     (1, "cannot be written", str(scratch / "no" / "page.html")),
                                     (1, "cannot be written", str(scratch)), (1, "cannot be written", "/dev/null")):
        result = subprocess.run([ROOT / "labs", "report", *arguments], capture_output=True, text=True, timeout=20)
        check(result.returncode == status and said in result.stderr and result.stderr.count("\n") == 1,
              f"./labs report {arguments} ends with {result.returncode} and says {result.stderr}")


def check_mutations(text, labs, pictures):
    """What the checks are there for, they see."""
    first = text[text.index("<figure>"):text.index("</figure>") + len("</figure>")]
    title = first[first.index("<title"):first.index("</title>")]
    for what, old, new in (("no picture", first, ""), ("no caption", "<figcaption>", "<p hidden>"),
                           ("no alternative", title, title[:title.index(">") + 1]),
                           ("no name", 'role="img"', ""), ("a lost exercise", "4.1: gd", "4.2: gd"),
                           ("an id twice", 'id="picture-2-', 'id="picture-1-'), ("a level left out", "<h3>", "<h4>"),
                           ("a script elsewhere", "</main>", '<img src="http://localhost/x.png"></main>'),
                           ("a tag left open", "</section>", ""), ("nothing shown", "<td>", "<td>nan"),
                           ("not called made up", "(stand-in, made-up ratings)", "")):
        try:
            check_page(text.replace(old, new, 1) if what == "no picture" else text.replace(old, new), labs, pictures)
        except Fault:
            continue
        raise Fault(f"the checks do not see it: {what}")


def check_shown_mutations(browser, text, pictures):
    """And what Chromium is there for, is seen too."""
    wide = '<p style="width:500px;max-width:none">wide</p></main>'
    for what, old, new in (("too wide", "</main>", wide), ("an error", "</main>", "<script>none()</script></main>"),
                           ("hidden text", "</svg>", '<text y="99%">one</text><text y="99%">other</text></svg>'),
                           ("small text", "</svg>", '<text x="50" y="50%" style="font-size:5px">small</text></svg>'),
                           ("no size", "<svg ", '<svg height="0" style="height:0" ')):
        try:
            browser.check_width(text.replace(old, new, 1), pictures, 390)
        except Fault:
            continue
        raise Fault(f"the checks in Chromium do not see it: {what}")


def benchmark_pictures():
    """How many there are to be: of each machine's newest file, each set of ratings without the set-up and with it."""
    newest = {path.name[len("2000-01-01-"):]: path for path in sorted(RESULTS.glob("*-curves.csv"))}
    sets = 0
    for path in newest.values():
        with open(path, newline="", encoding="utf-8") as file:
            sets += len({row["data"] for row in csv.DictReader(file)})
    return 2 * sets


def has_matplotlib(python):
    try:
        asked = "import sys, matplotlib; sys.exit(matplotlib.__version_info__ < (3, 8))"
        return subprocess.run([python, "-c", asked], capture_output=True).returncode == 0
    except OSError:
        return False


def run(programs, scratch, python):
    maker = Maker(programs, python, scratch)
    lab1 = maker.lab("lab1", "--epochs", "3", "--sgd-epochs", "3", "--offline")
    lab2 = maker.lab("lab2")
    pictures = LAB1 + LAB2 + benchmark_pictures()
    text = maker.page(lab1, lab2, "report.html", "--results", RESULTS)
    check_page(text, (lab1, lab2), pictures)
    check(maker.page(lab1, lab2, "again.html", "--results", RESULTS) == text, "the same JSON gives another page")
    check_mutations(text, (lab1, lab2), pictures)
    check_divergence(maker, lab1, lab2)
    check_less(maker, lab1, lab2)
    check_published(maker, lab1, lab2)
    check_curves(maker)
    check_refusals(maker, lab1, lab2)
    check_command_line(scratch)
    program = chromium.find()
    if program is None:
        print("skipped: the page is whole, but no Chromium is here to show it")
        sys.exit(SKIPPED)
    browser = chromium.Chromium(program, scratch)
    browser.check_page(scratch / "report.html", pictures)
    check_shown_mutations(browser, text, pictures)
    print(f"{pictures} pictures, in two widths, light and dark")


def main():
    programs, scratch = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    candidates = [*sys.argv[3:], ROOT / ".venv-report" / "bin" / "python3", sys.executable, "python3"]
    python = next((candidate for candidate in candidates if has_matplotlib(candidate)), None)
    if python is None:
        print("skipped: no python3 here has matplotlib 3.8; ./labs report installs it")
        sys.exit(SKIPPED)
    try:
        run(programs, scratch, python)
    except Fault as fault:
        sys.exit(f"report_test: {fault}")


if __name__ == "__main__":
    main()
