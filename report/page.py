"""The page around answers and pictures: HTML5 in one file that asks nothing of a network."""

import html
import pathlib
import re

from numbers_shown import fixed

STYLE = pathlib.Path(__file__).with_name("page.css")

# Nothing but the page's own style and the pictures inside it may be loaded.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title, introduction, sections):
    """The whole page. sections: [(id, heading, inner HTML)]."""
    links = "\n".join(f'<li><a href="#{name}">{escape(heading)}</a></li>' for name, heading, _ in sections)
    parts = "\n".join(f'<section id="{name}" aria-labelledby="{name}-heading">\n'
                      f'<h2 id="{name}-heading">{escape(heading)}</h2>\n{inner}\n</section>'
                      for name, heading, inner in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>
{STYLE.read_text(encoding="utf-8").strip()}
</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
{introduction}
<nav aria-label="Sections">
<ul>
{links}
</ul>
</nav>
</header>
<main>
{parts}
</main>
</body>
</html>
"""


def escape(text):
    """Text as HTML, where a number stays on the line of its % and of its power of ten."""
    return re.sub(" (?=[%·])|(?<=·) ", "\u00a0", html.escape(text, quote=False))


def heading(text):
    return f"<h3>{escape(text)}</h3>"


def paragraph(text, kind=None):
    """Text, with what is between backquotes as code. kind: "answer" or "note", set off from the rest."""
    pieces = escape(text).split("`")
    inner = "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))
    return f'<p class="{kind}">{inner}</p>' if kind else f"<p>{inner}</p>"


def answer(text):
    return paragraph(text, "answer")


def note(text):
    return paragraph(text, "note")


def figure(svg, caption):
    return f"<figure>\n{svg}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def pictures(figures, small=False):
    """Figures side by side where there is room."""
    return f'<div class="pictures{" small" if small else ""}">\n' + "\n".join(figures) + "\n</div>"


def matrices(titled):
    """Matrices of numbers side by side. titled: [(title, rows)]."""
    return '<div class="matrices">\n' + "\n".join(matrix(*of) for of in titled) + "\n</div>"


def matrix(title, rows):
    body = "\n".join("<tr>" + "".join(f"<td>{fixed(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table>\n<caption>{escape(title)}</caption>\n<tbody>\n{body}\n</tbody>\n</table>"


def table(caption, head, rows):
    """Rows of texts, the first the row's name; on a phone each row is a card. A cell may be (text, class)."""
    def cell(value, label):
        text, kind = value if isinstance(value, tuple) else (value, None)
        shown = f'<span class="{kind}">{escape(text)}</span>' if kind else escape(text)
        return f'<td data-label="{html.escape(label)}">{shown}</td>'

    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "\n".join(f'<tr><th scope="row">{escape(row[0])}</th>' +
                     "".join(cell(value, label) for value, label in zip(row[1:], head[1:])) + "</tr>" for row in rows)
    return (f'<table class="cards">\n<caption>{escape(caption)}</caption>\n<thead><tr>{top}</tr></thead>\n'
            f"<tbody>\n{body}\n</tbody>\n</table>")
