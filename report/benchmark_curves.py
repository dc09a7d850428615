"""The curves of ./labs bench: squared error over seconds, every method with all its settings."""

import csv

import drawing
import page
from comparison import number
from drawing import DASHES, MARKERS, SERIES

NAMES = {"stand-in": "stand-in ratings (made up)", "ml-100k": "MovieLens 100k"}


def read(path):
    """{data: {method: {setting: [row]}}} of the CSV's rows, in the file's order, the numbers as numbers."""
    curves = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            point = {key: float(row[key]) for key in ("seconds", "setup_seconds", "sse")}
            methods = curves.setdefault(row["data"], {})
            methods.setdefault(row["method"], {}).setdefault(row["setting"], []).append(point)
    return curves


def lowest(points):
    return min(point["sse"] for point in points)


def best_setting(settings):
    """The setting that comes to the lowest error."""
    return min(settings, key=lambda name: lowest(settings[name]))


def picture(methods, everywhere, with_setup):
    """A method has one colour, dash and marker: its best setting drawn strong, the others faint. The others' set-up was
    not measured everywhere."""
    figure, ax = drawing.axes(5.4, 4.4)
    bottom = min(lowest(points) for settings in methods.values() for points in settings.values())
    for method, settings in methods.items():
        i = everywhere.index(method)
        for name, points in settings.items():
            best = name == best_setting(settings)
            if with_setup and not best:
                continue
            seconds = [point["seconds"] + with_setup * point["setup_seconds"] for point in points]
            ax.plot(seconds, [point["sse"] for point in points], color=SERIES[i], ls=DASHES[i],
                    lw=2.2 if best else 0.7, alpha=1 if best else 0.35, zorder=3 if best else 2,
                    marker=MARKERS[i] if best else None, ms=5, markevery=0.12, label=method if best else None)
    drawing.logarithmic(ax.xaxis)
    ax.set(ylim=(0.97 * bottom, 2 * bottom), ylabel="sum of squared errors, training ratings",
           xlabel="seconds, set-up included" if with_setup else "seconds of training, without the set-up")
    ax.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=2, columnspacing=1)
    return figure


def section(path, draw):
    curves = read(path)
    everywhere = list(dict.fromkeys(method for methods in curves.values() for method in methods))
    parts = [page.paragraph(
        f"As `./labs bench` measured and wrote to `benchmarks/results/{path.name}`, on the machine that the table "
        "beside it names. Strong lines are each method's setting with the lowest error, faint ones all others; what "
        "leaves the picture at the top diverged or is slow. The axis of seconds is logarithmic.")]
    for data, methods in curves.items():
        name = NAMES.get(data, data)
        rows = [[method, best_setting(settings), f"{lowest(settings[best_setting(settings)]):,.0f}"]
                for method, settings in methods.items()]
        reached = "; ".join(f"{method} {error}" for method, _, error in rows)
        figures = []
        for with_setup, what in ((False, "without"), (True, "with")):
            starts = {method: settings[best_setting(settings)][0] for method, settings in methods.items()}
            first = {method: start["seconds"] + with_setup * start["setup_seconds"] for method, start in starts.items()}
            order = sorted(first, key=first.get)
            caption = (f"{name}, {what} each method's set-up. The strong lines begin earliest with {order[0]} "
                       f"({number(1000 * first[order[0]], 3)} ms) and latest with {order[-1]} "
                       f"({number(1000 * first[order[-1]], 3)} ms).")
            alt = (f"Lines of squared error over seconds on {name}, {what} set-up, for {len(methods)} methods. Lowest "
                   f"errors: {reached}.")
            figures.append(page.figure(draw.svg(picture(methods, everywhere, with_setup), alt), caption))
        parts += [page.heading(f"Squared error over seconds, {name}"), page.pictures(figures),
                  page.table("Lowest squared error", ["method", "its setting", "sum of squared errors"], rows)]
    return "\n".join(parts)
