"""Asks whether something that cannot be taken back is meant."""

from __future__ import annotations

import sys

from tradecanary.cli.output import Exit, err, fail


def agreed(what: str, *, yes: bool) -> None:
    """Return when `yes`, or when a person at the terminal says so.

    Leaves with REFUSED on any other answer, and with USAGE where nobody can be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{what}\nNobody can be asked here: add --yes if it is meant.", Exit.USAGE)
    err.print(f"{what}\nGo on? [y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        fail("Nothing was sent.", Exit.REFUSED)
