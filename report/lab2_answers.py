"""Lab 2's exercises in the sheet's order, each with its answer and its pictures."""

import math

import comparison
import lab2_pictures
import mlp_answer
import page
from numbers_shown import fixed, listed, number


def section(lab, draw):
    parts = [descend(lab), norm(lab, draw), project(lab, draw), mlp_answer.train(lab, draw)]
    return "\n".join([*parts, comparison.section(lab, draw, unit_of)])


def unit_of(name):
    """Iris is in centimetres."""
    return "cm²" if "squared loss" in name else "cm" if "norm" in name else ""


def reported(lab, what):
    """What the reports print for the comparison's row of this name, or None."""
    return next((row["reported"] for row in lab["comparison"] if row["what"] == what), None)


def descend(lab):
    ad = lab["gd_factorise_ad"]
    rows = [[f"rank {rank}", number(ad[key]["loss"], 8) or "diverged", number(ad[key]["svd_loss"], digits)]
            for rank, key, digits in ((2, "rank2", 8), (4, "rank4", 3))]
    said = "No rank-2 matrix is nearer than the truncated SVD (Eckart and Young)."
    loss, floor = ad["rank4"]["loss"], ad["rank4"]["svd_loss"]
    if loss is not None and loss > 10 * floor:
        said += (f" At rank 4 the SVD leaves only float32's rounding noise, {number(floor, 3)}, while descent, at "
                 f"{number(loss, 3)}, has not converged.")
    return "\n".join([
        page.heading("1.1, 1.2: gd_factorise_ad on centred iris"),
        page.paragraph("Plain gradient descent on the squared error by autograd, with the sheet's epochs and lr."),
        page.table("Squared loss (cm²)", ["of", "by autograd", "truncated SVD"], rows), page.answer(said)])


def norm(lab, draw):
    of, seeds = lab["gd_factorise_ad"]["norm"], lab["gd_factorise_ad"]["norm"]["saddle_seeds"]
    # The epoch that the report's figure is of.
    early = next((point["epoch"] for point in of["curve"] if point["norm"] == of["loss"]), None)
    best1, best2 = fixed(of["rank1_norm"]), fixed(of["svd_norm"])
    parts = [page.heading("1.2, variant: the norm as the loss, not its square")]
    drawn = [curve for curve in lab["pictures"]["norm_curves"] if curve["norms"]]
    after = (f"After {early:,} epochs the norm is {fixed(of['loss'])}" if early
             else f"At seed {lab['seed']} the run diverged")
    said = f"{after}; that of the best rank-1 matrix is {best1}."
    if drawn:
        left = f"{of['left_saddle']} of {seeds} seeds left it toward the SVD's {best2}"
        said += f" Run on to {drawn[0]['epochs'][-1]:,} epochs, {left}"
        said += ": a saddle, not a local optimum." if of["left_saddle"] else "."
    parts.append(page.answer(said))
    if drawn:
        alt = (f"Lines of the norm over {drawn[0]['epochs'][-1]:,} epochs from {len(drawn)} seeds, a dotted line at "
               f"{best1}, the best of rank 1, and a dashed one at {best2}, the best of rank 2.")
        picture = draw.svg(lab2_pictures.saddle(lab, early, reported(lab, "1.2 norm variant, norm")), alt)
        parts.append(page.pictures([page.figure(picture, saddle_caption(of, drawn, seeds))]))
    return "\n".join(parts)


def saddle_caption(of, drawn, seeds):
    """Where the seeds' curves are a tenth of the way on, and at their end."""
    epochs = drawn[0]["epochs"]
    early = len(epochs) // 10 - 1
    said = f"The norm variant from {len(drawn)} seeds"
    if len(drawn) < seeds:
        said += f", {seeds - len(drawn)} more diverged"
    stands = []
    for at in (early, -1):
        norms = [curve["norms"][at] for curve in drawn]
        stands.append(f"{fixed(min(norms), 3)} to {fixed(max(norms), 3)} after {epochs[at]:,} epochs")
    return (f"{said}. They stand at {listed(stands)}; the dotted line is the best rank-1 fit's "
            f"{fixed(of['rank1_norm'])}, the dashed one the best rank-2 fit's {fixed(of['svd_norm'])}. "
            f"{of['left_saddle']} ended nearer to the lower one. What is above the picture is not drawn.")


def correlation(points):
    """Of the two columns. Iris is centred, and so are they."""
    xx, xy, yy = (sum(point[i] * point[j] for point in points) for i, j in ((0, 0), (0, 1), (1, 1)))
    return xy / math.sqrt(xx * yy)


def class_means(points, species):
    """The classes' means in the first column, as words."""
    means = []
    for name in dict.fromkeys(species):
        chosen = [point[0] for point, of in zip(points, species) if of == name]
        means.append(f"{name.removeprefix('Iris-')} {number(sum(chosen) / len(chosen), 2)}")
    return listed(means)


def project(lab, draw):
    parts = [page.heading("1.3: the SVD's U beside the Û of gradient descent")]
    points, pca = lab["pictures"]["projections"], lab["pca"]
    if points is None:
        return "\n".join([*parts, page.answer("Not to be had: descent diverged at this seed.")])
    angles = listed([f"{number(math.degrees(angle), 3)}°" for angle in pca["principal_angles"]])
    mapped, turned = pca["linear_map_residual"], pca["rotation_residual"]
    said = (f"The principal angles between the two subspaces are {angles}; the best linear map from U to Û leaves a "
            f"relative residual of {number(mapped, 2)}, the best rotation with a scale {number(turned, 2)}.")
    if mapped < 0.01 and turned > 10 * mapped:
        said += " The same subspace in another basis: the scatters differ by a general 2 x 2 map, not by a rotation."
    species = points["species"]
    shown = [(key, title, None, f"{caption} The columns' correlation is {fixed(correlation(points[key]), 2)}; the "
                                f"classes' means in column 1: {class_means(points[key], species)}.")
             for key, title, caption in (("svd", "the SVD's U", "The SVD's projection."),
                                         ("gd", "descent's Û", "Gradient descent's projection of the same flowers."))]
    shown.append(("gd", "Û, and of U mapped", points["svd_mapped"],
                  "The SVD's points by the best linear map (crosses) on gradient descent's (outlines). They differ by "
                  f"{number(mapped, 2)} of their size."))
    named = listed([name.removeprefix("Iris-") for name in dict.fromkeys(species)])
    figures = []
    for key, title, overlay, caption in shown:
        alt = f"Scatter of {len(points[key])} flowers in the two columns of {title}, by class: {named}."
        svg = draw.svg(lab2_pictures.scatter(points[key], species, title, overlay), alt)
        figures.append(page.figure(svg, caption))
    return "\n".join([*parts, page.answer(said), page.pictures(figures)])
