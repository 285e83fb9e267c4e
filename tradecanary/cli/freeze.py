"""`tradecanary freeze` and `unfreeze`: nothing starts or rises, for one strategy or for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from tradecanary.cli.asking import agreed
from tradecanary.cli.completion import strategies
from tradecanary.cli.connection import Connection, connected
from tradecanary.cli.decision_json import decision_json
from tradecanary.cli.known import warn_if_unheard
from tradecanary.cli.options import ME, Actor, Json, Reason, Timeout, Yes, named
from tradecanary.cli.output import Exit, fail, out, say_json, saying
from tradecanary.operator import Operator, is_refusal
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.routing import EVERYWHERE, CommandKind

_Which = Annotated[
    str | None,
    typer.Argument(
        metavar="STRATEGY",
        help="One strategy, or '*' for all.",
        autocompletion=strategies,
        callback=named,
    ),
]
_All = Annotated[bool, typer.Option("--all", help="Every strategy that the decider knows.")]


def freeze(
    reason: Reason,
    strategy: _Which = None,
    owner: Annotated[
        str, typer.Option("--owner", help="Whom to ask about it; kept with the reason.")
    ] = "",
    every: _All = False,  # noqa: FBT002
    actor: Actor = ME,
    timeout: Timeout = 10.0,
    json: Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Let nothing start or rise until unfreeze; guards, rollbacks and aborts go on.

    With --all the command goes to every strategy of which the decider has heard
    by a router, a command or a rollout, and each one's answer is printed. A
    strategy of which nobody has heard is not among them: freeze it by name, which
    works before its first rollout. To stop orders, not rollouts: tradecanary kill.

    Exit codes: 0 all frozen, 1 refused, 2 wrong usage, 3 not all answered in
    time, 4 Kafka unreachable.

    Example: tradecanary freeze --all --reason 'index rebalance' --owner risk-desk
    """
    which = _which(strategy, every)
    why = f"{reason} (for {owner})" if owner else reason  # so that the decision says it
    with connected(bootstrap_servers) as operator, saying("waiting for the decider's answers"):
        answers = operator.commands(
            [which] if which != EVERYWHERE else sorted(_known(operator)), CommandKind.FREEZE,
            actor=actor, reason=why, timeout_s=timeout,
        )  # fmt: skip
    _show(answers, timeout, as_json=json)


def unfreeze(
    reason: Reason,
    strategy: _Which = None,
    every: Annotated[bool, typer.Option("--all", help="Every strategy that is frozen.")] = False,  # noqa: FBT002
    yes: Yes = False,  # noqa: FBT002
    actor: Actor = ME,
    timeout: Timeout = 10.0,
    json: Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """End a freeze. Asks first; a script adds --yes.

    Exit codes: 0 none is frozen any more, 1 refused, 2 wrong usage, 3 not all
    answered in time, 4 Kafka unreachable.

    Example: tradecanary unfreeze --all --reason 'rebalance is over' --yes
    """
    which = _which(strategy, every)
    name = "every frozen strategy" if which == EVERYWHERE else which
    agreed(f"unfreeze of {name}: rollouts start and rise again.", yes=yes)
    with connected(bootstrap_servers) as operator, saying("waiting for the decider's answers"):
        names = [which]
        if which == EVERYWHERE:
            names = [name for name, why in sorted(_known(operator).items()) if why]
        answers = operator.commands(
            names, CommandKind.UNFREEZE,
            actor=actor, reason=reason, timeout_s=timeout,
        )  # fmt: skip
        if any(answer is None or is_refusal(answer) for answer in answers.values()):
            warn_if_unheard(operator, which)
    _show(answers, timeout, as_json=json)


def _which(strategy: str | None, every: bool) -> str:  # noqa: FBT001 - an option
    """Return the strategy, `*` for all; leaves with USAGE when neither or both are named."""
    if every and strategy not in {None, EVERYWHERE}:
        fail(f"name {strategy} or --all, not both", Exit.USAGE)
    if not every and strategy is None:
        fail("name a strategy, or --all", Exit.USAGE)
    return EVERYWHERE if every or strategy is None else strategy


def _known(operator: Operator) -> dict[str, str]:
    """Return every strategy that a decider knows, and why it is frozen (empty: it is not)."""
    from tradecanary.states import states  # slow to import, and one strategy is frozen without

    return {
        name: strategy.frozen
        for partition in states(operator.log)
        for name, strategy in partition.strategies.items()
    }


def _show(answers: Mapping[str, Decision | None], timeout_s: float, *, as_json: bool) -> None:
    if not answers and not as_json:
        out.print("No strategy to tell: none is known, or none is frozen.")
    for name, answer in answers.items():
        if as_json:
            say_json({"strategy": name, "answer": decision_json(answer) if answer else None})
        elif answer is None:
            text = f"{name}: written, but no decider answered within {timeout_s:g} s"
            out.print(text, style="red")
        else:
            out.print(f"{name}: {answer.number} {answer.reason}")
    if None in answers.values():
        raise typer.Exit(Exit.NO_ANSWER)
    if any(answer is not None and is_refusal(answer) for answer in answers.values()):
        raise typer.Exit(Exit.REFUSED)
