"""Whether the program understands a command as it is written: in a document, or in what it says."""

from __future__ import annotations

import re
from typing import Any

from typer.main import get_command

from tradecanary.cli import app


def understood(words: list[str]) -> None:
    """Parse as the program does, and run nothing; raises what it would say about wrong usage."""
    command: Any = get_command(app)  # typer's own classes, which it does not publish
    context = command.make_context("tradecanary", list(words))
    while hasattr(command, "resolve_command"):
        _, command, rest = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        context = command.make_context(command.name, rest, parent=context)


def told(text: str, strategy: str) -> list[list[str]]:
    """Return the words of each command on `strategy` that a sentence tells somebody to type."""
    of = rf"(?: ({re.escape(strategy)}(?:/[0-9]+)?))?"
    return [
        [word for part in found if part for word in part.split()]
        for found in re.findall(rf"tradecanary ([a-z]+){of}( --reason \.\.\.)?", text)
    ]
