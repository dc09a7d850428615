"""The pictures of lab 2: the norm variant's saddle, the projections, and the MLP."""

import drawing
from drawing import DASHES, FAINT, INK, MARKERS, PAPER, REPORTED, SERIES


def saddle(lab, early, reported):
    """The norm variant's loss over the epochs, from several seeds, between the best norms of rank 1 and of rank 2.
    `early`: the epoch that the reported norm is of."""
    norm = lab["gd_factorise_ad"]["norm"]
    figure, ax = drawing.axes()
    for curve in lab["pictures"]["norm_curves"]:
        ours = curve["seed"] == lab["seed"]
        ax.plot(curve["epochs"], curve["norms"], color=SERIES[0] if ours else FAINT, lw=2.4 if ours else 0.9,
                zorder=3 if ours else 2, label=f"seed {curve['seed']}" if ours else None)
    ax.plot([], [], color=FAINT, lw=0.9, label="other seeds")
    ax.axhline(norm["rank1_norm"], color=SERIES[2], ls=DASHES[2], lw=1.8, label="best rank 1: the saddle")
    ax.axhline(norm["svd_norm"], color=REPORTED, ls=DASHES[1], lw=1.8, label="best rank 2: the SVD")
    if reported is not None and early:
        ax.plot([early], [reported], color=INK, marker=MARKERS[3], mfc=PAPER, ms=8, ls="none", zorder=5,
                label=f"reported, {early:,} epochs")
    low, high = norm["svd_norm"], norm["rank1_norm"]
    ax.set(xlabel="epochs", ylabel="norm, ‖A − U Vᵀ‖ (cm)", ylim=(low - 0.2 * (high - low), high + 0.9 * (high - low)))
    ax.legend(loc="upper right")
    return figure


def scatter(points, species, title, overlay=None):
    """Two columns, a point for each flower, its class by colour and shape; `overlay`: other points on the same axes."""
    figure, ax = drawing.axes(4.2, 3.6)
    for i, name in enumerate(dict.fromkeys(species)):
        chosen = [point for point, of in zip(points, species) if of == name]
        ax.scatter(*zip(*chosen), s=20, marker=MARKERS[i], facecolor=SERIES[i] if overlay is None else "none",
                   edgecolor=SERIES[i], linewidth=0.8, alpha=0.85, label=name.removeprefix("Iris-"))
    if overlay is not None:
        ax.scatter(*zip(*overlay), s=9, marker="x", color=INK, linewidth=0.7, label="the SVD's U, mapped")
    ax.set(xlabel="column 1 of " + title, ylabel="column 2 of " + title)
    ax.margins(y=0.12)
    ax.legend(loc="best", handletextpad=0.2)
    return figure


def mlp_loss(mlp):
    """Cross-entropy over the epochs: this seed's run in the band over the seeds."""
    losses = mlp["losses"]
    epochs = range(1, len(losses["median"]) + 1)
    figure, ax = drawing.axes(4.2, 3.0)
    ax.fill_between(epochs, losses["low"], losses["high"], color=SERIES[0], alpha=0.25, lw=0,
                    label="5 % to 95 % of the seeds")
    ax.plot(epochs, losses["median"], color=SERIES[0], lw=2, label="median")
    if losses["ours"]:
        ax.plot(range(1, len(losses["ours"]) + 1), losses["ours"], color=INK, lw=1, ls=DASHES[1], label="this seed")
    drawing.logarithmic(ax.yaxis, narrow=True)
    ax.set(xlabel="epoch", ylabel="cross-entropy (nats)")
    ax.legend(loc="upper right")
    return figure


def accuracies(mlps, key):
    """Accuracies of every setting, a dot for each seed, and the settings' medians."""
    figure, ax = drawing.axes(5.0, 3.6)
    for row, mlp in enumerate(mlps):
        counts = {}
        for share in mlp["pictures"][key + "_accuracies"]:
            counts[share] = counts.get(share, 0) + 1
        most = max(counts.values(), default=1)
        ax.scatter([100 * share for share in counts], [row] * len(counts), s=[90 * n / most for n in counts.values()],
                   color=SERIES[0], alpha=0.6, lw=0, label="seeds, by number" if row == 0 else None)
        median = mlp[key + "_accuracy"]["median"]
        if median is not None:
            ax.plot([100 * median] * 2, [row - 0.32, row + 0.32], color=INK, lw=2, label="median" if row == 0 else None)
        for share in mlp["reported_" + key]:
            ax.plot([100 * share], [row], color=REPORTED, marker=MARKERS[3], ms=8, mfc=PAPER, mew=1.6, ls="none",
                    label="reported" if not ax.get_legend_handles_labels()[1].count("reported") else None)
    names = [f"{mlp['name']},\nlr {mlp['lr']:g}" for mlp in mlps]
    ax.set(yticks=range(len(mlps)), yticklabels=names, ylim=(len(mlps) - 0.5, -1.3), xlabel="accuracy, %")
    ax.legend(loc="upper left", ncols=3, columnspacing=1, handletextpad=0.3)
    return figure
