"""`tradecanary explain`: why a decision was taken, with everything it stood on."""

from __future__ import annotations

from typing import Annotated

import typer

from tradecanary.cli.completion import strategies
from tradecanary.cli.connection import Connection, connected
from tradecanary.cli.explained import explained, explained_json
from tradecanary.cli.output import Exit, fail, out, say_json, saying


def explain(
    decision: Annotated[
        str,
        typer.Argument(
            metavar="STRATEGY[/NUMBER]",
            help="A decision by its number in the strategy's chain; without one the newest.",
            autocompletion=strategies,
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the decision as JSON.")] = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Explain one decision: its reason, both variants' figures and the judge's evidence.

    Each stream of evidence shows the effect (canary less stable) with
    an interval that holds at every look, the tolerance that counts as
    harmless, and the e-value: what a stake of 1 on "the canary is
    worse" has become. Their weighted mean at 1 / alpha rolls back.

    Example: tradecanary explain momentum/3
    """
    strategy, number = _parsed(decision)
    with connected(bootstrap_servers) as operator, saying("reading decisions"):
        decisions = list(operator.decisions(strategy))
    if not decisions:
        fail(f"no decision was ever made for strategy {strategy!r}", Exit.REFUSED)
    found = [one for one in decisions if number in {None, one.number}]
    if not found:
        first, last = decisions[0].number, decisions[-1].number
        fail(
            f"{strategy} has no decision {number}; kept are {first} to {last} "
            f"(tradecanary history {strategy})",
            Exit.REFUSED,
        )
    if json:
        say_json(explained_json(found[-1]))
    else:
        out.print(explained(found[-1]))


def _parsed(decision: str) -> tuple[str, int | None]:
    """Return strategy and number: only digits after the last slash are a number."""
    strategy, slash, number = decision.rpartition("/")
    return (strategy, int(number)) if slash and number.isdecimal() else (decision, None)
