"""docs/contract.md as plain Python over exact fractions, rounded where the contract rounds: slow and independent."""

import math
from fractions import Fraction

DIGITS = {"float32": (24, -149), "float64": (53, -1074)}  # of the significand; exponent of the smallest number


class Arithmetic:
    """Numbers are floats that the type holds; every operation is exact, then rounded to nearest, ties to even."""

    def __init__(self, dtype):
        name = str(dtype).removeprefix("torch.")
        self.digits, self.least = DIGITS[name]
        self.lanes = 16 if name == "float32" else 8

    def round(self, exact):
        exact = Fraction(exact)
        if exact == 0:
            return 0.0
        exponent = math.frexp(float(exact))[1] - self.digits
        if abs(exact) >= Fraction(2) ** (exponent + self.digits):  # the float that found the exponent was rounded up
            exponent += 1
        if abs(exact) < Fraction(2) ** (exponent + self.digits - 1):
            exponent -= 1
        unit = Fraction(2) ** max(exponent, self.least)
        return float(round(exact / unit) * unit)

    def fma(self, a, b, c):
        return self.round(Fraction(a) * Fraction(b) + Fraction(c))

    def mul(self, a, b):
        return self.round(Fraction(a) * Fraction(b))

    def add(self, a, b):
        return self.round(Fraction(a) + Fraction(b))

    def folded(self, sums):
        while len(sums) > 1:
            half = len(sums) // 2
            sums = [self.add(sums[j], sums[j + half]) for j in range(half)]
        return sums[0]

    def dot(self, u, v):
        chains = 1 if len(u) < 8 else 8
        sums = [self.mul(u[j], v[j]) for j in range(chains)]
        for k in range(chains, len(u)):
            sums[k % chains] = self.fma(u[k], v[k], sums[k % chains])
        return self.folded(sums)


def sgd(arithmetic, A, M, U, V, num_epochs, lr, weight_decay=0.0, lr_decay=1.0):
    """On lists of lists, in place."""
    fma, mul = arithmetic.fma, arithmetic.mul
    for _ in range(num_epochs):
        step, s = arithmetic.round(lr), arithmetic.round(1 - lr * weight_decay)
        for r, row in enumerate(A):
            for c, a in enumerate(row):
                if not M[r][c]:
                    continue
                u, v = U[r], V[c]
                g = mul(step, arithmetic.add(a, -arithmetic.dot(u, v)))
                for k in range(len(u)):
                    u[k] = fma(g, v[k], mul(s, u[k]) if weight_decay else u[k])
                    v[k] = fma(g, u[k], mul(s, v[k]) if weight_decay else v[k])
        lr *= lr_decay


def descent(arithmetic, A, M, U, V, num_epochs, lr, method):
    """gd_factorise_masked ("masked") and gd_factorise_ad ("squared", "norm") on lists, in place; A no taller than wide,
    and no wider than one segment."""
    fma, lanes = arithmetic.fma, arithmetic.lanes
    rank = range(len(U[0]))
    for _ in range(num_epochs):
        err = [[_error(arithmetic, a, u, v) if seen else 0.0 for a, seen, v in zip(row, marks, V, strict=True)]
               for row, marks, u in zip(A, M, U, strict=True)]  # fmt: skip
        c = lr if method == "masked" else 2 * lr
        if method == "norm":
            norm = math.sqrt(_squares(arithmetic, err))
            c = lr / norm if norm > 0 else 0.0
        c = arithmetic.round(c)
        by_rows = [[_gathered(arithmetic, row, [v[k] for v in V], lanes) for k in rank] for row in err]
        moved = [[fma(c, s, x) for s, x in zip(sums, u, strict=True)] for sums, u in zip(by_rows, U, strict=True)]
        times = moved if method == "masked" else U
        for j, v in enumerate(V):
            for k in rank:
                total = 0.0
                for row, x in zip(err, times, strict=True):
                    total = fma(row[j], x[k], total)
                v[k] = fma(c, total, v[k])
        U[:] = moved


def _error(arithmetic, a, x, y):
    for one, other in zip(x, y, strict=True):
        a = arithmetic.fma(-one, other, a)
    return a


def _gathered(arithmetic, values, times, lanes):
    sums = [0.0] * lanes
    for c, (value, y) in enumerate(zip(values, times, strict=True)):
        sums[c % lanes] = arithmetic.fma(value, y, sums[c % lanes])
    return arithmetic.folded(sums)


def _squares(arithmetic, err):
    """Rows in order, each of whose lanes are chains in T over 16 L columns, added in float64."""
    double, lanes, total = Arithmetic("float64"), arithmetic.lanes, 0.0
    for row in err:
        sums = [0.0] * lanes
        for begin in range(0, len(row), 16 * lanes):
            chains = [0.0] * lanes
            for c, e in enumerate(row[begin : begin + 16 * lanes]):
                chains[c % lanes] = arithmetic.fma(e, e, chains[c % lanes])
            sums = [double.add(s, chain) for s, chain in zip(sums, chains, strict=True)]
        total = double.add(total, double.folded(sums))
    return total
