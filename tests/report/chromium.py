"""What headless Chromium makes of the page, in a frame as wide as a screen."""

import json
import re
import shutil
import subprocess

from page_reader import check

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Put into a copy of the page: what the browser made of it, said to the page around it.
PROBE = """<script>
const meets = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5 &&
                        Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1.5;
const read = svg => {
  const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
  const texts = [...svg.querySelectorAll("text")].map(text => {
    const rect = text.getBoundingClientRect();
    // Glyphs fill less than their line: from a quarter below its top to a fifth above its bottom.
    const lying = rect.width >= rect.height;
    return {said: text.textContent, size: parseFloat(getComputedStyle(text).fontSize) * scale,
            left: rect.left + (lying ? 0 : rect.width / 4), right: rect.right - (lying ? 0 : rect.width / 5),
            top: rect.top + (lying ? rect.height / 4 : 0), bottom: rect.bottom - (lying ? rect.height / 5 : 0)};
  });
  const faults = [];
  texts.forEach((a, i) => {
    if (a.left < box.left - 1 || a.right > box.right + 1 || a.top < box.top - 1 || a.bottom > box.bottom + 1)
      faults.push("cut off: " + a.said);
    texts.slice(i + 1).filter(b => meets(a, b)).forEach(b => faults.push(a.said + " on " + b.said));
  });
  return {width: box.width, height: box.height, smallest: Math.min(...texts.map(text => text.size)), faults};
};
addEventListener("load", () => {
  const pictures = [...document.querySelectorAll("figure svg")].map(read);
  const page = getComputedStyle(document.documentElement);
  parent.postMessage({pictures: pictures.length, narrowest: Math.min(...pictures.map(of => of.width)),
    lowest: Math.min(...pictures.map(of => of.height)), smallest: Math.min(...pictures.map(of => of.smallest)),
    faults: pictures.flatMap(of => of.faults), width: innerWidth,
    overflow: document.documentElement.scrollWidth - innerWidth, colours: page.color + page.backgroundColor}, "*");
});
</script>"""
FRAME = """<!DOCTYPE html><title>waiting</title><body><iframe src="probe.html" style="border:0;width:{}px;height:900px">
</iframe><script>addEventListener("message", e => {{
  const seen = document.createElement("pre");
  seen.textContent = "SEEN" + JSON.stringify(e.data) + "END";
  document.body.replaceChildren(seen);
}})</script></body>"""


def find():
    """The first Chromium that starts: on some systems a name is there that only says how to install it."""
    for name in filter(None, map(shutil.which, NAMES)):
        if subprocess.run([name, "--version"], capture_output=True).returncode == 0:
            return name
    return None


class Chromium:
    def __init__(self, program, scratch):
        self.program, self.scratch = program, scratch

    def show(self, page, *options):
        """(the page as it is after loading, what the console said)"""
        # Without its sandbox it starts for root too; the page has no script.
        command = [self.program, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
                   f"--user-data-dir={self.scratch / 'profile'}", *options, "--dump-dom", page.as_uri()]
        result = subprocess.run(command, capture_output=True, text=True, timeout=240)
        check(result.returncode == 0, f"Chromium ended with {result.returncode}: {result.stderr[-500:]}")
        check("</html>" in result.stdout, f"Chromium showed nothing: {result.stderr[-500:]}")
        return result.stdout, [line for line in result.stderr.splitlines() if ":CONSOLE" in line]

    def probe(self, text, width, dark):
        """What is seen in a frame of this width."""
        # The page's policy forbids scripts, and with them the probe.
        page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
        (self.scratch / "probe.html").write_text(page.replace("</body>", PROBE + "</body>"), encoding="utf-8")
        (self.scratch / "frame.html").write_text(FRAME.format(width), encoding="utf-8")
        mode = ["--blink-settings=preferredColorScheme=0"] if dark else []
        dom, said = self.show(self.scratch / "frame.html", "--window-size=1400,1000", "--virtual-time-budget=20000",
                              *mode)
        check(not said, f"the console says {said[:3]}")
        seen = re.search(r"SEEN(.*?)END", dom)
        check(seen, f"the page was not loaded in {width} pixels")
        return json.loads(seen.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))

    def check_width(self, text, pictures, width, dark=False):
        """Raises a Fault where something is wrong; else the page's two colours."""
        seen = self.probe(text, width, dark)
        where = f"at {width} pixels, {'dark' if dark else 'light'}: {seen}"
        check(seen["width"] == width, f"the frame is not as wide as asked {where}")
        check(seen["pictures"] == pictures, f"pictures are missing {where}")
        check(seen["narrowest"] > 150 and seen["lowest"] > 100, f"a picture has no size {where}")
        check(seen["overflow"] <= 0, f"the page is wider than its window {where}")
        check(seen["smallest"] >= 9.5, f"a picture's text is too small to read {where}")
        check(not seen["faults"], f"a picture's text is hidden {where}")
        return seen["colours"]

    def check_page(self, path, pictures):
        text = path.read_text(encoding="utf-8")
        colours = {self.check_width(text, pictures, width, dark) for width in (390, 1280) for dark in (False, True)}
        check(len(colours) == 2, f"dark and light do not differ: {colours}")
        # The page itself, with its policy: nothing to complain of.
        _, said = self.show(path)
        check(not said, f"the console says {said[:3]}")
