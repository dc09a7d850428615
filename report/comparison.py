"""The reports' figures beside ours: the table that the programs print, and each figure's distribution over seeds."""

import re

from matplotlib.ticker import MaxNLocator

import drawing
import page
from drawing import DASHES, INK, PAPER, REPORTED, SERIES
from numbers_shown import beside, listed, number

BINS, FEW_LEVELS = 30, 40
HEAD = ["figure", "reported", "ours", "5 % to 95 %", "percentile", "diverged", "within"]


def section(lab, draw, unit_of=lambda name: ""):
    """The table, and a picture of each figure that a seed decides. unit_of: the unit of a figure by its name."""
    return "\n".join([page.heading("The reports' figures beside ours"), reading(), table(lab),
                      pictures(lab, draw, unit_of)])


def band(row):
    if row["percentile"] is None:
        return ""
    ends = [beside(row[end], row["reported"]) if row[end] is not None else "diverged" for end in ("low", "high")]
    return " to ".join(ends)


def table(lab):
    rows = []
    for row in lab["comparison"]:
        percentile = "" if row["percentile"] is None else f"{row['percentile']:.1f}"
        within = "" if row["within"] is None else ("yes", "yes") if row["within"] else ("no", "no")
        ours = "diverged" if row["ours"] is None else beside(row["ours"], row["reported"])
        rows.append([row["what"], number(row["reported"], 9), ours, band(row), percentile,
                     str(row["diverged"]) if row["diverged"] else "", within])
    return page.table(f"Over {lab['runs']} seeds from {lab['seed']}", HEAD, rows)


def reading():
    return page.paragraph(
        "Most reports give no seed, so their figures are set beside the distribution over many: the band from the 5th "
        "to the 95th percentile, and the percent of the seeds below it. “Within” says whether the figure lies in that "
        "band; where the seed is known or none is drawn, whether ours equals it to the digits printed (rounding noise: "
        "to a factor of ten); it is left open where our seeds are too few to judge by. "
        "Runs that diverged count as worse than every figure.")


def distributions(lab):
    """[(name, rows of the comparison, values)], rows of one distribution together."""
    rows = {row["what"]: row for row in lab["comparison"]}
    together = {}
    for of in lab["pictures"]["over_seeds"]:
        name = re.sub(r", report \d+$", "", of["what"])
        together.setdefault(name, ([], of["values"]))[0].append(rows[of["what"]])
    return [(name, *rest) for name, rest in together.items()]


def is_wide(values):
    """Whether they are drawn on a logarithmic axis."""
    return min(values) > 0 and max(values) > 10 * min(values)


def ends_of(rows, values):
    """Where a histogram begins and ends: as far as the values and what is marked lie; but few far ones, beyond the
    band by more than its width, do not squeeze all the others."""
    low, high = min(values), max(values)
    marked = [row[key] for row in rows for key in ("reported", "ours") if row[key] is not None]
    band_low, band_high = rows[0]["low"], rows[0]["high"]
    if not is_wide(values) and band_low is not None and band_high is not None:
        low, high = max(low, 2 * band_low - band_high), min(high, 2 * band_high - band_low)
    return min([low, *marked]), max([high, *marked])


def beyond(rows, values):
    """How many seeds lie beyond the picture's ends."""
    low, high = ends_of(rows, values)
    return sum(not low <= value <= high for value in values) if len(set(values)) > FEW_LEVELS else 0


def draw_bars(ax, rows, values):
    low, high = ends_of(rows, values)
    levels = sorted(set(values))
    if len(levels) <= FEW_LEVELS:  # accuracies: so many flowers of so many
        width = min((b - a for a, b in zip(levels, levels[1:])), default=0.01)
        ax.bar(levels, [values.count(level) for level in levels], width=0.85 * width, color=SERIES[0], alpha=0.8)
        return
    share = [i / BINS for i in range(BINS + 1)]
    if is_wide(values):
        drawing.logarithmic(ax.xaxis, narrow=high / low < 200)
        edges = [low * (high / low) ** i for i in share]
    else:
        edges = [low + (high - low) * i for i in share]
    # What lies beyond the ends counts in the outer bins.
    ax.hist([min(max(value, edges[0]), edges[-1]) for value in values], bins=edges, color=SERIES[0], alpha=0.8)


def histogram(rows, values, label):
    """How the seeds' figures are distributed, with the band, what the reports print, and ours."""
    figure, ax = drawing.axes(4.4, 3.4)
    draw_bars(ax, rows, values)
    if ax.get_xscale() == "linear":
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.ticklabel_format(axis="x", useOffset=False)
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    row = rows[0]
    if row["low"] is not None and row["high"] is not None:
        ax.axvspan(row["low"], row["high"], color=SERIES[0], alpha=0.15, lw=0, label="5 % to 95 %")
    for i, row in enumerate(rows):
        report = re.search(r"report \d+$", row["what"])
        ax.axvline(row["reported"], color=REPORTED, lw=2, ls=DASHES[(1 + i) % len(DASHES)],
                   label=f"{report.group() if report else 'reported'}: {number(row['reported'], 9)}")
    if row["ours"] is not None:
        ax.plot([row["ours"]], [0], color=INK, marker="^", mfc=PAPER, ms=9, ls="none", clip_on=False, zorder=5,
                label=f"ours: {beside(row['ours'], row['reported'])}")
    ax.set(xlabel=label, ylabel="seeds")
    drawing.legend_above(figure, ax, columns=2)
    return figure


def label_of(name, unit):
    """What the axis of a figure counts: its name without the exercise's number, and its unit."""
    if "MLP" in name:
        return f"accuracy on the {name.rpartition(' ')[2]} rows (share)"
    return re.sub(r"^\S+ ", "", name) + (f" ({unit})" if unit else "")


def caption_of(name, rows, values):
    marks = listed([f"{number(row['reported'], 9)} (percentile {row['percentile']:.1f})" for row in rows])
    lost, far = rows[0]["diverged"], beyond(rows, values)
    inside = [row["within"] for row in rows]
    where = (", not judged" if None in inside else ", inside the band" if all(inside) else
             ", outside the band" if not any(inside) else ", not all in the band")
    parts = [f"{name}: {len(values)} seeds; reported {marks}{where}."]
    if lost:
        parts.append(f"{lost} more diverged and {'is' if lost == 1 else 'are'} not drawn.")
    if far:
        parts.append(f"{far} beyond the picture's ends {'is' if far == 1 else 'are'} counted in the outer bars.")
    if is_wide(values):
        parts.append("The axis is logarithmic.")
    alt = (f"Histogram of {name} over {len(values)} seeds, from {number(min(values), 4)} to {number(max(values), 4)}, "
           f"with the reported value marked: {marks}.")
    return " ".join(parts), alt


def pictures(lab, draw, unit_of):
    figures = []
    for name, rows, values in distributions(lab):
        caption, alt = caption_of(name, rows, values)
        figures.append(page.figure(draw.svg(histogram(rows, values, label_of(name, unit_of(name))), alt), caption))
    return page.pictures(figures)
