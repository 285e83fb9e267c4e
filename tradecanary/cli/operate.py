"""Commands that change a rollout. Each waits for the decision that answers it.

Exit codes: 0 done, 1 refused, 3 no decider answered in time, 4 Kafka unreachable.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
import yaml

from tradecanary.cli.connection import Connection, connected
from tradecanary.cli.decision_json import decision_json
from tradecanary.cli.output import Exit, fail, out, say_json
from tradecanary.cli.policy import load as load_policy
from tradecanary.processors.decision.policy import PolicyProblem, canonical_json
from tradecanary.processors.decision.ramps import RAMPS
from tradecanary.processors.decision.spec import read_spec
from tradecanary.schemas.decisions import DecisionKind
from tradecanary.schemas.routing import EVERYWHERE, CommandKind

_Strategy = Annotated[str, typer.Argument(help="The strategy, as its services name it.")]
_Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept with the decision.")]
_Actor = Annotated[
    str, typer.Option("--actor", envvar="TRADECANARY_ACTOR", help="Who; your login by default.")
]
_Timeout = Annotated[float, typer.Option("--timeout", help="Seconds to wait for the decider.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the decision as JSON.")]
_ME = getpass.getuser()


def start(
    spec: Annotated[
        Path,
        typer.Argument(
            help="YAML: rollout, strategy, stable, canary, policy (a preset, a file, or in full)."
        ),
    ],
    reason: _Reason = "start",
    actor: _Actor = _ME,
    timeout: _Timeout = 10.0,
    json: _Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Start the rollout that SPEC describes.

    Example SPEC: {rollout: r-42, strategy: momentum, stable: momentum-1.0.0-9f2c41aa,
    canary: momentum-2.0.0-77b0e3d1, policy: trading-standard}
    """
    try:
        wanted = read_spec(_with_policy(spec), str(spec))
    except PolicyProblem as problem:
        fail(str(problem), Exit.REFUSED)
    except OSError as missing:
        fail(f"cannot read {spec}: {missing.strerror}", Exit.USAGE)
    _send(
        wanted.strategy, CommandKind.START, reason, actor, timeout,
        as_json=json, servers=bootstrap_servers,
        arguments=canonical_json(wanted.model_dump(mode="json")),
    )  # fmt: skip


def _with_policy(spec: Path) -> str:
    """Return the SPEC's text with the policy that it names by file put in.

    A path is looked for from here, then from the SPEC's own folder.
    """
    text = spec.read_text(encoding="utf-8")
    try:
        wanted = yaml.safe_load(text)
    except yaml.YAMLError:
        return text  # read_spec says what is wrong with it
    named = wanted.get("policy") if isinstance(wanted, dict) else None
    if not isinstance(named, str) or named in RAMPS:
        return text
    beside = spec.parent / named
    found = load_policy(str(beside) if beside.exists() and not Path(named).exists() else named)
    return canonical_json({**wanted, "policy": found.model_dump(mode="json")})


def approve(
    strategy: _Strategy,
    gate: Annotated[
        str, typer.Option("--gate", help="start, promotion or a phase; the next one by default.")
    ] = "",
    reason: _Reason = "approved",
    actor: _Actor = _ME,
    timeout: _Timeout = 10.0,
    json: _Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Approve a gate of the rollout, as another person than its starter."""
    _send(
        strategy, CommandKind.APPROVE, reason, actor, timeout,
        as_json=json, servers=bootstrap_servers,
        arguments=canonical_json({"gate": gate} if gate else {}),
    )  # fmt: skip


def _verb(kind: CommandKind, doc: str) -> None:
    def command(
        strategy: _Strategy,
        reason: _Reason,
        actor: _Actor = _ME,
        timeout: _Timeout = 10.0,
        json: _Json = False,  # noqa: FBT002
        bootstrap_servers: Connection = None,
    ) -> None:
        _send(strategy, kind, reason, actor, timeout, as_json=json, servers=bootstrap_servers)

    command.__doc__ = f"{doc}\n\nExample: tradecanary {kind.value} momentum --reason 'as agreed'"
    VERBS[kind.value] = command


VERBS: dict[str, Callable[..., None]] = {}
for _kind, _doc in (
    (CommandKind.HALT, "Stop increases, promotion and clocks; guards go on."),
    (CommandKind.RESUME, "End a halt."),
    (CommandKind.INCREASE, "Go to the next phase now, whatever its minima."),
    (CommandKind.PROMOTE, "Give the canary all orders now, whatever the ramp."),
    (CommandKind.ABORT, "Take all orders back to stable. Outranks everything but a kill."),
    (CommandKind.FREEZE, "Let nothing start or rise until unfreeze."),
    (CommandKind.UNFREEZE, "End a freeze."),
    (CommandKind.REARM, "Re-arm the routers' breakers after an incident."),
):
    _verb(_kind, _doc)


def kill(
    strategy: Annotated[str, typer.Argument(help="The strategy, or * for all.")],
    reason: _Reason,
    actor: _Actor = _ME,
    json: _Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Stop all order flow: route() gives no handler, with or without a decider, until unkill."""
    _switch(strategy, reason, actor, killed=True, as_json=json, servers=bootstrap_servers)


def unkill(
    strategy: Annotated[str, typer.Argument(help="The strategy, or * for all.")],
    reason: _Reason,
    actor: _Actor = _ME,
    json: _Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """End a kill. A rollout that it halted stays halted: resume or abort it."""
    _switch(strategy, reason, actor, killed=False, as_json=json, servers=bootstrap_servers)


def _switch(
    strategy: str, reason: str, actor: str, *, killed: bool, as_json: bool, servers: str | None
) -> None:
    with connected(servers) as operator:
        answer = operator.switch(strategy, killed=killed, actor=actor, reason=reason)
    verb = "kill" if killed else "unkill"
    if as_json:
        say_json({"verb": verb, "routers_heard": answer.heard, "obeying": answer.obeying})
    else:
        name = "all strategies" if strategy == EVERYWHERE else strategy
        out.print(f"{verb} of {name} written; {answer.obeying} of {answer.heard} routers obey")
    if answer.obeying < answer.heard or not answer.heard:
        raise typer.Exit(Exit.NO_ANSWER)


def _send(
    strategy: str,
    kind: CommandKind,
    reason: str,
    actor: str,
    timeout_s: float,
    *,
    as_json: bool,
    servers: str | None,
    arguments: str = "{}",
) -> None:
    with connected(servers) as operator:
        decision = operator.command(
            strategy, kind, actor=actor, reason=reason, arguments=arguments, timeout_s=timeout_s
        )
    if decision is None:
        fail(
            f"{kind.value} of {strategy} is written, but no decider answered within "
            f"{timeout_s:g} s: it will be obeyed when one runs (tradecanary run decision). "
            "To stop orders without a decider: tradecanary kill",
            Exit.NO_ANSWER,
        )
    refused = decision.kind is DecisionKind.HOLD and "; refused: " in decision.reason
    if as_json:
        say_json(decision_json(decision))
    else:
        out.print(f"{decision.number} {decision.kind.value}  {decision.reason}", markup=False)
    if refused:
        raise typer.Exit(Exit.REFUSED)
