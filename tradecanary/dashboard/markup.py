"""HTML as text that is safe by construction: what is not markup yet is escaped."""

from __future__ import annotations

from html import escape


class Markup(str):
    """Text that is HTML already. Only `tag` and `joined` make it."""

    __slots__ = ()


_VOID = frozenset({"input"})
"""Elements that end where they begin."""


def tag(element: str, /, *children: object, **attributes: object) -> Markup:
    """Return an element. `class_` gives `class`, `data_x` gives `data-x`; None leaves one out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if element in _VOID:
        return Markup(f"<{element}{given}>")
    return Markup(f"<{element}{given}>{joined(*children)}</{element}>")


def joined(*children: object) -> Markup:
    """Return the children one after another; None gives nothing, a sequence its items."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, list | tuple):
            parts.append(joined(*child))
        elif child is not None:
            parts.append(escape(str(child)))
    return Markup("".join(parts))


NOTHING = Markup("")
