"""Makes the page of ./labs report from what the programs wrote: lab1 --json, lab2 --json, and the benchmark's CSV.

Nothing is computed here that a program computes; what is shown is read.
"""

import argparse
import json
import pathlib
import sys

import benchmark_curves
import drawing
import lab1_answers
import lab2_answers
import page
import ratings_answer


class Unfit(Exception):
    """A sentence about input that no page can be made of."""


def introduction(lab1, lab2):
    text = (f"Two exercise sheets, run by `lab1` (seed {lab1['seed']}, {lab1['runs']} seeds in the "
            f"comparison, {lab1['device']}) and `lab2` (seed {lab2['seed']}, {lab2['runs']} seeds, "
            f"{lab2['device']}). Every figure on this page was read from the programs' JSON and the benchmark's CSV.")
    parts = [page.paragraph(text)]
    rows = [row for lab in (lab1, lab2) for row in lab["comparison"] if row["within"] is not None]
    met = sum(row["within"] for row in rows)
    parts.append(page.answer(f"{met} of the reports' {len(rows)} figures agree with the programs: they lie within the "
                             "band over the seeds, or equal ours to the digits printed where the seed is known or none "
                             "is drawn."))
    if ratings_answer.is_made_up(lab1):
        parts.append(page.note("Exercise 4.1 of lab 1 ran on made-up ratings, as the course's file was not at hand."))
    return "\n".join(parts)


def made_of(source, make, *arguments):
    """make(*arguments), where what does not suit is `source`'s fault."""
    try:
        return make(*arguments)
    except KeyError as error:
        raise Unfit(f"{source} lacks {error.args[0]!r}: it was not written by the programs of this version") from error
    except (IndexError, TypeError, ValueError) as error:
        raise Unfit(f"{source} is not as this version's programs write it: {error}") from error


def read(path):
    try:
        lab = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Unfit(f"{path} is not JSON: {error}") from error
    if not isinstance(lab, dict):
        raise Unfit(f"{path} holds no JSON object, as lab1 --json and lab2 --json write it")
    return lab


def text_of(arguments):
    lab1, lab2 = read(arguments.lab1), read(arguments.lab2)
    draw = drawing.Pictures()
    sections = [("lab1", "Lab 1: matrix factorisation and completion",
                 made_of(arguments.lab1, lab1_answers.section, lab1, draw)),
                ("lab2", "Lab 2: factorisation and an MLP by autograd",
                 made_of(arguments.lab2, lab2_answers.section, lab2, draw))]
    curves = benchmark_curves.latest(arguments.results) if arguments.results else []
    if curves:
        sections.append(("benchmark", "Benchmark: error over time",
                         made_of(arguments.results, benchmark_curves.section, curves, draw)))
    head = made_of(f"{arguments.lab1} or {arguments.lab2}", introduction, lab1, lab2)
    if not curves:
        head += page.note("No curves of the benchmark are here, and so none are drawn: ./labs bench measures them.")
    return page.page("Matrix factorisation: two labs, answered", head, sections)


def check_output(output):
    """Said before anything is drawn."""
    if output.exists() and not output.is_file():
        raise Unfit(f"{output} is not a file that can be replaced")
    if not output.absolute().parent.is_dir():
        raise Unfit(f"{output} cannot be written: there is no folder {output.parent}")


def write(text, output):
    """Whole or not at all."""
    unfinished = output.with_name(output.name + ".part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(output)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lab1", type=pathlib.Path, help="what lab1 --json wrote")
    parser.add_argument("lab2", type=pathlib.Path, help="what lab2 --json wrote")
    parser.add_argument("output", type=pathlib.Path, help="the page to write")
    parser.add_argument("--results", type=pathlib.Path, metavar="FOLDER", help="where the benchmark's CSV files are")
    arguments = parser.parse_args()
    try:
        check_output(arguments.output)
        write(text_of(arguments), arguments.output)
    except Unfit as error:
        sys.exit(f"report: {error}")
    except OSError as error:
        sys.exit(f"report: {error.filename or arguments.output} cannot be used: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
