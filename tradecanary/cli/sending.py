"""Sends a command to the decider and says what it answered."""

from __future__ import annotations

import typer

from tradecanary.cli.connection import connected
from tradecanary.cli.decision_json import decision_json
from tradecanary.cli.known import warn_if_unheard
from tradecanary.cli.output import Exit, fail, out, say_json, saying
from tradecanary.operator import is_refusal
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.routing import CommandKind


def send(
    strategy: str,
    kind: CommandKind,
    reason: str,
    actor: str,
    timeout_s: float,
    *,
    as_json: bool,
    servers: str | None,
    arguments: str = "{}",
) -> Decision:
    """Return the decision that answers, printed; leaves with NO_ANSWER, REFUSED, UNREACHABLE."""
    with connected(servers) as operator, saying("waiting for the decider's answer"):
        decision = operator.command(
            strategy, kind, actor=actor, reason=reason, arguments=arguments, timeout_s=timeout_s
        )
        if kind is not CommandKind.START and (decision is None or is_refusal(decision)):
            warn_if_unheard(operator, strategy)
    if decision is None:
        fail(
            f"{kind.value} of {strategy} is written, but no decider answered within "
            f"{timeout_s:g} s: it will be obeyed when one runs (tradecanary run decision). "
            "To stop orders without a decider: tradecanary kill",
            Exit.NO_ANSWER,
        )
    if as_json:
        say_json(decision_json(decision))
    else:
        out.print(f"{decision.number} {decision.kind.value}  {decision.reason}")
    if is_refusal(decision):
        raise typer.Exit(Exit.REFUSED)
    return decision
