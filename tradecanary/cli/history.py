"""`tradecanary history`: every decision of a strategy, one line each."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from tradecanary import trail
from tradecanary.cli.connection import Connection, connected
from tradecanary.cli.decision_json import decision_json
from tradecanary.cli.options import Strategy
from tradecanary.cli.output import Exit, fail, out, say_json, saying

_Json = Annotated[bool, typer.Option("--json", help="Print the decisions as JSON lines.")]


def history(
    strategy: Strategy,
    json: _Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Show what was decided for a strategy, when, at how many canary orders, and why.

    The number is what `tradecanary explain STRATEGY/NUMBER` takes.

    Example: tradecanary history momentum
    """
    with connected(bootstrap_servers) as operator, saying("reading decisions"):
        decisions = list(operator.decisions(strategy))
    if not decisions:
        fail(f"no decision was ever made for strategy {strategy!r}", Exit.REFUSED)
    if not json:
        since = trail.utc(decisions[0].time_us)
        out.print(Text(f"minutes and seconds since {since}", style="dim"))
        out.print(Text(f"   #  {trail.HEADER}", style="dim"))
    for decision in decisions:
        if json:
            say_json(decision_json(decision))
        else:
            style = trail.STYLES.get(decision.kind, "")
            line = trail.line(decision, decisions[0].time_us)
            out.print(Text(f"{decision.number:>4}  {line}", style=style))
