"""Lab 1's exercises in the sheet's order, each with its answer and its pictures."""

import comparison
import lab1_pictures
import page
from comparison import number


def section(lab, draw):
    parts = [factorise(lab, draw), svd(lab), complete(lab, draw), rate(lab, draw)]
    parts += [page.heading("The reports' figures beside ours"), comparison.reading(), comparison.table(lab),
              comparison.pictures(lab, draw)]
    return "\n".join(parts)


def factorise(lab, draw):
    run, floor = lab["sgd_factorise"], lab["truncated_svd"]["loss"]
    curves = lab["pictures"]["sgd_curves"]
    said = (f"The squared loss ‖A − U Vᵀ‖² is {number(run['loss'])} after {curves[0]['epochs'][-1]} epochs at seed "
            f"{lab['seed']}." if run["loss"] is not None else f"The run diverged at seed {lab['seed']}.")
    ends = [curve["losses"][-1] for curve in curves if curve["losses"]]
    caption = (f"SGD on the sheet's 3 x 3 matrix from {len(curves)} seeds. The loss falls in steps with plateaus "
               f"between them, to {number(min(ends), 5)} at best and {number(max(ends), 5)} at worst; none falls below "
               f"the SVD's {number(floor, 5)}.")
    alt = (f"Lines of squared loss over epochs on logarithmic axes, one for each of {len(curves)} seeds, above a "
           f"dashed line at {number(floor, 5)}, the truncated SVD's loss.")
    picture = page.figure(draw.svg(lab1_pictures.sgd_loss(lab, floor), alt), caption)
    return "\n".join([
        page.heading("1.1, 1.2: sgd_factorise, and its error"),
        page.paragraph("Rank 2, one entry at a time, row by row: `U[r] += lr e V[c]`, then `V[c] += lr e U[r]`."),
        page.answer(said), page.pictures([picture])])


def svd(lab):
    floor, loss = lab["truncated_svd"]["loss"], lab["sgd_factorise"]["loss"]
    rows = lab["truncated_svd"]["reconstruction"]
    shown = "; ".join(", ".join(f"{value:.4f}".replace("-", "−") for value in row) for row in rows)
    said = f"With the last singular value set to zero the squared loss is {number(floor)}"
    if loss is not None:
        said += f", against {number(loss)} by descent"
    return "\n".join([
        page.heading("2.1: truncated SVD"),
        page.answer(said + ". No rank-2 matrix is nearer to A in the Frobenius norm (Eckart and Young), so descent can "
                           "only come close, from above."),
        page.paragraph(f"The reconstruction, row by row: {shown}.")])


def complete(lab, draw):
    given, observed = lab["pictures"]["A"], lab["pictures"]["observed"]
    run, reported = lab["sgd_factorise_masked"], lab["pictures"]["completed_reported"]
    missing = [(r, c) for r, row in enumerate(observed) for c, kept in enumerate(row) if not kept]
    names = " and ".join(f"({r}, {c})" for r, c in missing)
    titled = [("A, as the sheet gives it", given)]
    if run["completed"] is not None:
        titled.append((f"ours, seed {lab['seed']}", run["completed"]))
    titled += [(f"report {i + 1}", matrix) for i, matrix in enumerate(reported)]
    limits = lab1_pictures.limits_of([matrix for _, matrix in titled])
    figures = []
    for title, matrix in titled:
        at = ", ".join(f"{matrix[r][c]:.4f}".replace("-", "−") for r, c in missing)
        alt = f"Heat map of a 3 x 3 matrix, {title}: at the outlined missing entries {names} it has {at}."
        figures.append(page.figure(draw.svg(lab1_pictures.matrix(matrix, observed, limits, title), alt),
                                   f"{title}: {at} in the outlined cells."))
    said = (f"Completed without the entries {names}, the squared loss against the whole A is {number(run['loss'])}."
            if run["loss"] is not None else "The run diverged.")
    return "\n".join([
        page.heading("3.1: sgd_factorise_masked: two entries missing"),
        page.answer(said + " The entries that were given are met closely, the missing ones only in part: at rank 2 a "
                           f"3 x 3 matrix has 8 degrees of freedom and {sum(map(sum, observed))} entries are given, so "
                           "the seed decides what is missing."),
        page.pictures(figures, small=True)])


