"""The curves of ./labs bench: squared error over seconds, every method with all its settings."""

import csv
import math
import re

import drawing
import page
from drawing import DASHES, MARKERS, SERIES
from numbers_shown import number

NAMES = {"stand-in": "stand-in ratings (made up)", "ml-100k": "MovieLens 100k"}
NUMBERS = ("seconds", "setup_seconds", "sse")


def latest(folder):
    """The newest file of curves of each machine. They are named <date>-<machine>-curves.csv."""
    newest = {path.name[len("2000-01-01-"):]: path for path in sorted(folder.glob("????-??-??-*-curves.csv"))}
    return sorted(newest.values(), reverse=True)


def read(path):
    """{data: {method: {setting: [point]}}} of the CSV's rows, in the file's order, as far as the numbers are finite."""
    curves = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            point = {key: float(row[key]) for key in NUMBERS}
            settings = curves.setdefault(row["data"], {}).setdefault(row["method"], {})
            if all(map(math.isfinite, point.values())):
                settings.setdefault(row["setting"], []).append(point)
    return curves


def machine_of(path):
    """What the table that was written beside the curves says of the machine, or nothing."""
    table = path.with_name(path.name.replace("-curves.csv", ".md"))
    said = re.search(r"^- machine: (.*)$", table.read_text(encoding="utf-8"), re.M) if table.exists() else None
    return said.group(1).partition(";")[0] if said else ""


def lowest(points):
    return min(point["sse"] for point in points)


def best_setting(settings):
    """The setting that comes to the lowest error."""
    return min(settings, key=lambda name: lowest(settings[name]))


def seconds_of(point, with_setup):
    return point["seconds"] + with_setup * point["setup_seconds"]


def look(i):
    """Colour, dash and marker of the i-th method."""
    turn = i // len(SERIES)
    return SERIES[i % len(SERIES)], DASHES[(i + turn) % len(DASHES)], MARKERS[(i + 2 * turn) % len(MARKERS)]


def picture(methods, everywhere, with_setup):
    """A method has one look everywhere: its best setting drawn strong, the others faint. The others' set-up was not
    measured everywhere."""
    figure, ax = drawing.axes(5.0, 4.8)
    bottom = min(lowest(points) for settings in methods.values() for points in settings.values())
    for method, settings in methods.items():
        colour, dash, marker = look(everywhere.index(method))
        for name, points in settings.items():
            best = name == best_setting(settings)
            if with_setup and not best:
                continue
            ax.plot([seconds_of(point, with_setup) for point in points], [point["sse"] for point in points],
                    color=colour, ls=dash, lw=2.2 if best else 0.7, alpha=1 if best else 0.35, zorder=3 if best else 2,
                    marker=marker if best else None, ms=5, markevery=0.12, label=method if best else None)
    drawing.logarithmic(ax.xaxis)
    ax.set(ylim=(0.97 * bottom, 2 * bottom), ylabel="sum of squared errors, training ratings",
           xlabel="seconds, set-up included" if with_setup else "seconds of training, without the set-up")
    ax.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
    drawing.legend_above(figure, ax, columns=1)
    return figure


def race(methods, with_setup):
    """The lowest error that every method's strong line reaches, and {method: seconds} that they need for it."""
    lines = {method: settings[best_setting(settings)] for method, settings in methods.items()}
    goal = max(map(lowest, lines.values()))
    return goal, {method: min(seconds_of(point, with_setup) for point in points if point["sse"] <= goal)
                  for method, points in lines.items()}


def figure(name, methods, everywhere, with_setup, draw):
    what = "with" if with_setup else "without"
    goal, seconds = race(methods, with_setup)
    first, last = (f"“{method}” after {number(seconds[method], 3)} s"
                   for method in (min(seconds, key=seconds.get), max(seconds, key=seconds.get)))
    faint = "" if with_setup else " Faint lines are a method's other settings."
    caption = (f"{name[0].upper()}{name[1:]}, {what} each method's set-up. First at {goal:,.0f}, which every strong "
               f"line reaches, is {first}, last {last}.{faint} The axis of seconds is logarithmic.")
    times = "; ".join(f"{method} {number(of, 3)} s" for method, of in seconds.items())
    alt = f"Lines of squared error over seconds on {name}, {what} set-up. Seconds to {goal:,.0f}: {times}."
    return page.figure(draw.svg(picture(methods, everywhere, with_setup), alt), caption)


def table(methods):
    goal, alone = race(methods, with_setup=False)
    _, together = race(methods, with_setup=True)
    rows = []
    for method, settings in methods.items():
        best = best_setting(settings)
        rows.append([method, best, f"{lowest(settings[best]):,.0f}", number(alone[method], 3),
                     number(together[method], 3)])
    head = ["method", "its setting", "lowest squared error", f"seconds to {goal:,.0f}", "set-up included"]
    return page.table("The strong lines", head, rows)


def section(paths, draw):
    return "\n".join(part for path in paths for part in of_machine(path, draw))


def of_machine(path, draw):
    curves = {data: {method: settings for method, settings in methods.items() if settings}
              for data, methods in read(path).items()}
    everywhere = list(dict.fromkeys(method for methods in curves.values() for method in methods))
    machine = machine_of(path)
    parts = [page.paragraph(
        f"As measured by the benchmark{' on ' + machine if machine else ''}, and kept in "
        f"`benchmarks/results/{path.name}`. Strong lines are each method's setting with the lowest error; what leaves "
        "a picture at the top diverged or is slow.")]
    for data, methods in curves.items():
        if not methods:
            continue
        name = NAMES.get(data, data)
        parts += [page.heading(f"Squared error over seconds, {name}"),
                  page.pictures([figure(name, methods, everywhere, with_setup, draw) for with_setup in (False, True)]),
                  table(methods)]
    return parts
