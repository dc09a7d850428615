"""What was measured: samples with labels, their medians, and those whose result was wrong."""

import math
import statistics


class Samples:
    """isa: the instruction set that the library used, for the tables' names."""

    def __init__(self, isa=""):
        self.all = []
        self.isa = isa

    def add(self, sample, **labels):
        """Keeps a sample; one whose result is wrong keeps no time."""
        sample = labels | sample
        if "skipped" not in sample and not is_right(sample):
            sample["wrong"] = True
        self.all.append(sample)
        return sample

    def where(self, **labels):
        return [s for s in self.all if all(s.get(key) == value for key, value in labels.items())]

    def wrong(self):
        return [s for s in self.all if s.get("wrong")]

    def times(self, field="ms", **labels):
        return [s[field] for s in self.where(**labels) if field in s and not s.get("wrong")]

    def median(self, field="ms", **labels):
        times = self.times(field, **labels)
        return statistics.median(times) if times else None

    def best(self, field="ms", **labels):
        """The lowest median among the threads that the labels leave open: every side is judged at its best."""
        medians = [self.median(field, threads=threads, **labels)
                   for threads in {s.get("threads") for s in self.where(**labels)}]
        return min((m for m in medians if m is not None), default=None)

    def cell(self, field="ms", **labels):
        """The median and how far the samples stray from it; or why there is none."""
        times = self.times(field, **labels)
        if times:
            median = statistics.median(times)
            stray = max(abs(t - median) for t in times) / median if median else 0
            return f"{figure(median)} ±{100 * stray:.0f} %"
        samples = self.where(**labels)
        if any(s.get("wrong") for s in samples):
            return "WRONG RESULT"
        return "–"

    def reasons(self):
        """Sentences on what was left out, each once."""
        found = []
        for s in self.all:
            if "skipped" in s:
                sentence = f"{s['side']} ({s['bench']}): {s['skipped']}"
                if sentence not in found:
                    found.append(sentence)
        return found


def is_right(sample):
    """The figure that shows that the timed code did its work: its own verdict, or an error that is finite and fell."""
    if sample.get("right") is False:
        return False
    if "sse" in sample:
        return math.isfinite(sample["sse"]) and sample["sse"] < sample.get("sse_before", math.inf)
    if "accuracy" in sample:  # chance is a third
        return sample["accuracy"] > 0.5
    return True


def figure(value):
    """Three significant digits, without an exponent."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"
