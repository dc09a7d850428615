"""Lab 1's exercise 4.1, the ratings: by full-batch descent and by the exact algorithm. What is of made-up ratings is
said to be so wherever it stands."""

import lab1_pictures
import page
from numbers_shown import large, listed, number

ORIGINS = {"file": "read from a file", "download": "downloaded from the course",
           "stand-in": "a stand-in, made up from a fixed seed"}


def tag_of(lab):
    return " (stand-in, made-up ratings)" if is_made_up(lab) else ""


def is_made_up(lab):
    return lab["gd_factorise_masked"]["ratings"]["source"] == "stand-in"


def rate(lab, draw):
    batch, tag = lab["gd_factorise_masked"], tag_of(lab)
    movies, users = batch["ratings"]["shape"]
    observed, source = batch["ratings"]["observed"], batch["ratings"]["source"]
    parts = [page.heading("4.1: gd_factorise_masked on ratings")]
    if is_made_up(lab):
        parts.append(page.note("The course's ratings.pt was not at hand: everything in 4.1 is of a stand-in, ratings "
                               "made up from a fixed seed. It answers nothing about real films."))
    parts += [page.paragraph(f"The ratings: {ORIGINS.get(source, source)}; {movies:,} movies x {users:,} users, "
                             f"{observed:,} ratings, {100 * observed / (movies * users):.1f} % of the cells. Rank "
                             f"{batch['rank']}."),
              page.answer(answer(lab)), methods(lab), *beside_published(lab)]
    hold_out = lab["sgd_ratings"]["hold_out"]
    if hold_out["rmse"] is not None:
        parts.append(page.paragraph(f"The exact algorithm, run without {100 * hold_out['share']:g} % of the ratings, "
                                    f"predicts those with an RMSE of {large(hold_out['rmse'], 4)}{tag}."))
    return "\n".join([*parts, page.pictures([density(lab, draw), *predictions(lab, draw)])])


def film_of(lab):
    batch = lab["gd_factorise_masked"]
    if is_made_up(lab) and batch["row"] is not None:
        return f"row {batch['row']} of the stand-in"
    return f"“{batch['movie']}”"


def answer(lab):
    batch, tag = lab["gd_factorise_masked"], tag_of(lab)
    error = "" if batch["sse"] is None else f"the sum of squared errors over the valid entries is {large(batch['sse'])}"
    if batch["prediction"] is not None:
        return (f"The predicted rating of user {batch['user'] + 1} (column index {batch['user']}) for {film_of(lab)} "
                f"is {large(batch['prediction'], 2)}, {error}{tag}.")
    users = batch["ratings"]["shape"][1]
    if batch["row"] is None:
        why = f"no movie is titled “{batch['movie']}”"
    elif batch["user"] >= users:
        why = f"there is no user {batch['user']}, only 0 to {users - 1}"
    else:
        why = "descent diverged"
    return f"No prediction: {why}{'; ' if error else ''}{error}{tag}."


def beside_published(lab):
    """A few seeds' answers, where some are published to set beside them."""
    runs = lab["gd_factorise_masked"]["over_seeds"]
    if not runs:
        return []
    course = lab["gd_factorise_masked"]["ratings"]["course"]
    whose = ("These ratings are the course's own, as the file's git blob id says." if course else
             "They are of the course's ratings.pt, and these ratings are of another file, so they need not agree.")
    rows = [[name, *(shown(run[key], decimals) for run in runs)]
            for name, key, decimals in (("predicted rating", "prediction", 4),
                                        ("squared errors over the valid entries, as the sheet asks", "sse", 1),
                                        ("squared errors over all entries, unrated ones taken as 0", "sse_all", 0))]
    return [page.table(f"Full-batch descent from {len(runs)} seeds", ["", *(f"seed {run['seed']}" for run in runs)],
                       rows),
            page.paragraph(f"Answers that were published, without a seed, stand in the comparison below. {whose} Their "
                           "sum of squared errors is the one over all entries.")]


def shown(value, decimals):
    return "diverged" if value is None else large(value, decimals)


def methods(lab):
    batch, exact, tag = lab["gd_factorise_masked"], lab["sgd_ratings"], tag_of(lab)
    rows = []
    for name, run, settings in (
            ("full-batch descent", batch, f"{batch['epochs']} epochs, lr {batch['lr']:g}"),
            ("the exact algorithm", exact, f"{exact['epochs']} epochs, lr {exact['lr']:g}, weight decay "
                                           f"{exact['weight_decay']:g}, lr decay {exact['lr_decay']:g}")):
        rows.append([f"{name}: {settings}", "diverged" if run["sse"] is None else large(run["sse"]),
                     "" if run["rmse"] is None else large(run["rmse"], 4),
                     "" if run["sse_all"] is None else large(run["sse_all"], 0),
                     "" if run["prediction"] is None else large(run["prediction"], 2), number(run["seconds"], 3)])
    head = ["method", "sum of squared errors", "RMSE", "sum over all entries, unrated ones as 0",
            f"user {batch['user'] + 1}, {film_of(lab)}", "seconds"]
    return page.table("Over the valid entries, and one sum over all entries" + tag, head, rows)


def density(lab, draw):
    blocks = lab["pictures"]["rated_share"]
    movies, users = lab["gd_factorise_masked"]["ratings"]["shape"]
    shares = [100 * share for row in blocks for share in row]
    size = f"{number(movies / len(blocks), 3)} x {number(users / len(blocks[0]), 3)}"
    caption = (f"Where ratings are given, as the share of each block of {size} cells: from {min(shares):.0f} % "
               f"(darkest) to {max(shares):.0f} % (lightest){tag_of(lab)}.")
    alt = (f"Heat map of movies by users: of each block of {size} cells, {min(shares):.0f} % to {max(shares):.0f} % "
           f"are rated{tag_of(lab)}.")
    return page.figure(draw.svg(lab1_pictures.rated_share(lab), alt), caption)


def predictions(lab, draw):
    figures = []
    for name, key in (("Full-batch descent", "gd_factorise_masked"), ("The exact algorithm", "sgd_ratings")):
        of_method = lab["pictures"]["predictions"][key]
        given = of_method["given"] if of_method else []
        if not given or any(of["mean"] is None for of in given):
            continue
        ends = given[0], given[-1]
        means = listed([f"{large(of['mean'], 2)} where {of['rating']} was given" for of in ends])
        inward = ends[0]["mean"] > ends[0]["rating"] and ends[1]["mean"] < ends[1]["rating"]
        caption = (f"{name}: the predictions for each rating given{', drawn toward the middle' if inward else ''}: on "
                   f"average {means}{tag_of(lab)}.")
        alt = f"{name}: histograms of predicted ratings for each rating given, with their means: {means}{tag_of(lab)}."
        figures.append(page.figure(draw.svg(lab1_pictures.predicted_against_given(of_method), alt), caption))
    return figures
