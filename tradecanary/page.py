"""One page of HTML, everything inline: it asks nobody, and reads well in the dark and in print."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_CSS = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; vertical-align: top; }
th { font-weight: 600; border-bottom: 1px solid currentColor; }
td.text, th.text { text-align: left; }
tr + tr td { border-top: 1px solid rgb(128 128 128 / 30%); }
.wide { overflow-x: auto; }
svg { width: 100%; height: auto; }
.rolled { color: #d23f3f; } .promoted { color: #23914f; }
footer { margin-top: 2rem; opacity: .7; font-size: .85rem; }
@page { size: landscape; margin: 12mm; }
@media print {
  body { max-width: none; padding: 0; font-size: 10px; }
  .wide { overflow: visible; } h2 { break-after: avoid; } tr { break-inside: avoid; }
}
"""
_TEXT = ' class="text"'


def page(title: str, parts: Iterable[str], footer: str) -> str:
    """Return the whole page; `parts` are HTML, `title` and `footer` are text."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_CSS}</style></head><body>\n"
        + "\n".join(parts)
        + f"\n<footer>{escape(footer)}</footer></body></html>\n"
    )


def table(
    head: Iterable[str], rows: Iterable[Iterable[str]], *, texts: int, last_text: bool = False
) -> str:
    """Return a table of texts; the first `texts` columns (and the last) are left-aligned."""

    def cells(tag: str, values: Iterable[str]) -> str:
        found = list(values)
        text = [
            index < texts or (last_text and index == len(found) - 1) for index in range(len(found))
        ]
        return "".join(
            f"<{tag}{_TEXT if yes else ''}>{escape(value)}</{tag}>"
            for value, yes in zip(found, text, strict=True)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{cells("th", head)}</tr>{body}</table></div>'
