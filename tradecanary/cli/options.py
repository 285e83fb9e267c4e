"""Arguments and options that several commands share."""

from __future__ import annotations

import getpass
import os
from typing import Annotated

import typer

from tradecanary.cli.completion import strategies


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
