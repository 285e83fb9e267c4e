"""Texts of people on their way into state and decisions: both must always fit into a record."""

from __future__ import annotations

LONGEST_TEXT = 2_000
LONGEST_NAME = 200
"""Of a strategy or a command's id: each look, decision and part of state repeats it."""


def kept(text: str) -> str:
    """Return `text` as it may be written: no half characters, at most 2,000 characters."""
    return text.encode("utf-8", "backslashreplace").decode()[:LONGEST_TEXT]
