"""`tradecanary wait`: stay until a rollout stands as asked; the exit code says how it stands."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from tradecanary import trail
from tradecanary.cli.connection import Connection, connected
from tradecanary.cli.decision_json import decision_json
from tradecanary.cli.options import Json, Strategy
from tradecanary.cli.output import Exit, err, fail, out, say_json, saying
from tradecanary.operator import Operator
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.schemas.decisions import Decision, RolloutStatus
from tradecanary.schemas.units import US_PER_S

_PATIENCE_US = 10 * 60 * US_PER_S
"""An outage that lasts longer than this ends the wait."""
_POLL_S = 0.2


class Until(StrEnum):
    """What a wait is for."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled-back"
    HALTED = "halted"
    ENDED = "ended"


_ENDS = {RolloutStatus.PROMOTED: Exit.OK, RolloutStatus.ROLLED_BACK: Exit.ROLLED_BACK}
_HALT_ENDS = frozenset({Until.PROMOTED, Until.HALTED})
"""A halted rollout is not promoted before a person acts; who waits for any end waits on."""


def wait(
    strategy: Strategy,
    until: Annotated[Until, typer.Option("--until", help="What to wait for.")] = Until.ENDED,
    timeout: Annotated[
        float, typer.Option("--timeout", help="Seconds; 0: as long as it takes.", min=0)
    ] = 0.0,
    rollout: Annotated[
        str, typer.Option("--rollout", help="Its id; the strategy's newest by default.")
    ] = "",
    json: Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Wait for a rollout, and print each decision as it is made.

    It ends when the rollout has ended, however it did, and when it is halted
    with --until promoted (a person must act) or halted. The exit code says how
    the rollout stands, whatever was waited for: a rollback never exits 0.

    Exit codes: 0 promoted, 1 no such rollout, 4 Kafka unreachable, 5 rolled
    back, 6 halted, 7 none of it within --timeout.

    Example: tradecanary wait momentum --until promoted --timeout 3600
    """
    with connected(bootstrap_servers) as operator:
        code = wait_for(operator, strategy, rollout, until, timeout, as_json=json)
    raise typer.Exit(code)


def wait_for(
    operator: Operator,
    strategy: str,
    rollout: str,
    until: Until,
    timeout_s: float,
    *,
    as_json: bool,
    said: int = 0,
) -> Exit:
    """Return how the rollout stands; its decisions after number `said` are printed, each once.

    Of those that are there already only the newest is. Leaves with REFUSED when there is none.
    """
    with saying("reading decisions"):
        tail = operator.tail(strategy)
        known = [one for one in tail.poll() if one.strategy == strategy]
    rollout = rollout or next((one.rollout for one in reversed(known) if one.rollout), "")
    mine = [one for one in known if one.rollout == rollout]
    if not rollout or not mine:
        which = f"rollout {rollout!r} of " if rollout else "rollout of "
        fail(f"no {which}strategy {strategy!r} was ever started", Exit.REFUSED)
    told = _Told(mine[0], as_json=as_json)
    if mine[-1].number > said:
        told.tell(mine[-1])
    if as_json is False and _code(mine[-1].status, until) is None:
        limit = f", at most {timeout_s:g} s" if timeout_s else ""
        err.print(f"waiting for {rollout} of {strategy} to be {until.value}{limit} ...",
                  style="dim")  # fmt: skip
    deadline_us = operator.now_us() + round(timeout_s * US_PER_S)
    code, outage = _code(mine[-1].status, until), _Outage()
    while code is None:
        if timeout_s and operator.now_us() >= deadline_us:
            code = Exit.TIMED_OUT
            break
        operator.wait(_POLL_S)
        try:
            for decision in tail.poll():
                if (decision.strategy, decision.rollout) == (strategy, rollout):
                    mine.append(decision)
                    told.tell(decision)
            outage = _Outage()
        except Unavailable as away:
            outage.go_on(operator.now_us(), away)
        code = _code(mine[-1].status, until)
    told.end(mine, code, timeout_s)
    return code


def _code(status: RolloutStatus, until: Until) -> Exit | None:
    """Return the exit code of a rollout that needs no more waiting, None while it does."""
    if status is RolloutStatus.HALTED and until in _HALT_ENDS:
        return Exit.HALTED
    return _ENDS.get(status)


class _Outage:
    """Kafka away while somebody waits: the rollout goes on without us, so the wait does, too."""

    def __init__(self) -> None:
        self._since_us: int | None = None

    def go_on(self, now_us: int, away: Unavailable) -> None:
        """Say so once; raise what happened when it has lasted too long."""
        if self._since_us is None:
            self._since_us = now_us
            err.print(f"Kafka does not answer, waiting on: {away}", style="yellow")
        elif now_us - self._since_us > _PATIENCE_US:
            raise away


class _Told:
    """What a wait prints."""

    def __init__(self, first: Decision, *, as_json: bool) -> None:
        self._since_us = first.time_us
        self._json = as_json

    def tell(self, decision: Decision) -> None:
        if self._json:
            say_json(decision_json(decision))
        else:
            style = trail.STYLES.get(decision.kind, "")
            out.print(Text(trail.line(decision, self._since_us), style=style))

    def end(self, mine: list[Decision], code: Exit, waited_s: float) -> None:
        last = mine[-1]
        if self._json:
            say_json({"rollout": last.rollout, "status": last.status.value, "exit": int(code)})
        elif code is Exit.TIMED_OUT:
            held = f", held: {last.reason}" if last.hold else ""
            text = f"{last.rollout} is {last.status.value} after {waited_s:g} s{held}; it goes on"
            err.print(text, style="yellow")
        elif code is Exit.HALTED:
            strategy = last.strategy
            err.print(
                f"{last.rollout} is halted: look at tradecanary status {strategy}, then "
                f"tradecanary resume {strategy} --reason ... or "
                f"tradecanary abort {strategy} --reason ...",
                style="yellow",
            )
        else:
            ended = next(n for n, one in enumerate(mine, 1) if one.status is last.status)
            out.print(trail.summary(mine[:ended]))
