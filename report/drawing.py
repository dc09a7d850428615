"""From a matplotlib figure to SVG that stands inside the page: text stays text, and colours are the page's own.

Matplotlib is given stand-in colours, which become CSS variables, so that one picture suits light and dark and paper.
"""

import html
import io
import re

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

# Stand-in colour -> what the page's CSS says. The series are Okabe and Ito's, distinct for the colour-blind too.
BLACK, WHITE = "#000001", "#ffffff"  # on heat maps, whose colours are the same in every mode
INK, FAINT, GRID, PAPER = "#010203", "#010204", "#010205", "#010206"
SERIES = ["#01020a", "#01020b", "#01020c", "#01020d", "#01020e", "#01020f"]
REPORTED = SERIES[1]
VARIABLES = {INK: "--ink", FAINT: "--faint", GRID: "--grid", PAPER: "--paper"}
VARIABLES |= {colour: f"--series-{i + 1}" for i, colour in enumerate(SERIES)}
MARKERS = ["o", "s", "^", "D", "v", "P"]
DASHES = ["-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (8, 3)), (0, (3, 1, 1, 1, 1, 1))]

plt.rcdefaults()  # not the user's own, so that the same JSON gives the same page everywhere
plt.rcParams.update({
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that the layout is the same everywhere
    # On a phone a picture is 360 pixels wide, and 5 inches are 360 points: a point is a pixel.
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "legend.fontsize": 10,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "image.interpolation": "none",
    "image.cmap": "cividis",
})


def axes(width=5.0, height=3.3):
    """A figure's axes, in inches that suit a phone's width without zooming."""
    figure, ax = plt.subplots(figsize=(width, height), layout="constrained")
    return figure, ax


def logarithmic(axis, narrow=False):
    """Ticks of a logarithmic axis as plain numbers: at powers of ten, and at 2 and 5 where it spans little."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def legend_above(figure, ax, columns, **options):
    """The legend above the axes, where it hides nothing."""
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=columns, columnspacing=1, **options)


class Pictures:
    """Makes SVGs whose ids do not meet in one page."""

    def __init__(self):
        self.count = 0

    def svg(self, figure, alt):
        """The figure as an <svg> element; `alt` describes it, for readers who do not see it."""
        self.count += 1
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg")
        plt.close(figure)
        return embedded(buffer.getvalue(), f"picture-{self.count}", alt)


def embedded(text, name, alt):
    """An SVG file's text as an element of an HTML page."""
    text = text[text.index("<svg"):]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", text, count=1, flags=re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    text = re.sub(r"'?DejaVu Sans'?(, *'?[\w ]+'?)*", "var(--sans)", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    box = re.search(r'viewBox="([^"]*)"', text).group(1)
    opening = (f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{box}" role="img" '
               f'aria-labelledby="{name}-title"><title id="{name}-title">{html.escape(alt, quote=False)}</title>')
    text = re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1, flags=re.S)
    return re.sub(r"\n\s*", "\n", text).strip()
