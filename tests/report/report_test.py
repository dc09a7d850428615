"""The page of ./labs report, made of two short runs: valid, whole, self-contained, and as Chromium shows it.

usage: report_test.py <folder of lab1 and lab2> <scratch folder> [<python with matplotlib>]

Without matplotlib it is skipped; without Chromium, what Chromium shows is.
"""

import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

SKIPPED = 77
ROOT = pathlib.Path(__file__).resolve().parents[2]
VOID = {"meta", "link", "br", "img", "hr", "input"}
EXERCISES = ["1.1, 1.2: sgd_factorise", "2.1: truncated SVD", "3.1: ", "4.1: ", "The reports' figures",
             "1.1, 1.2: gd_factorise_ad", "1.2, variant", "1.3: ", "2.1, 2.2: ", "The reports' figures",
             "Squared error over seconds"]

# Put into a copy of the page: what the browser made of it, said to the page around it.
PROBE = """<script>
addEventListener("load", () => {
  const boxes = [...document.querySelectorAll("figure svg")].map(svg => svg.getBoundingClientRect());
  const texts = [...document.querySelectorAll("figure svg text")].map(text => text.getBoundingClientRect().height);
  const ink = getComputedStyle(document.documentElement);
  parent.postMessage({pictures: boxes.length, narrowest: Math.min(...boxes.map(box => box.width)),
    lowest: Math.min(...boxes.map(box => box.height)), width: innerWidth,
    overflow: document.documentElement.scrollWidth - innerWidth, smallest: Math.min(...texts),
    colours: ink.color + ink.backgroundColor}, "*");
});
</script>"""
FRAME = """<!DOCTYPE html><title>waiting</title><body><iframe src="probe.html" style="border:0;width:{}px;height:900px">
</iframe><script>addEventListener("message", e => document.body.textContent = "SEEN" + JSON.stringify(e.data) + "END")
</script></body>"""


class Reader(html.parser.HTMLParser):
    """Checks that tags close in order, and gathers what the page has."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.faults, self.tags, self.headings = [], [], [], [], []
        self.references, self.loads = set(), []

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "xlink:href") and value.startswith("#"):
                self.references.add(value[1:])
            elif name in ("href", "xlink:href", "src", "srcset", "action"):
                self.loads.append(value)
            elif name == "aria-labelledby":
                self.references.add(value)
            self.references.update(re.findall(r"url\(#([^)]*)\)", value or ""))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> in line {self.getpos()[0]}")

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append(data)


def check(truth, sentence):
    if not truth:
        raise SystemExit(f"report_test: {sentence}")


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, **options)
    check(result.returncode == 0, f"{command[0]} ended with {result.returncode}: {result.stderr}")
    return result


def make_page(programs, python, scratch):
    """lab1.json, lab2.json and report.html in the scratch folder, on ratings small enough for a test."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    environment = {**os.environ, "FACTORISE_DATA": str(scratch), "XDG_CACHE_HOME": str(scratch)}
    run(programs / "lab1", "--runs", "12", "--epochs", "3", "--sgd-epochs", "3", "--offline", "--quiet", "--json",
        scratch / "lab1.json", env=environment)
    run(programs / "lab2", "--runs", "12", "--quiet", "--json", scratch / "lab2.json", env=environment)
    curves = sorted((ROOT / "benchmarks" / "results").glob("*-curves.csv"))[-1]
    run(python, "-B", ROOT / "report" / "make.py", scratch / "lab1.json", scratch / "lab2.json",
        scratch / "report.html", "--curves", curves)
    return (scratch / "report.html").read_text(encoding="utf-8")


