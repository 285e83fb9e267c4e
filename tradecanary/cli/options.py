"""Arguments and options that several commands share."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from tradecanary.cli.completion import strategies

ME = getpass.getuser()
"""Who acts, unless told otherwise. It is what is declared: docs/ci-cd.md."""

Strategy = Annotated[
    str, typer.Argument(help="The strategy, as its services name it.", autocompletion=strategies)
]
MaybeStrategy = Annotated[
    str | None,
    typer.Argument(help="Only this strategy; all known ones without.", autocompletion=strategies),
]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept with the decision.")]
Actor = Annotated[
    str, typer.Option("--actor", envvar="TRADECANARY_ACTOR", help="Who; your login by default.")
]
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds to wait for the decider.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether it is meant.")]
