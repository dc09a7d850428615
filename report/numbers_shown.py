"""Numbers as the page prints them: a true minus, powers of ten raised, as many digits as what stands beside."""

RAISED = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def number(value, digits=6):
    """To so many significant digits; nothing for what does not exist."""
    if value is None:
        return ""
    mantissa, _, exponent = minus(f"{value:.{digits}g}").partition("e")
    return f"{mantissa} · 10{minus(str(int(exponent.replace('−', '-')))).translate(RAISED)}" if exponent else mantissa


def fixed(value, decimals=4):
    text = minus(f"{value:.{decimals}f}")
    return text if text.strip("−0.") else text.lstrip("−")


def large(value, decimals=1):
    """Thousands apart, as long as that can be read."""
    return minus(f"{value:,.{decimals}f}") if abs(value) < 1e12 else number(value, 4)


def beside(value, reported):
    """One decimal more than the reported figure has, so that equal and unequal differ; where that would show
    nothing or a row of digits, three significant ones."""
    _, _, decimals = repr(reported).partition(".")
    if "e" in repr(reported) or abs(value) >= 1e6 or 0 < abs(value) < 10 ** -len(decimals):
        return number(value, 3)
    return fixed(value, len(decimals) + 1)


def minus(text):
    return text.replace("-", "−")


def listed(texts):
    """a, b and c"""
    *most, last = texts
    return f"{', '.join(most)} and {last}" if most else last
