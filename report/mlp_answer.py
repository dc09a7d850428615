"""Lab 2's exercises 2.1 and 2.2, the MLP: accuracies over seeds, and loss curves."""

import lab2_pictures
import page
from numbers_shown import number

KINDS = (("train", "training"), ("validation", "validation"))


def percent(share):
    return "" if share is None else f"{100 * share:.1f} %"


def name_of(mlp):
    return f"{mlp['name']}, lr {mlp['lr']:g}"


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
    losses = [page.figure(draw.svg(lab2_pictures.mlp_loss(mlp["pictures"], lab["seed"]), loss_alt(mlp)),
                          loss_caption(mlp))
              for mlp in mlps if mlp["pictures"]["losses"]["median"]]
    return "\n".join([
        page.heading("2.1, 2.2: the MLP relu(X W1 + b1) W2 + b2"),
        page.paragraph("Iris shuffled, scaled by its variance, 100 rows to train and 50 to validate; cross-entropy, "
                       "plain gradient descent. The table and pictures have every setting that the sheet or a report "
                       "uses."),
        page.answer(answer(mlps)), accuracy_table(lab, mlps),
        page.pictures([accuracy_picture(lab, mlps, draw, *kind) for kind in KINDS]), page.pictures(losses)])


def answer(mlps):
    """The best setting by its median, and how far one seed lies from another."""
    trained = [mlp for mlp in mlps if mlp["validation_accuracy"]["median"] is not None]
    if not trained:
        return "Every run diverged."
    best = max(trained, key=lambda mlp: mlp["validation_accuracy"]["median"])
    spread = max(trained, key=lambda mlp: extent(mlp["validation_accuracy"]))
    ends = spread["validation_accuracy"]
    said = (f"The highest median accuracy on the validation rows is {percent(best['validation_accuracy']['median'])}, "
            f"with {name_of(best)} (training {percent(best['train_accuracy']['median'])}).")
    if extent(ends):
        said += (f" One run says little: with {name_of(spread)} it lies between {percent(ends['min'])} and "
                 f"{percent(ends['max'])}, by the seed alone.")
    return said


def extent(of):
    return of["max"] - of["min"]


def accuracy_table(lab, mlps):
    rows = []
    for mlp in mlps:
        row = [name_of(mlp)]
        for key, _ in KINDS:
            of = mlp[key + "_accuracy"]
            ends = "" if of["min"] is None else f"{percent(of['min'])} to {percent(of['max'])}"
            row += [percent(of["median"]), ends]
        rows.append([*row, str(mlp["diverged"])])
    head = ["biases, lr", "training, median", "training, range", "validation, median", "validation, range", "diverged"]
    return page.table(f"Accuracy over {lab['runs']} seeds", head, rows)


def accuracy_picture(lab, mlps, draw, key, kind):
    medians = [f"{name_of(mlp)} {percent(mlp[key + '_accuracy']['median']) or 'diverged'}" for mlp in mlps]
    alt = f"Dots of {kind} accuracy over seeds, a row for each setting, with the medians as bars: {'; '.join(medians)}."
    caption = (f"Accuracy on the {kind} rows over {lab['runs']} seeds; the area of a dot is the number of seeds that "
               "have it. Diamonds are the reports' figures.")
    return page.figure(draw.svg(lab2_pictures.accuracies(mlps, key), alt), caption)


def loss_alt(mlp):
    median = mlp["pictures"]["losses"]["median"]
    return (f"Cross-entropy over {len(median)} epochs, {name_of(mlp)}: the median goes from {number(median[0], 3)} to "
            f"{number(median[-1], 3)}.")


def loss_caption(mlp):
    losses = mlp["pictures"]["losses"]
    return (f"{name_of(mlp)}: from a median of {number(losses['median'][0], 3)} to {number(losses['median'][-1], 3)}; "
            f"the last epoch's band is {number(losses['low'][-1], 3)} to {number(losses['high'][-1], 3)}.")
