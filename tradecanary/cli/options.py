"""Arguments and options that several commands share."""

from __future__ import annotations

import getpass
import os
from typing import Annotated

import typer

from tradecanary.cli.completion import strategies
from tradecanary.cli.output import Exit, fail


def login() -> str:
    """Return the login of this process; `uid-54321` where the user has no name, as in a container.

    Kubernetes' runAsUser and `docker run --user` make such users.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # which of them is a matter of Python's version
        return f"uid-{os.getuid()}"


ME = login()
"""Who acts, unless told otherwise. It is what is declared: docs/ci-cd.md."""


def _reason(said: str | None) -> str | None:
    """Return the reason without blanks around it; leaves with USAGE when nothing is left of it."""
    if said is not None and not said.strip():
        fail("--reason is empty: say why; it is kept with the decision", Exit.USAGE)
    return said and said.strip()


def named(strategy: str | None) -> str | None:
    """Return the strategy, if any; leaves with USAGE when its name is blank."""
    if strategy is not None and not strategy.strip():
        fail("the strategy's name is empty: give it as its services do", Exit.USAGE)
    return strategy


Strategy = Annotated[
    str,
    typer.Argument(
        help="The strategy, as its services name it.", autocompletion=strategies, callback=named
    ),
]
MaybeStrategy = Annotated[
    str | None,
    typer.Argument(
        help="Only this strategy; all known ones without.",
        autocompletion=strategies,
        callback=named,
    ),
]
Reason = Annotated[
    str, typer.Option("--reason", "-r", help="Why; kept with the decision.", callback=_reason)
]
Actor = Annotated[
    str, typer.Option("--actor", envvar="TRADECANARY_ACTOR", help="Who; your login by default.")
]
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds to wait for the decider.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether it is meant.")]
