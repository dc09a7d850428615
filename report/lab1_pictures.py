"""The pictures of lab 1: descent on the sheet's matrix, completed matrices, and the ratings."""

from matplotlib.patches import Rectangle

import drawing
from drawing import BLACK, DASHES, FAINT, INK, MARKERS, PAPER, REPORTED, SERIES, WHITE


def sgd_loss(lab, floor):
    """Loss of SGD over epochs, a line for each seed, above what the SVD reaches."""
    figure, ax = drawing.axes()
    curves = lab["pictures"]["sgd_curves"]
    for curve in curves:
        ours = curve["seed"] == lab["seed"]
        ax.plot(curve["epochs"], curve["losses"], color=SERIES[0] if ours else FAINT, lw=2.4 if ours else 0.8,
                zorder=3 if ours else 2, label=f"seed {curve['seed']}" if ours else None)
    if len(curves) > 1:
        ax.plot([], [], color=FAINT, lw=0.8, label="other seeds")
    ax.axhline(floor, color=REPORTED, lw=1.6, ls="--", label="truncated SVD", zorder=4)
    drawing.logarithmic(ax.xaxis)
    drawing.logarithmic(ax.yaxis, narrow=True)
    ax.set(xlabel="epochs", ylabel="squared loss, ‖A − U Vᵀ‖²")
    drawing.legend_above(figure, ax, columns=3)
    return figure


def matrix(values, observed, limits, title):
    """A 3 x 3 matrix as a heat map with its numbers, the missing cells outlined."""
    figure, ax = drawing.axes(3.2, 2.8)
    image = ax.imshow(values, vmin=limits[0], vmax=limits[1])
    for r, row in enumerate(values):
        for c, value in enumerate(row):
            dark = (value - limits[0]) / (limits[1] - limits[0]) < 0.48
            ax.text(c, r, f"{value:.4f}", ha="center", va="center", fontsize=10, color=WHITE if dark else BLACK)
            if not observed[r][c]:
                # A double line, so that it stands out from any cell's colour.
                for colour, width in ((BLACK, 5), (WHITE, 2.4)):
                    ax.add_patch(Rectangle((c - 0.45, r - 0.45), 0.9, 0.9, fill=False, ec=colour, lw=width))
    ax.set(xticks=range(3), yticks=range(3), xlabel="column", ylabel="row", title=title)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=ax, label="value", shrink=0.9)
    bar.outline.set_visible(False)
    return figure


def limits_of(matrices):
    values = [value for rows in matrices for row in rows for value in row]
    return min(values), max(values)


def ticks_to(size):
    return [round(size * i / 4) for i in range(5)]


def rated_share(lab):
    """Where in the matrix ratings are given."""
    ratings = lab["gd_factorise_masked"]["ratings"]
    movies, users = ratings["shape"]
    shares = [[100 * share for share in row] for row in lab["pictures"]["rated_share"]]
    figure, ax = drawing.axes()
    image = ax.imshow(shares, aspect="auto", extent=(0, users, movies, 0), vmin=0)
    ax.set(xlabel="user (column)", ylabel="movie (row)", xticks=ticks_to(users), yticks=ticks_to(movies))
    ax.grid(False)
    bar = figure.colorbar(image, ax=ax, label="share rated, %")
    bar.outline.set_visible(False)
    return figure


def predicted_against_given(predictions):
    """For each rating given, how the predictions for it are distributed: lying histograms, and their means."""
    edges, given = predictions["edges"], predictions["given"]
    highest = max(share for of in given for share in of["shares"])
    figure, ax = drawing.axes()
    for of in given:
        start = of["rating"] - 0.42
        widths = [start + 0.84 * share / highest for share in of["shares"]]
        ax.stairs(widths, edges, baseline=start, orientation="horizontal", fill=True, color=SERIES[0], alpha=0.75,
                  label="share of the predictions" if of is given[0] else None)
    ax.plot([of["rating"] for of in given], [of["mean"] for of in given], color=INK, lw=1.2, marker=MARKERS[0],
            mfc=PAPER, zorder=3, label="mean prediction")
    ends = (given[0]["rating"], given[-1]["rating"])
    ax.plot(ends, ends, color=REPORTED, ls=DASHES[1], lw=1.6, label="predicted = given")
    ax.set(xlabel="rating given", ylabel="rating predicted", xticks=[of["rating"] for of in given],
           ylim=(edges[0], edges[-1]))
    drawing.legend_above(figure, ax, columns=2)
    return figure
