"""Draws the pictures of docs/algorithm.md beside itself, from the rules that they show; the same bytes everywhere.

usage: draw.py [<folder>]
"""

import html
import pathlib
import sys

# Light and dark, each with a ground of its own: a code host's page and the reader's system may disagree.
STYLE = """
svg { --ground: #ffffff; --ink: #1f2328; --faint: #59636e; --line: #d0d7de; --a: #b6e3ff; --b: #ffd8b5; --done: #eef1f4;
      font: 13px system-ui, sans-serif }
@media (prefers-color-scheme: dark) {
  svg { --ground: #0d1117; --ink: #e6edf3; --faint: #9198a1; --line: #3d444d; --a: #0c4a7e; --b: #7a3f0a;
        --done: #1c222a } }
.ground { fill: var(--ground) } text { fill: var(--ink) } .middle { text-anchor: middle } .end { text-anchor: end }
.faint { fill: var(--faint) } .bold { font-weight: 600 } .cell { fill: none; stroke: var(--line) }
.a { fill: var(--a); stroke: var(--line) } .b { fill: var(--b); stroke: var(--line) }
.done { fill: var(--done); stroke: var(--line) } .arrow { fill: none; stroke: var(--ink); stroke-width: 1.5 }
.head { fill: var(--ink) } .path { fill: none; stroke: var(--faint); stroke-dasharray: 3 3 }
"""


