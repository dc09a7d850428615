"""Makes the page of ./labs report from what the programs wrote: lab1 --json, lab2 --json, and the benchmark's CSV.

Nothing is computed here that a program computes; what is shown is read.
"""

import argparse
import json
import pathlib

import benchmark_curves
import drawing
import lab1_answers
import lab2_answers
import page


def introduction(lab1, lab2):
    made_up = lab1["gd_factorise_masked"]["ratings"]["source"] == "stand-in"
    text = (f"Two exercise sheets, run by `lab1` (seed {lab1['seed']}, {lab1['runs']} seeds in the "
            f"comparison, {lab1['device']}) and `lab2` (seed {lab2['seed']}, {lab2['runs']} seeds, "
            f"{lab2['device']}). Every figure on this page was read from the programs' JSON and the benchmark's CSV.")
    parts = [page.paragraph(text)]
    rows = [row for lab in (lab1, lab2) for row in lab["comparison"] if row["within"] is not None]
    met = sum(row["within"] for row in rows)
    parts.append(page.answer(f"{met} of the reports' {len(rows)} figures agree with the programs: they lie within the "
                             "band over the seeds, or equal ours where no seed is drawn."))
    if made_up:
        parts.append(page.note("Exercise 4.1 of lab 1 ran on made-up ratings, as the course's file was not at hand."))
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lab1", type=pathlib.Path, help="what lab1 --json wrote")
    parser.add_argument("lab2", type=pathlib.Path, help="what lab2 --json wrote")
    parser.add_argument("output", type=pathlib.Path, help="the page to write")
    parser.add_argument("--curves", type=pathlib.Path, help="the curves that ./labs bench wrote, CSV")
    arguments = parser.parse_args()
    lab1, lab2 = (json.loads(path.read_text(encoding="utf-8")) for path in (arguments.lab1, arguments.lab2))
    draw = drawing.Pictures()
    sections = [("lab1", "Lab 1: matrix factorisation and completion", lab1_answers.section(lab1, draw)),
                ("lab2", "Lab 2: factorisation and an MLP by autograd", lab2_answers.section(lab2, draw))]
    if arguments.curves:
        sections.append(("benchmark", "Benchmark: error over time", benchmark_curves.section(arguments.curves, draw)))
    text = page.page("Matrix factorisation: two labs, answered", introduction(lab1, lab2), sections)
    # Whole or not at all.
    unfinished = arguments.output.with_name(arguments.output.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(arguments.output)


if __name__ == "__main__":
    main()
