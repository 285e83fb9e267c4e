"""`tradecanary start`: a rollout as its SPEC declares it, with limits, and if asked to its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
import yaml

from tradecanary.cli.connection import Connection, connected
from tradecanary.cli.options import ME, Actor, Json, Reason, Timeout
from tradecanary.cli.output import Exit, err, fail
from tradecanary.cli.policy import load as load_policy
from tradecanary.cli.policy import one_error
from tradecanary.cli.sending import send
from tradecanary.cli.waiting import Until, wait_for
from tradecanary.processors.decision.planning.ramp import least_canary_orders
from tradecanary.processors.decision.policy import PolicyProblem
from tradecanary.processors.decision.ramps import RAMPS
from tradecanary.processors.decision.spec import Cell, Limits, RolloutSpec, read_spec
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.routing import CommandKind


def start(  # noqa: PLR0913, PLR0917 - options, by name
    spec: Annotated[Path, typer.Argument(help="YAML; its fields are in docs/rollouts.md.")],
    reason: Reason = "start",
    actor: Actor = ME,
    no_limits: Annotated[  # noqa: FBT002
        bool, typer.Option("--no-limits", help="Agree to a SPEC without limits; it is recorded.")
    ] = False,
    promote_everywhere: Annotated[  # noqa: FBT002
        bool,
        typer.Option(
            "--promote-everywhere", help="Agree to a promotion beyond the SPEC's scope as well."
        ),
    ] = False,
    wait: Annotated[  # noqa: FBT002
        bool, typer.Option("--wait", help="Wait until it is promoted, rolled back or halted.")
    ] = False,
    wait_timeout: Annotated[
        float, typer.Option("--wait-timeout", help="Seconds; 0: as long as it takes.", min=0)
    ] = 0.0,
    timeout: Timeout = 10.0,
    json: Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Start the rollout that SPEC describes. The same SPEC again asks how it stands.

    A SPEC without the four predefined limits is refused, unless --no-limits; one
    whose scope is not all cells, unless --promote-everywhere: a promotion makes the
    canary the baseline of every cell, also where it never traded.

    Exit codes: 0 started (with --wait: promoted), 1 refused, 2 wrong usage, 3 no
    decider answered, 4 Kafka unreachable; with --wait also 5 rolled back,
    6 halted: a person must act, 7 not ended within --wait-timeout.

    Example: tradecanary start rollout.yaml --reason "build 2.0.0" --wait
    """
    wanted = _declared(spec, no_limits=no_limits, promote_everywhere=promote_everywhere)
    decision = send(
        wanted.strategy, CommandKind.START, reason, actor, timeout,
        as_json=json, servers=bootstrap_servers,
        arguments=canonical_json(wanted.model_dump(mode="json")),
    )  # fmt: skip
    if not wait:
        return
    with connected(bootstrap_servers) as operator:
        code = wait_for(
            operator,
            wanted.strategy,
            wanted.rollout,
            Until.PROMOTED,
            wait_timeout,
            said=decision.number,
            as_json=json,
        )
    raise typer.Exit(code)


def _declared(spec: Path, *, no_limits: bool, promote_everywhere: bool) -> RolloutSpec:
    """Return the SPEC of a file; leaves with REFUSED when it declares too little."""
    try:
        wanted = read_spec(_with_policy(spec), str(spec))
    except PolicyProblem as problem:
        fail(str(problem), Exit.REFUSED)
    except (OSError, UnicodeDecodeError) as missing:
        why = missing.strerror if isinstance(missing, OSError) else "it is not text"
        fail(f"cannot read {spec}: {why}; docs/rollouts.md shows a SPEC", Exit.USAGE)
    if wanted.limits is None and not no_limits:
        needed = ", ".join(n for n, one in Limits.model_fields.items() if one.is_required())
        fail(
            f"{spec} cannot be started:\n  limits: is missing; declare {needed} "
            "(docs/rollouts.md), or agree to none with --no-limits",
            Exit.REFUSED,
        )
    if Cell() not in wanted.scope and not promote_everywhere:
        fail(
            f"{spec} cannot be started:\n  scope: is not all cells, but a promotion makes "
            f"{wanted.canary} the baseline of all, also where it was never compared; leave scope "
            "out, or agree with --promote-everywhere (docs/rollouts.md)",
            Exit.REFUSED,
        )
    for text in _doubts(wanted):
        err.print(f"warning: {text}", style="yellow")
    return wanted.model_copy(update={"limits_waived": wanted.limits is None})


def _doubts(wanted: RolloutSpec) -> Iterator[str]:
    """Yield what may be meant so, and is likely a mistake."""
    yield from one_error(wanted.policy)
    guards, least = wanted.guards, least_canary_orders(wanted.policy)
    if guards.loss_budget is None and guards.excess_loss is None:
        yield (
            "budget: is missing, and the policy guards no loss: money is then guarded by the judge "
            "only"
        )
    if guards.max_orders is not None and guards.max_orders < least:
        yield (
            f"limits.max_orders was {guards.max_orders:,.0f}, but the phases of "
            f"{wanted.policy.name} give the canary {least:,.0f} orders before its promotion at the "
            "least: it will be taken back first. `tradecanary plan` says how many it needs"
        )


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
