"""Lab 1's exercises in the sheet's order, each with its answer and its pictures."""

import comparison
import lab1_pictures
import page
import ratings_answer
from numbers_shown import fixed, listed, number


def section(lab, draw):
    parts = [factorise(lab, draw), svd(lab), complete(lab, draw), ratings_answer.rate(lab, draw)]
    return "\n".join([*parts, comparison.section(lab, draw)])


def factorise(lab, draw):
    run, floor = lab["sgd_factorise"], lab["truncated_svd"]["loss"]
    parts = [page.heading("1.1, 1.2: sgd_factorise, and its error"),
             page.paragraph("Rank 2, one entry at a time, row by row: `U[r] += lr e V[c]`, then `V[c] += lr e U[r]`.")]
    if run["loss"] is None:
        parts.append(page.answer(f"The run diverged at seed {lab['seed']}."))
    else:
        parts += [page.answer(f"The squared loss ‖A − U Vᵀ‖² is {number(run['loss'])} at seed {lab['seed']}."),
                  page.matrices([("U", run["U"]), ("V", run["V"])])]
    curves = lab["pictures"]["sgd_curves"]
    alt = (f"Lines of squared loss over epochs on logarithmic axes, one for each of {len(curves)} seeds, beside a "
           f"dashed line at {number(floor, 5)}, the truncated SVD's loss.")
    picture = draw.svg(lab1_pictures.sgd_loss(lab, floor), alt)
    return "\n".join([*parts, page.pictures([page.figure(picture, curves_caption(curves, floor))])])


def curves_caption(curves, floor):
    """What the seeds' curves come to, and where that lies against the SVD's loss."""
    last = max((curve["epochs"][-1] for curve in curves if curve["epochs"]), default=0)
    whole = [curve["losses"] for curve in curves if curve["epochs"] and curve["epochs"][-1] == last]
    said = f"SGD on the sheet's 3 x 3 matrix from {len(curves)} seeds."
    if len(whole) < len(curves):
        said += f" {len(curves) - len(whole)} of them diverged, and their lines end there."
    if not whole:
        return said
    starts, ends = [losses[0] for losses in whole], [losses[-1] for losses in whole]
    close, below = (sum(end < factor * floor for end in ends) for factor in (1.01, 1 - 1e-6))
    return (f"{said} The losses lie between {number(min(starts), 3)} and {number(max(starts), 3)} after the first "
            f"epoch, between {number(min(ends), 5)} and {number(max(ends), 5)} after {last:,}; {close} of {len(whole)} "
            f"end within 1 % of the SVD's {number(floor, 5)}, {below or 'none'} below it.")


def svd(lab):
    floor, loss = lab["truncated_svd"]["loss"], lab["sgd_factorise"]["loss"]
    said = f"With the last singular value set to zero the squared loss is {number(floor)}."
    if loss is not None:
        side = "above" if loss >= floor else "below"
        said += f" Descent's {number(loss)} lies {number(abs(loss - floor), 2)} {side}."
    return "\n".join([
        page.heading("2.1: truncated SVD"),
        page.answer(f"{said} No rank-2 matrix is nearer to A in the Frobenius norm (Eckart and Young), so descent can "
                    "only come close, from above."),
        page.matrices([("The reconstruction", lab["truncated_svd"]["reconstruction"])])])


def cells(observed, kept):
    """(row, column) of the entries that are kept, or that are missing."""
    return [(r, c) for r, row in enumerate(observed) for c, value in enumerate(row) if bool(value) == kept]


def complete(lab, draw):
    given, observed = lab["pictures"]["A"], lab["pictures"]["observed"]
    completed = lab["sgd_factorise_masked"]["completed"]
    missing = cells(observed, kept=False)
    names = listed([f"({r}, {c})" for r, c in missing])
    said = f"The run without the entries {names} diverged at seed {lab['seed']}."
    titled = [("A, as the sheet gives it", given)]
    if completed is not None:
        titled.append((f"Ours, seed {lab['seed']}", completed))
        met, off = (max(abs(given[r][c] - completed[r][c]) for r, c in cells(observed, kept)) for kept in (True, False))
        said = (f"Completed without the entries {names}, the squared loss against the whole A is "
                f"{number(lab['sgd_factorise_masked']['loss'])}. The entries that were given are reproduced to within "
                f"{number(met, 2)}, the missing ones to within {number(off, 2)}.")
    titled += [(f"Report {i + 1}", matrix) for i, matrix in enumerate(lab["pictures"]["completed_reported"])]
    limits = lab1_pictures.limits_of([matrix for _, matrix in titled])
    figures = []
    for title, matrix in titled:
        at = listed([fixed(matrix[r][c]) for r, c in missing])
        alt = f"Heat map of a 3 x 3 matrix, {title}: at the outlined missing entries {names} it has {at}."
        figures.append(page.figure(draw.svg(lab1_pictures.matrix(matrix, observed, limits, title), alt),
                                   f"{title}: {at} in the outlined cells."))
    return "\n".join([
        page.heading("3.1: sgd_factorise_masked: two entries missing"),
        page.answer(f"{said} At rank 2 a 3 x 3 matrix has 8 degrees of freedom and {sum(map(sum, observed))} entries "
                    "are given, so the seed decides what is missing."),
        page.pictures(figures, small=True)])
