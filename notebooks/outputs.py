"""Whether a notebook's outputs are those that were stored.

Text must be the same, but that BLAS, LAPACK and clocks differ between machines: a cell whose metadata has a
"tolerance" may have other numbers, that far from the stored ones, relative to the larger. 0.9 is an order of magnitude,
and 1 lets any number of the same sign pass. Pictures must be there under the same description.
"""

import re

# Not the end of a name such as U_4, nor of another number.
NUMBER = re.compile(r"(?<![\w.])[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)


def kinds_of(output):
    """What an output is: its type, and the forms that it is there in."""
    return output["output_type"], sorted(output.get("data", {})) or output.get("name")


def text_of(output):
    text = output.get("text", output.get("data", {}).get("text/plain", ""))
    return text if isinstance(text, str) else "".join(text)


def near(stored, found, tolerance):
    """Whether two texts are the same but for numbers that lie within the tolerance."""
    if stored == found:
        return True
    if tolerance == 0 or squeezed(NUMBER.sub("#", stored)) != squeezed(NUMBER.sub("#", found)):
        return False
    pairs = zip(map(float, NUMBER.findall(stored)), map(float, NUMBER.findall(found)))
    return all(abs(a - b) <= tolerance * max(abs(a), abs(b)) for a, b in pairs)


def squeezed(text):
    """Numbers of another length move what stands beside them."""
    return re.sub(r" +", " ", text)


def cell_fault(stored, found):
    """What is wrong with a code cell that was run again, as a sentence; None where all is well."""
    for output in found["outputs"]:
        if output["output_type"] == "error" or output.get("name") == "stderr":
            return f"it wrote an error: {text_of(output) or output.get('evalue')}"
    if [kinds_of(output) for output in stored["outputs"]] != [kinds_of(output) for output in found["outputs"]]:
        return "it has other outputs than the stored ones"
    tolerance = stored["metadata"].get("tolerance", 0)
    for before, now in zip(stored["outputs"], found["outputs"]):
        if not near(text_of(before), text_of(now), tolerance):
            return f"stored is\n{text_of(before)}\nbut now it writes\n{text_of(now)}"
    return None


def faults(stored, found):
    """What is wrong with a notebook that was run again: pairs of a cell's id and a sentence."""
    said = []
    for before, now in zip(stored["cells"], found["cells"]):
        fault = cell_fault(before, now) if before["cell_type"] == "code" else None
        if fault:
            said.append((before["id"], fault))
    return said
