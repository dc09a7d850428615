"""Lab 2's exercises in the sheet's order, each with its answer and its pictures."""

import math

import comparison
import lab2_pictures
import page
from comparison import number


def section(lab, draw):
    parts = [descend(lab), norm(lab, draw), project(lab, draw), train(lab, draw)]
    parts += [page.heading("The reports' figures beside ours"), comparison.reading(), comparison.table(lab),
              comparison.pictures(lab, draw)]
    return "\n".join(parts)


def reported(lab, what):
    """What the reports print for the comparison's row of this name, or None."""
    return next((row["reported"] for row in lab["comparison"] if row["what"] == what), None)


def descend(lab):
    ad = lab["gd_factorise_ad"]
    rows = [[str(rank), number(ad[key]["loss"], 8) or "diverged", number(ad[key]["svd_loss"], digits)]
            for rank, key, digits in ((2, "rank2", 8), (4, "rank4", 3))]
    return "\n".join([
        page.heading("1.1, 1.2: gd_factorise_ad on centred iris"),
        page.paragraph("Plain gradient descent on the squared error by autograd, with the sheet's epochs and lr."),
        page.table("Squared loss (cm²)", ["rank", "by autograd", "truncated SVD"], rows),
        page.answer("No rank-2 matrix is nearer than the truncated SVD (Eckart and Young). At rank 4 the SVD leaves "
                    "only float32's rounding noise, while descent has not converged.")])


def norm(lab, draw):
    of = lab["gd_factorise_ad"]["norm"]
    early = next((point["epoch"] for point in of["curve"] if point["norm"] == of["loss"]), None)
    after = (f"After {early:,} epochs the norm is {number(of['loss'], 5)}" if early
             else f"At seed {lab['seed']} the run diverged; others stand for a while")
    drawn = [curve for curve in lab["pictures"]["norm_curves"] if curve["norms"]]
    last = max((curve["epochs"][-1] for curve in drawn), default=0)
    caption = (f"The norm variant from {len(drawn)} seeds. The curves come down to the upper dashed line, the best "
               f"rank-1 fit, and stay beside it for a while; of {of['saddle_seeds']} seeds {of['left_saddle']} then "
               "fall toward the lower one, the best rank-2 fit.")
    alt = (f"Lines of the norm over {last:,} epochs from {len(drawn)} seeds between two dashed lines, "
           f"{number(of['rank1_norm'], 5)} for rank 1 and {number(of['svd_norm'], 5)} for rank 2.")
    picture = draw.svg(lab2_pictures.saddle(lab, early, reported(lab, "1.2 norm variant, norm")), alt)
    return "\n".join([
        page.heading("1.2, variant: the norm as the loss, not its square"),
        page.answer(f"{after}, beside {number(of['rank1_norm'], 5)}, that of the best rank-1 matrix: a "
                    f"saddle, not a local optimum. Of {of['saddle_seeds']} seeds run on to {last:,} epochs "
                    f"{of['left_saddle']} left it toward the SVD's {number(of['svd_norm'], 5)}."),
        page.pictures([page.figure(picture, caption)])])


def project(lab, draw):
    parts = [page.heading("1.3: the SVD's U beside the Û of gradient descent")]
    points, pca = lab["pictures"]["projections"], lab["pca"]
    if points is None:
        return "\n".join([*parts, page.answer("Not to be had: descent diverged at this seed.")])
    angles = " and ".join(f"{number(math.degrees(angle), 3)}°" for angle in pca["principal_angles"])
    parts.append(page.answer(
        f"The same subspace in another basis: the principal angles between the two are {angles}; the best linear map "
        f"from U to Û leaves a relative residual of {number(pca['linear_map_residual'], 2)}, the best rotation with a "
        f"scale {number(pca['rotation_residual'], 2)}. The scatters differ by a general 2 x 2 map, not by a rotation."))
    named = ", ".join(dict.fromkeys(name.removeprefix("Iris-") for name in points["species"]))
    figures = []
    for key, title, caption, overlay in (
            ("svd", "the SVD's U",
             "The SVD's projection: orthogonal columns, the classes side by side along the first.", None),
            ("gd", "descent's Û", "Gradient descent's projection of the same flowers, sheared and stretched.", None),
            ("gd", "descent's Û, and U mapped",
             "The SVD's points by the best linear map (crosses) on gradient descent's (outlines): they "
             f"fall together, to {number(pca['linear_map_residual'], 2)} of their size.",
             points["svd_mapped"])):
        alt = f"Scatter of {len(points[key])} flowers in the two columns of {title}, by class: {named}."
        svg = draw.svg(lab2_pictures.scatter(points[key], points["species"], title, overlay), alt)
        figures.append(page.figure(svg, caption))
    return "\n".join([*parts, page.pictures(figures)])


