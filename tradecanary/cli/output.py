"""How the command line speaks: tables for people, JSON for scripts, exit codes for CI/CD."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, NoReturn

import typer
from rich.console import Console

_WIDE = 120
"""Columns where nobody looks: in a pipe or a file nothing is cut."""


def _console(*, stderr: bool, at_terminal: bool) -> Console:
    """Square brackets are text: people put them into reasons, and strategies have them."""
    width = None if at_terminal else _WIDE
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=width, markup=False)


out = _console(stderr=False, at_terminal=sys.stdout.isatty())
err = _console(stderr=True, at_terminal=sys.stderr.isatty())


class Exit(IntEnum):
    """Exit codes; the same in all commands.

    ROLLED_BACK, HALTED and TIMED_OUT come from what waits for the end of a rollout; OK is then
    that it was promoted.
    """

    OK = 0
    REFUSED = 1
    USAGE = 2
    NO_ANSWER = 3
    UNREACHABLE = 4
    ROLLED_BACK = 5
    HALTED = 6
    TIMED_OUT = 7


@contextmanager
def saying(what: str, after_s: float = 0.7) -> Iterator[None]:
    """Say on stderr what a command waits for, when it takes longer than a person expects."""
    timer = threading.Timer(after_s, err.print, (f"{what} ...",), {"style": "dim"})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def say_json(value: object) -> None:
    """Print one JSON value on one line."""
    typer.echo(json.dumps(value, ensure_ascii=False, sort_keys=False))


def fail(text: str, code: Exit) -> NoReturn:
    """Print what went wrong and leave with `code`."""
    err.print(text, style="red")
    raise typer.Exit(code)


def duration(seconds: float) -> str:
    """Return seconds as people say them: `1 h 02 min`, `3 min 20 s`, `12 s`."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def percent(weight_bp: int | None) -> str:
    """Return basis points as percent, `-` when unknown."""
    return "-" if weight_bp is None else f"{weight_bp / 100:g} %"


def figure(value: float, unit: str = "") -> str:
    """Return a figure with its unit; counts without decimals."""
    text = f"{value:,.0f}" if float(value).is_integer() and not unit else f"{value:,.2f}"
    return f"{text} {unit}".rstrip()


View = dict[str, Any]
