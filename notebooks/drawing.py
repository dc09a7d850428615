"""The notebooks' pictures: a look that the colour-blind can read, and show(), which also saves each under its name."""

import base64
import io
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.display import display
from PIL import Image

# Okabe and Ito's colours. Where two of them meet, shape or dash tells them apart as well.
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#8a8a8a"

SHARP = 1.6  # pixels for each that a picture is wide in the notebook

plt.rcParams.update({
    "font.family": "DejaVu Sans",  # comes with matplotlib
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
    "svg.hashsalt": "labs",  # the same file from every run
})


def show(figure, name, alt):
    """Displays a figure, and saves it as pictures/NAME.svg; `alt` describes it, for readers who do not see it."""
    Path("pictures").mkdir(exist_ok=True)
    figure.savefig(Path("pictures", name + ".svg"), metadata={"Date": None, "Description": alt})
    drawn, png = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=SHARP * figure.dpi)
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(128).save(png, format="png", optimize=True)  # a third of the bytes
    width, height = (round(inches * figure.dpi) for inches in figure.get_size_inches())
    data = {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": alt}
    display(data, metadata={"image/png": {"alt": alt, "width": width, "height": height}}, raw=True)