def rate(lab, draw):
    batch, exact = lab["gd_factorise_masked"], lab["sgd_ratings"]
    ratings = batch["ratings"]
    made_up = ratings["source"] == "stand-in"
    movies, users = ratings["shape"]
    parts = [page.heading("4.1: gd_factorise_masked on ratings")]
    if made_up:
        parts.append(page.note("The course's ratings.pt was not at hand: everything in 4.1 is of a stand-in, ratings "
                               "made up from a fixed seed. It answers nothing about real films."))
    tag = " (stand-in, made-up ratings)" if made_up else ""
    film = f"row {batch['row']} of the stand-in" if made_up else f"“{batch['movie']}”"
    parts.append(page.paragraph(f"{movies:,} movies x {users:,} users, {ratings['observed']:,} ratings{tag}; rank "
                                f"{batch['rank']}."))
    rows = []
    for name, run, settings in (
            ("full-batch descent", batch, f"{batch['epochs']} epochs, lr {batch['lr']:g}"),
            ("the exact algorithm", exact, f"{exact['epochs']} epochs, lr {exact['lr']:g}, weight decay "
                                           f"{exact['weight_decay']:g}, lr decay {exact['lr_decay']:g}")):
        diverged = run["sse"] is None
        rows.append([f"{name}: {settings}", "diverged" if diverged else f"{run['sse']:,.1f}",
                     "" if diverged else f"{run['rmse']:.4f}",
                     "" if run["prediction"] is None else f"{run['prediction']:.2f}",
                     "" if run["seconds"] is None else f"{run['seconds']:.3g}"])
    head = ["method", "sum of squared errors", "RMSE", f"user {batch['user'] + 1}, {film}", "seconds"]
    parts.append(page.table("Over the valid entries" + tag, head, rows))
    hold_out = exact["hold_out"]
    if batch["prediction"] is not None:
        parts.append(page.answer(f"The predicted rating of user {batch['user'] + 1} (column index {batch['user']}) for "
                                 f"{film} is {batch['prediction']:.2f}, the sum of squared errors over the valid "
                                 f"entries {batch['sse']:,.1f}{tag}."))
    if hold_out["rmse"] is not None:
        parts.append(page.paragraph(f"The exact algorithm, run without {100 * hold_out['share']:g} % of the ratings, "
                                    f"predicts those with an RMSE of {hold_out['rmse']:.4f}{tag}."))
    parts.append(page.pictures(rating_pictures(lab, draw, tag)))
    return "\n".join(parts)


def rating_pictures(lab, draw, tag):
    shares = [share for row in lab["pictures"]["rated_share"] for share in row]
    low, high = 100 * min(shares), 100 * max(shares)
    caption = (f"Where ratings are given, as the share of each block of cells: from {low:.0f} % (dark) to {high:.0f} % "
               f"(light){tag}.")
    alt = f"Heat map of movies by users: the share of the cells rated lies between {low:.0f} % and {high:.0f} %."
    figures = [page.figure(draw.svg(lab1_pictures.rated_share(lab), alt), caption)]
    for name, key in (("Full-batch descent", "gd_factorise_masked"), ("The exact algorithm", "sgd_ratings")):
        predictions = lab["pictures"]["predictions"][key]
        if not predictions or not predictions["given"]:
            continue
        ends = [predictions["given"][i] for i in (0, -1)]
        means = " and ".join(f"{of['mean']:.2f} where {of['rating']} was given" for of in ends)
        inward = ends[0]["mean"] > ends[0]["rating"] and ends[1]["mean"] < ends[1]["rating"]
        caption = (f"{name}: the predictions for each rating given{', drawn toward the middle' if inward else ''}: on "
                   f"average {means}{tag}.")
        alt = f"{name}: histograms of predicted ratings for each rating given, with their means: {means}."
        figures.append(page.figure(draw.svg(lab1_pictures.predicted_against_given(predictions), alt), caption))
    return figures
