"""The pictures of lab 2: the norm variant's saddle, the projections, and the MLP."""

import collections

import drawing
from drawing import DASHES, FAINT, INK, MARKERS, PAPER, REPORTED, SERIES


def saddle(lab, early, reported):
    """The norm variant's loss over the epochs, from several seeds, between the best norms of rank 1 and of rank 2.
    `early`: the epoch that the reported norm is of."""
    norm = lab["gd_factorise_ad"]["norm"]
    figure, ax = drawing.axes(5.0, 3.8)
    curves = lab["pictures"]["norm_curves"]
    for curve in curves:
        ours = curve["seed"] == lab["seed"]
        ax.plot(curve["epochs"], curve["norms"], color=SERIES[0] if ours else FAINT, lw=2.4 if ours else 0.9,
                zorder=3 if ours else 2, label=f"seed {curve['seed']}" if ours else None)
    if len(curves) > 1:
        ax.plot([], [], color=FAINT, lw=0.9, label="other seeds")
    ax.axhline(norm["rank1_norm"], color=SERIES[2], ls=DASHES[2], lw=1.8, label="best of rank 1")
    ax.axhline(norm["svd_norm"], color=REPORTED, ls=DASHES[1], lw=1.8, label="best of rank 2")
    if reported is not None and early:
        ax.plot([early], [reported], color=INK, marker=MARKERS[3], mfc=PAPER, ms=8, ls="none", zorder=5,
                label=f"reported, {early:,} epochs")
    low, high = norm["svd_norm"], norm["rank1_norm"]
    ax.set(xlabel="epochs", ylabel="norm, ‖A − U Vᵀ‖ (cm)", ylim=(low - 0.2 * (high - low), high + 0.6 * (high - low)))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    drawing.legend_above(figure, ax, columns=2)
    return figure


def scatter(points, species, title, overlay=None):
    """Two columns, a point for each flower, its class by colour and shape; `overlay`: other points on the same axes."""
    figure, ax = drawing.axes(4.4, 4.0)
    for i, name in enumerate(dict.fromkeys(species)):
        chosen = [point for point, of in zip(points, species) if of == name]
        ax.scatter(*zip(*chosen), s=20, marker=MARKERS[i], facecolor=SERIES[i] if overlay is None else "none",
                   edgecolor=SERIES[i], linewidth=0.8, alpha=0.85, label=name.removeprefix("Iris-"))
    if overlay is not None:
        ax.scatter(*zip(*overlay), s=9, marker="x", color=INK, linewidth=0.7, label="the SVD's U, mapped")
    ax.set(xlabel="column 1 of " + title, ylabel="column 2 of " + title)
    drawing.legend_above(figure, ax, columns=3 if overlay is None else 2, handletextpad=0.2)
    return figure


def mlp_loss(mlp, seed):
    """Cross-entropy over the epochs: this seed's run in the band over the seeds."""
    losses = mlp["losses"]
    epochs = range(1, len(losses["median"]) + 1)
    figure, ax = drawing.axes(4.4, 3.3)
    ax.fill_between(epochs, losses["low"], losses["high"], color=SERIES[0], alpha=0.25, lw=0,
                    label="5 % to 95 % of the seeds")
    ax.plot(epochs, losses["median"], color=SERIES[0], lw=2, label="median")
    if losses["ours"]:
        ax.plot(range(1, len(losses["ours"]) + 1), losses["ours"], color=INK, lw=1, ls=DASHES[1], label=f"seed {seed}")
    drawing.logarithmic(ax.yaxis, narrow=True)
    ax.set(xlabel="epoch", ylabel="cross-entropy (nats)")
    drawing.legend_above(figure, ax, columns=2)
    return figure


def accuracies(mlps, key):
    """Accuracies of every setting, a dot for each seed, and the settings' medians."""
    figure, ax = drawing.axes(5.0, 4.0)
    counted = [collections.Counter(mlp["pictures"][key + "_accuracies"]) for mlp in mlps]
    most = max((n for counts in counted for n in counts.values()), default=1)
    labels = {"seeds": "seeds, by number", "median": "median", "reported": "reported"}
    for row, (mlp, counts) in enumerate(zip(mlps, counted)):
        ax.scatter([100 * share for share in counts], [row] * len(counts), s=[110 * n / most for n in counts.values()],
                   color=SERIES[0], alpha=0.6, lw=0, label=labels.pop("seeds", None))
        median = mlp[key + "_accuracy"]["median"]
        if median is not None:
            ax.plot([100 * median] * 2, [row - 0.32, row + 0.32], color=INK, lw=2, label=labels.pop("median", None))
        for share in mlp["reported_" + key]:
            ax.plot([100 * share], [row], color=REPORTED, marker=MARKERS[3], ms=8, mfc=PAPER, mew=1.6, ls="none",
                    label=labels.pop("reported", None))
    names = [f"{mlp['name']},\nlr {mlp['lr']:g}".replace(", ", ",\n") for mlp in mlps]
    ax.set(yticks=range(len(mlps)), yticklabels=names, ylim=(len(mlps) - 0.5, -0.5), xlabel="accuracy, %",
           ylabel="biases and lr")
    drawing.legend_above(figure, ax, columns=3)
    return figure
