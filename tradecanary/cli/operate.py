"""Commands that change a rollout. Each waits for the decision that answers it.

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no decider answered in time, 4 Kafka unreachable.
What cannot be taken back, or gives the canary more, asks first unless --yes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from tradecanary.cli.asking import agreed
from tradecanary.cli.completion import strategies
from tradecanary.cli.connection import Connection, connected
from tradecanary.cli.known import warn_if_unheard
from tradecanary.cli.options import ME, Actor, Json, Reason, Strategy, Timeout, Yes, named
from tradecanary.cli.output import Exit, out, say_json, saying
from tradecanary.cli.sending import send
from tradecanary.roll_call import said_of
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.routing import EVERYWHERE, CommandKind

_StrategyOrAll = Annotated[
    str,
    typer.Argument(help="The strategy, or '*' for all.", autocompletion=strategies, callback=named),
]


def approve(
    strategy: Strategy,
    reason: Reason,
    gate: Annotated[
        str, typer.Option("--gate", help="start, promotion or a phase; the next one by default.")
    ] = "",
    actor: Actor = ME,
    timeout: Timeout = 10.0,
    json: Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Approve a gate of the rollout, as another person than its starter."""
    send(
        strategy, CommandKind.APPROVE, reason, actor, timeout,
        as_json=json, servers=bootstrap_servers,
        arguments=canonical_json({"gate": gate} if gate else {}),
    )  # fmt: skip


def _harmless(kind: CommandKind, doc: str) -> Callable[..., None]:
    def command(
        strategy: Strategy,
        reason: Reason,
        actor: Actor = ME,
        timeout: Timeout = 10.0,
        json: Json = False,  # noqa: FBT002
        bootstrap_servers: Connection = None,
    ) -> None:
        send(strategy, kind, reason, actor, timeout, as_json=json, servers=bootstrap_servers)

    command.__doc__ = f"{doc}\n\nExample: tradecanary {kind.value} momentum --reason 'as agreed'"
    return command


def _asking(kind: CommandKind, doc: str, what: str) -> Callable[..., None]:
    def command(
        strategy: Strategy,
        reason: Reason,
        yes: Yes = False,  # noqa: FBT002
        actor: Actor = ME,
        timeout: Timeout = 10.0,
        json: Json = False,  # noqa: FBT002
        bootstrap_servers: Connection = None,
    ) -> None:
        agreed(f"{kind.value} of {strategy}: {what}", yes=yes)
        send(strategy, kind, reason, actor, timeout, as_json=json, servers=bootstrap_servers)

    command.__doc__ = (
        f"{doc} Asks first; a script adds --yes.\n\n"
        f"Example: tradecanary {kind.value} momentum --reason 'as agreed' --yes"
    )
    return command


halt = _harmless(CommandKind.HALT, "Stop increases, promotion and clocks; guards go on.")
resume = _harmless(CommandKind.RESUME, "End a halt.")
increase = _asking(
    CommandKind.INCREASE,
    "Go to the next phase now, whatever its minima. A freeze, a router that does not attest or\n"
    "a missing approval refuse it.",
    "the canary is given the next phase's weight now.",
)
promote = _asking(
    CommandKind.PROMOTE,
    "Give the canary all orders now, whatever the phase, if the judge's tests have passed and\n"
    "nothing forbids a rise: no freeze, every router attests, approvals are there.",
    "the canary is given all orders now.",
)
abort = _asking(
    CommandKind.ABORT,
    "Take all orders back to stable. Outranks everything but a kill.",
    "all orders go back to stable, and the rollout ends.",
)
rearm = _asking(
    CommandKind.REARM,
    "Re-arm the routers' breakers after an incident.",
    "every router whose breaker is open sends orders to the canary again.",
)


def kill(
    strategy: _StrategyOrAll,
    reason: Reason,
    yes: Yes = False,  # noqa: FBT002
    actor: Actor = ME,
    json: Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Stop all order flow: route() gives no handler, with or without a decider, until unkill.

    Asks first; a script adds --yes. Exit code 3: written, but not every router says that it obeys;
    asked are those heard in the last 10 s, and those that are not there are named.

    Example: tradecanary kill momentum --reason 'runaway orders' --yes
    """
    agreed(f"kill of {_named(strategy)}: no order is sent any more, until unkill.", yes=yes)
    _switch(strategy, reason, actor, killed=True, as_json=json, servers=bootstrap_servers)


def unkill(
    strategy: _StrategyOrAll,
    reason: Reason,
    yes: Yes = False,  # noqa: FBT002
    actor: Actor = ME,
    json: Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """End a kill. A rollout that it halted stays halted: resume or abort it.

    Asks first; a script adds --yes. Exit code 3: written, but not every router says that it obeys;
    asked are those heard in the last 10 s, and those that are not there are named.

    Example: tradecanary unkill momentum --reason 'found and fixed' --yes
    """
    agreed(f"unkill of {_named(strategy)}: orders are sent again.", yes=yes)
    _switch(strategy, reason, actor, killed=False, as_json=json, servers=bootstrap_servers)


def _named(strategy: str) -> str:
    return "all strategies" if strategy == EVERYWHERE else strategy


def _switch(
    strategy: str, reason: str, actor: str, *, killed: bool, as_json: bool, servers: str | None
) -> None:
    with connected(servers) as operator, saying("waiting for the routers to obey"):
        answer = operator.switch(strategy, killed=killed, actor=actor, reason=reason)
        if not answer.heard:
            warn_if_unheard(operator, strategy)
    verb = "kill" if killed else "unkill"
    if as_json:
        say_json(
            {
                "verb": verb,
                "routers_heard": answer.heard,
                "obeying": answer.obeying,
                "missing": answer.missing,
                "problem": answer.problem or None,
            }
        )
    else:
        out.print(f"{verb} of {_named(strategy)} written; {said_of(answer)}")
    if not answer.is_obeyed:
        raise typer.Exit(Exit.NO_ANSWER)