def reported_accuracies(lab, mlp, kind):
    """What the reports print of this setting: their rows are named "2.2 MLP, <biases>[, lr <lr>], <kind>"."""
    name = mlp["name"].split(",")[0]
    wanted = (f"2.2 MLP, {name}, lr {mlp['lr']:g}, {kind}", f"2.2 MLP, {name}, {kind}")
    return [row["reported"] for row in lab["comparison"] if row["what"] in wanted]


def train(lab, draw):
    mlps = []
    for mlp, pictures in zip(lab["mlp"], lab["pictures"]["mlp"]):
        mlps.append({**mlp, "pictures": pictures, "reported_train": reported_accuracies(lab, mlp, "training"),
                     "reported_validation": reported_accuracies(lab, mlp, "validation")})

    def percent(share):
        return "" if share is None else f"{100 * share:.1f} %"

    rows = [[f"{mlp['name']}, lr {mlp['lr']:g}",
             *(text for key in ("train_accuracy", "validation_accuracy")
               for text in (percent(mlp[key]["median"]), f"{percent(mlp[key]['min'])} to {percent(mlp[key]['max'])}")),
             str(mlp["diverged"])] for mlp in mlps]
    head = ["biases, lr", "training, median", "training, range", "validation, median", "validation, range", "diverged"]
    spread = max(mlps, key=lambda mlp: extent(mlp["validation_accuracy"]))
    ends = spread["validation_accuracy"]
    losses = [page.figure(draw.svg(lab2_pictures.mlp_loss(mlp["pictures"]), loss_alt(mlp)), loss_caption(mlp))
              for mlp in mlps if mlp["pictures"]["losses"]["median"]]
    dots = []
    for key, kind in (("train", "training"), ("validation", "validation")):
        alt = f"Dots of {kind} accuracy over seeds, a row for each of {len(mlps)} settings, medians as bars."
        caption = (f"Accuracy on the {kind} rows over {lab['runs']} seeds; a dot is as large as the number of seeds "
                   "that have it. Diamonds are the reports' figures.")
        dots.append(page.figure(draw.svg(lab2_pictures.accuracies(mlps, key), alt), caption))
    return "\n".join([
        page.heading("2.1, 2.2: the MLP relu(X W1 + b1) W2 + b2"),
        page.paragraph("Iris shuffled, scaled by its variance and split into rows to train and to validate; "
                       "cross-entropy, plain gradient descent."),
        page.answer(f"One run says little: with {spread['name']} at lr {spread['lr']:g} the validation accuracy "
                    f"lies between {percent(ends['min'])} and {percent(ends['max'])}, by the seed alone. The table and "
                    "pictures have every setting that the sheet or a report uses."),
        page.table(f"Accuracy over {lab['runs']} seeds", head, rows), page.pictures(dots), page.pictures(losses)])


def extent(of):
    return 0 if of["max"] is None else of["max"] - of["min"]


def loss_alt(mlp):
    median = mlp["pictures"]["losses"]["median"]
    return (f"Cross-entropy over {len(median)} epochs, {mlp['name']}, lr {mlp['lr']:g}: the median falls from "
            f"{number(median[0], 3)} to {number(median[-1], 3)}.")


def loss_caption(mlp):
    losses = mlp["pictures"]["losses"]
    return (f"{mlp['name']}, lr {mlp['lr']:g}: from a median of {number(losses['median'][0], 3)} to "
            f"{number(losses['median'][-1], 3)}; the last epoch's band is {number(losses['low'][-1], 3)} to "
            f"{number(losses['high'][-1], 3)}.")