class Picture:
    def __init__(self, width, height, title, description):
        self.lines = [
            (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
             f'height="{height}" role="img" aria-labelledby="title description">'),
            f'<title id="title">{html.escape(title)}</title>',
            f'<desc id="description">{html.escape(description)}</desc>',
            f"<style>{STYLE}</style>",
            f'<rect class="ground" width="{width}" height="{height}" rx="6"/>',
        ]

    def text(self, x, y, text, kind=""):
        self.lines.append(f'<text x="{x:g}" y="{y:g}" class="{kind}">{html.escape(str(text))}</text>')

    def box(self, x, y, width, height, kind, text=None, text_kind="middle"):
        self.lines.append(f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"/>')
        if text is not None:
            self.text(x + width / 2, y + height / 2 + 4.5, text, text_kind)

    def path(self, points, kind):
        self.lines.append(f'<path class="{kind}" d="M{" L".join(f"{x:g} {y:g}" for x, y in points)}"/>')

    def arrow(self, x0, y0, x1, y1):
        """Along an axis, with its head at (x1, y1)."""
        dx, dy = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
        self.path([(x0, y0), (x1 - 5 * dx, y1 - 5 * dy)], "arrow")
        back_x, back_y = x1 - 8 * dx, y1 - 8 * dy
        self.path([(x1, y1), (back_x + 4 * dy, back_y + 4 * dx), (back_x - 4 * dy, back_y - 4 * dx), (x1, y1)], "head")

    def svg(self):
        return "\n".join([*self.lines, "</svg>\n"])


def wavefront():
    """A matrix whose cells hold the step that they are done in; one step, and what one of its entries needs."""
    rows, columns, size, left, top, step = 5, 9, 44, 70, 62, 5
    picture = Picture(500, 342, "The wavefront",
                      "A matrix of 5 rows and 9 columns. The cell in row r and column c holds the step r + c. Those "
                      "of step 5 lie on a diagonal; arrows lead to one of them from its left and its upper neighbour, "
                      "which belong to step 4. Cells of earlier steps are done.")
    picture.text(left, 26, "entry (r, c) is done in step r + c", "bold")
    for column in range(columns):
        picture.text(left + (column + 0.5) * size, top - 8, "c = 0" if column == 0 else column, "middle faint")
    for row in range(rows):
        picture.text(left - 10, top + (row + 0.5) * size + 4.5, "r = 0" if row == 0 else row, "end faint")
        for column in range(columns):
            at = row + column
            kind = "a" if at == step else "done" if at < step else "cell"
            picture.box(left + column * size, top + row * size, size, size, kind, at,
                        "middle bold" if at == step else "middle faint" if at < step else "middle")
    x, y = left + 3.5 * size, top + 2.5 * size  # (2, 3)
    picture.arrow(x - size + 8, y, x - 7, y)
    picture.arrow(x, y - size + 9, x, y - 8)
    picture.text(left, top + rows * size + 24, "u[r] comes from the left, v[c] from above.")
    picture.text(left, top + rows * size + 42, "Grey is done, blue is under way, all of it at once.")
    return picture


def walk(blocks, columns, lag, epochs, threads):
    """When blocks are at work: (epoch, block, thread, begin, end), by the rule of src/cpu/threads/pipeline.h, a position a
    time unit. A block claimed at `begin` is at position p at time times[p]."""
    free, times, spans = [0] * threads, {}, []
    for turn in range(blocks * epochs):
        epoch, block = divmod(turn, blocks)
        thread = free.index(min(free))
        above = times.get(turn - 1)
        now = max(free[thread], times[turn - blocks][-1] if epoch else 0)
        mine = []
        for position in range(columns + lag):
            # It enters column c at position c; the block above has left c once its position c + lag is done.
            if above and position < columns:
                now = max(now, above[position + lag])
            now += 1
            mine.append(now)
        times[turn] = mine
        free[thread] = now
        spans.append((epoch, block, thread, mine[0] - 1, now))
    return spans


def pipeline():
    """Blocks of rows over time."""
    blocks, columns, lag, epochs, threads = 4, 20, 3, 2, 2
    spans = walk(blocks, columns, lag, epochs, threads)
    unit, left, top, height = 5.0, 90, 44, 34
    longest = max(end for *_, end in spans)
    width = int(left + longest * unit + 30)
    picture = Picture(width, top + blocks * height + 62, "Blocks of rows over time",
                      f"{epochs} epochs over {blocks} blocks of rows on {threads} threads. Each block begins "
                      f"{lag + 1} positions behind the one above it or when a thread is free; the first block of the "
                      "second epoch follows the last block of the first without a pause.")
    picture.text(left, 26, "which thread works on which block, and when", "bold")
    for block in range(blocks):
        picture.text(left - 10, top + (block + 0.5) * height + 4.5, f"block {block}", "end faint")
    for epoch, block, thread, begin, end in spans:
        picture.box(left + begin * unit, top + block * height + 3, (end - begin) * unit, height - 6, "ab"[thread],
                    f"epoch {epoch + 1}")
    bottom = top + blocks * height
    picture.path([(left, bottom + 6), (left + longest * unit, bottom + 6)], "arrow")
    picture.text(left + longest * unit, bottom + 24, "time", "end faint")
    for thread in range(threads):
        picture.box(left + thread * 110, bottom + 28, 14, 14, "ab"[thread])
        picture.text(left + thread * 110 + 20, bottom + 40, f"thread {thread + 1}")
    return picture


ENTRIES = ((0, 1, 4, 5, 8), (0, 2, 4, 7), (1, 2, 5, 6, 8), (0, 3, 4, 7, 8))  # observed columns of a strip's rows
SKEW = 2


def order(key):
    entries = [(row, column) for row, columns in enumerate(ENTRIES) for column in columns]
    return {entry: i + 1 for i, entry in enumerate(sorted(entries, key=key))}


def entries():
    """A strip of a sparse matrix: the serial order of its entries beside that of the list."""
    size, left, top, gap = 30, 24, 62, 56
    columns = 1 + max(map(max, ENTRIES))
    serial = order(lambda entry: entry)
    sorted_list = order(lambda entry: (entry[1] + SKEW * entry[0], entry[0]))
    picture = Picture(2 * left + 2 * columns * size + gap, 250, "The list of a strip's entries",
                      "A strip of 4 rows and 9 columns with 19 observed entries, twice. On the left they are numbered "
                      "row by row, on the right by column + 2 times row, then row. In both, the numbers rise along "
                      "every row and down every column. On the right, entries numbered one after another mostly lie in "
                      "different rows and columns.")
    for panel, (numbers, text) in enumerate(((serial, "serial order: row by row"),
                                             (sorted_list, f"list order: c + {SKEW} r, then r"))):
        x0 = left + panel * (columns * size + gap)
        picture.text(x0, 40, text, "bold")
        for row in range(len(ENTRIES)):
            for column in range(columns):
                number = numbers.get((row, column))
                picture.box(x0 + column * size, top + row * size, size, size,
                            "cell" if number is None else "b" if 10 <= number <= 12 else "a", number)
    bottom = top + len(ENTRIES) * size
    picture.text(left, bottom + 26, "Numbers rise along every row and down every column in both, which is all that")
    picture.text(left, bottom + 44, "the result depends on. Orange, 10 to 12: in one row at left, in three at right.")
    return picture


PICTURES = {"wavefront": wavefront, "pipeline": pipeline, "entries": entries}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent
    for name, draw in PICTURES.items():
        (folder / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
