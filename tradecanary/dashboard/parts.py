"""Pieces of HTML that several pages use: marks, pills, bars, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tradecanary.dashboard.markup import Markup, tag
from tradecanary.schemas.decisions import DecisionKind

STATUS = {
    "PENDING": ("◌", "wait"),
    "ACTIVE": ("●", "live"),
    "HALTED": ("‖", "warn"),
    "WATCHING": ("◉", "live"),
    "PROMOTED": ("✔", "good"),
    "ROLLED_BACK": ("✖", "bad"),
    "KILLED": ("■", "bad"),
    "NONE": ("·", "wait"),
}
"""Mark and tone of every status: never told by the colour alone."""
KINDS = {
    DecisionKind.PROMOTE: ("✔", "good"),
    DecisionKind.FINISH: ("✔", "good"),
    DecisionKind.INCREASE: ("▲", "live"),
    DecisionKind.START: ("▶", "live"),
    DecisionKind.ROLL_BACK: ("✖", "bad"),
    DecisionKind.KILL: ("■", "bad"),
    DecisionKind.HALT: ("‖", "warn"),
    DecisionKind.HOLD: ("‖", "wait"),
}


def pill(status: str) -> Markup:
    """Return a status as mark and word."""
    mark, tone = STATUS.get(status, STATUS["NONE"])
    return tag("span", f"{mark} {status.replace('_', ' ')}", class_=f"pill {tone}")


def kind(which: DecisionKind) -> Markup:
    """Return the kind of a decision as mark and word."""
    mark, tone = KINDS.get(which, ("•", "wait"))
    return tag("span", f"{mark} {which.value.replace('_', ' ')}", class_=f"kind {tone}")


def bar(share: float, tone: str = "", label: str = "") -> Markup:
    """Return a bar that is filled so far, 0 to 1."""
    width = f"width:{100 * min(1.0, max(0.0, share)):.1f}%"
    return tag("span", tag("i", style=width), class_=f"bar {tone}", title=label or None)


def tone_of(share: float) -> str:
    """Return how near a limit is: calm below half, then a warning, then bad."""
    if share >= 1:
        return "bad"
    return "warn" if share >= 0.5 else ""  # noqa: PLR2004 - half of a budget is worth a look


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], *, texts: Sequence[int] = (0,), name: str
) -> Markup:
    """Return a table that scrolls by itself where it is too wide; `texts` are left-aligned."""
    sides = ["t" if index in texts else "n" for index in range(len(head))]
    cells = [
        tag("th", text, class_=side, scope="col") for text, side in zip(head, sides, strict=True)
    ]
    body = [
        tag("tr", [tag("td", cell, class_=side) for cell, side in zip(row, sides, strict=True)])
        for row in rows
    ]
    return tag(
        "div",
        tag("table", tag("thead", tag("tr", cells)), tag("tbody", body), aria_label=name),
        class_="wide",
        tabindex="0",
        role="region",
        aria_label=name,
    )


def panel(title: str, *children: object, note: str = "") -> Markup:
    """Return a box with a heading."""
    head = tag("h2", title, tag("small", note) if note else None)
    return tag("section", head, *children, class_="panel")


def empty(text: str) -> Markup:
    """Return what stands where there is nothing yet."""
    return tag("p", text, class_="empty")
