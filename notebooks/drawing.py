"""The notebooks' pictures: a look that the colour-blind can read, and show(), which also saves each under its name."""

import io
import re
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.display import display

# Okabe and Ito's colours. Where two of them meet, shape or dash tells them apart as well.
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#8a8a8a"

plt.rcParams.update({
    "svg.fonttype": "none",  # text stays text
    "font.family": ["DejaVu Sans", "sans-serif"],
    "figure.dpi": 100,
    "figure.figsize": (6.4, 3.8),
    "figure.constrained_layout.use": True,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "image.cmap": "cividis",
})


def show(figure, name, alt):
    """Saves a figure as pictures/NAME.svg and displays it; `alt` says what it shows, for those who do not see it."""
    buffer = io.StringIO()
    # Nothing that changes from run to run; ids that do not meet those of another picture in one page.
    with plt.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    svg = buffer.getvalue()
    svg = re.sub(r"[ \t]+$", "", svg[svg.index("<svg"):], flags=re.MULTILINE)
    svg = svg.replace("<svg", f'<svg role="img" style="max-width: 100%; height: auto" aria-label="{escape(alt)}"', 1)
    Path("pictures").mkdir(exist_ok=True)
    Path("pictures", name + ".svg").write_text(svg, encoding="utf-8")
    display({"image/svg+xml": svg, "text/plain": alt}, raw=True)