def check_page(text, lab1, lab2):
    reader = Reader()
    reader.feed(text)
    check(not reader.faults and not reader.open, f"tags do not nest: {reader.faults[:3]} {reader.open}")
    twice = {name for name in reader.ids if reader.ids.count(name) > 1}
    check(not twice, f"ids are there twice: {sorted(twice)[:5]}")
    missing = reader.references - set(reader.ids)
    check(not missing, f"nothing has the ids {sorted(missing)[:5]}")
    outside = [address for address in reader.loads if not address.startswith("data:")]
    check(not outside, f"the page asks for {outside[:5]}")
    check("#0102" not in text, "a stand-in colour was left in the page")
    check("<text" in text, "the pictures' text is not text")
    at = 0
    for exercise in EXERCISES:
        found = next((i for i, line in enumerate(reader.headings[at:], at) if line.startswith(exercise)), None)
        check(found is not None, f"there is no heading {exercise!r} after {reader.headings[:at]}")
        at = found + 1
    for lab in (lab1, lab2):
        for row in lab["comparison"]:
            check(row["what"].replace("'", "&#x27;") in text, f"the comparison lacks {row['what']!r}")
    check("stand-in" in text and "made-up" in text, "made-up ratings are not called so")
    figures = reader.tags.count("figure")
    # One and four matrices, three of ratings; four distributions; the saddle, three scatters, two of accuracies, five
    # of losses; eight distributions; four of the benchmark.
    check(figures == 1 + 4 + 3 + 4 + 1 + 3 + 2 + 5 + 8 + 4, f"there are {figures} pictures")
    check(figures == reader.tags.count("figcaption") == len(re.findall(r'<svg[^>]*role="img"', text)),
          "a picture lacks its caption or its alternative")
    return figures


def dom(browser, scratch, page, *options):
    """Chromium on a page of the scratch folder: what it shows on stdout, its console on stderr."""
    return run(browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
               f"--user-data-dir={scratch / 'profile'}", *options, "--dump-dom", page.as_uri(), timeout=240)


def see(browser, scratch, width, dark):
    """What Chromium shows in a frame of this width, and what it says in its console."""
    (scratch / "frame.html").write_text(FRAME.format(width), encoding="utf-8")
    mode = ["--blink-settings=preferredColorScheme=0"] if dark else []
    options = ["--window-size=1400,1000", "--virtual-time-budget=20000", *mode]
    result = dom(browser, scratch, scratch / "frame.html", *options)
    said = [line for line in result.stderr.splitlines() if ":CONSOLE" in line]
    check(not said, f"the console says {said[:3]}")
    seen = re.search(r"SEEN(.*?)END", result.stdout)
    check(seen, f"the page was not loaded in {width} pixels: {result.stderr[-500:]}")
    return json.loads(seen.group(1).replace("&amp;", "&"))


def check_shown(browser, scratch, text, pictures):
    # The page's policy forbids scripts, and with them the probe.
    probe = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text).replace("</body>", PROBE + "</body>")
    (scratch / "probe.html").write_text(probe, encoding="utf-8")
    colours = set()
    for width in (390, 1280):
        for dark in (False, True):
            seen = see(browser, scratch, width, dark)
            where = f"at {width} pixels, {'dark' if dark else 'light'}: {seen}"
            check(seen["width"] == width, f"the frame is not as wide as asked {where}")
            check(seen["pictures"] == pictures, f"pictures are missing {where}")
            check(seen["narrowest"] > 150 and seen["lowest"] > 100, f"a picture has no size {where}")
            check(seen["overflow"] <= 0, f"the page is wider than its window {where}")
            check(seen["smallest"] >= 7, f"a picture's text is too small to read {where}")
            colours.add(seen["colours"])
    check(len(colours) == 2, f"dark and light do not differ: {colours}")
    # The page itself, with its policy: nothing to complain of.
    result = dom(browser, scratch, scratch / "report.html")
    check(":CONSOLE" not in result.stderr, f"the console says {result.stderr[-500:]}")


def has_matplotlib(python):
    try:
        asked = "import sys, matplotlib; sys.exit(matplotlib.__version_info__ < (3, 8))"
        return subprocess.run([python, "-c", asked], capture_output=True).returncode == 0
    except OSError:
        return False


def main():
    programs, scratch = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    candidates = [*sys.argv[3:], ROOT / ".venv-report" / "bin" / "python3", sys.executable, "python3"]
    python = next((candidate for candidate in candidates if has_matplotlib(candidate)), None)
    if python is None:
        print("skipped: no python3 here has matplotlib 3.8; ./labs report installs it")
        sys.exit(SKIPPED)
    text = make_page(programs, python, scratch)
    lab1, lab2 = (json.loads((scratch / f"{lab}.json").read_text(encoding="utf-8")) for lab in ("lab1", "lab2"))
    pictures = check_page(text, lab1, lab2)
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        print("skipped: the page is whole, but no Chromium is here to show it")
        sys.exit(SKIPPED)
    check_shown(browser, scratch, text, pictures)
    print(f"{pictures} pictures, in two widths, light and dark")


if __name__ == "__main__":
    main()
