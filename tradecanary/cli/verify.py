"""`tradecanary verify`: is what the topics say what happened?"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.progress import TimeRemainingColumn as Remaining

from tradecanary.cli.connection import Connection, reading
from tradecanary.cli.options import MaybeStrategy
from tradecanary.cli.output import Exit, duration, err, fail, out, say_json

if TYPE_CHECKING:
    from tradecanary.auditing.verification import Verified
    from tradecanary.processors.auditing.findings import Finding, What
    from tradecanary.processors.runtime.log import Log

_Json = Annotated[bool, typer.Option("--json", help="Print findings and summary as JSON lines.")]
_Executions = Annotated[
    bool,
    typer.Option(
        " /--no-executions",
        help="Leave out the orders: the longest part by far.",
        show_default=False,
    ),
]
_SHORT_S = 0.05
_SHOWN = 20
"""Findings of one kind that a person is shown; a script gets them all."""


def verify(
    strategy: MaybeStrategy = None,
    json: _Json = False,  # noqa: FBT002
    executions: _Executions = True,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Check what was recorded: nothing changed, removed, reordered or made up.

    The hash chain of decisions; every decision made again from what the decider
    looked at (decision-inputs, metrics, commands); every order's variant from
    salt, unit and revision. Each finding names topic, partition and offset.

    Exit codes: 0 clean, 1 findings (or nothing to verify), 4 Kafka unreachable.

    Example: tradecanary verify momentum --no-executions
    """
    with reading(bootstrap_servers) as log:
        done = run(log, strategy, json=json, executions=executions)
    found = done.found
    if not found.decisions and found.is_clean:
        whose = f"for strategy {strategy!r}" if strategy else "at all"
        fail(f"nothing to verify: no decision was ever made {whose}", Exit.REFUSED)
    if json:
        say_json({"summary": summary(done)})
    else:
        show(done)
    if not found.is_clean:
        raise typer.Exit(Exit.REFUSED)


@dataclass(frozen=True, slots=True)
class Run:
    """What was verified, the seconds it took, and orders and mark-outs a second."""

    found: Verified
    took_s: float
    events_per_s: float | None


def run(log: Log, strategy: str | None, *, json: bool, executions: bool) -> Run:
    """Return what was verified; findings are printed as they come."""
    from tradecanary.auditing.verification import verify as verified

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), Remaining())
    started_s = time.monotonic()
    with Progress(*columns, console=err, transient=True) as progress:
        bars = _Bars(progress)
        found = verified(
            log,
            strategy=strategy,
            executions=executions,
            tell=_Findings(json=json),
            progress=bars,
        )
    events = found.orders.orders + found.orders.markouts if found.orders else 0
    return Run(found, time.monotonic() - started_s, bars.rate("executions", events))


class _Bars:
    """A bar a topic, moved at most ten times a second."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._moved_s = 0.0
        self._spans_s: dict[str, tuple[float, float]] = {}

    def rate(self, what: str, count: int) -> float | None:
        """Return how many a second of `what` there were, None when it was too short to tell."""
        first_s, last_s = self._spans_s.get(what, (0.0, 0.0))
        return count / (last_s - first_s) if last_s - first_s > _SHORT_S else None

    def __call__(self, what: str, done: int, total: int, /) -> None:
        now_s = time.monotonic()
        self._spans_s[what] = self._spans_s.get(what, (now_s,))[0], now_s
        if what in self._tasks and done < total and now_s - self._moved_s < 0.1:  # noqa: PLR2004
            return
        self._moved_s = now_s
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what)
        self._progress.update(self._tasks[what], completed=done, total=max(total, 1))


class _Findings:
    """Prints each finding when it is found, so that nothing is kept."""

    def __init__(self, *, json: bool) -> None:
        self._json = json
        self._told: Counter[What] = Counter()

    def __call__(self, finding: Finding) -> None:
        from tradecanary.processors.auditing.findings import MEANINGS

        if self._json:
            say_json({"finding": asdict(finding)})
            return
        self._told[finding.what] += 1
        if self._told[finding.what] > _SHOWN:
            return
        where = f"{finding.topic} partition {finding.partition} offset {finding.offset}"
        whose = f" ({finding.strategy})" if finding.strategy else ""
        out.print(f"{finding.what.value}  {where}{whose}", style="bold red")
        out.print(f"  {MEANINGS[finding.what]}")
        out.print(f"  expected: {finding.expected}")
        out.print(f"  found:    {finding.found}")


def summary(done: Run) -> dict[str, Any]:
    """Return the summary for scripts."""
    found = done.found
    orders = found.orders
    return {
        "clean": found.is_clean,
        "findings": {what.value: count for what, count in sorted(found.findings.items())},
        "strategies": found.strategies,
        "decisions": found.decisions,
        "recomputed": found.recomputed,
        "looks": found.looks,
        "orders": asdict(orders) if orders else None,
        "notes": found.notes,
        "took_s": round(done.took_s, 3),
        "events_per_s": round(done.events_per_s) if done.events_per_s else None,
    }


def show(done: Run) -> None:
    """Print the summary as people read it."""
    found = done.found
    for what, count in sorted(found.findings.items()):
        if count > _SHOWN:
            out.print(f"{what.value}: {count - _SHOWN:,} more; --json lists them all")
    count = found.strategies
    whose = f"{count:,} {'strategy' if count == 1 else 'strategies'}"
    out.print(f"Chain:     {found.decisions:,} decisions of {whose}")
    out.print(f"Decisions: {found.recomputed:,} made again from {found.looks:,} looks")
    orders = found.orders
    if orders is None:
        out.print("Routing:   left out (--no-executions)")
    else:
        no_coin = f"{orders.no_coin:,} with no coin (revision 0)"
        out.print(f"Routing:   {orders.orders:,} orders, of them {no_coin}")
        others = {
            "mark-outs": orders.markouts,
            "not LIVE": orders.not_live,
            "unreadable": orders.unreadable,
            "of older revisions": orders.older,
        }
        rest = ", ".join(f"{count:,} {name}" for name, count in others.items() if count)
        if rest:
            out.print(f"           beside them {rest}")
    for note in found.notes:
        out.print(f"Note: {note}", style="yellow")
    rate = f", orders read at {done.events_per_s:,.0f} events/s" if done.events_per_s else ""
    took = duration(done.took_s) if done.took_s >= 1 else f"{done.took_s:.1f} s"
    verdict, style = ("CLEAN", "bold green") if found.is_clean else ("FINDINGS", "bold red")
    number = "" if found.is_clean else f" {found.findings.total():,}"
    out.print(f"{verdict}{number} in {took}{rate}", style=style)
