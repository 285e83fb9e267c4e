"""The library call: `from tradecanary import backtest`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tradecanary.backtesting.feed import Feed, coins
from tradecanary.backtesting.files import read_file
from tradecanary.backtesting.grid import Backtested, observed_horizons
from tradecanary.backtesting.live import folded
from tradecanary.backtesting.looked import Watcher
from tradecanary.backtesting.record import Counts, Record, Refused
from tradecanary.backtesting.result import GRID, RECORDED_LOOKS, Backtest, PolicyResult
from tradecanary.backtesting.routed import Routed, routed
from tradecanary.backtesting.topic import live_decisions, read_topic
from tradecanary.processors.decision.cohorts import Horizons
from tradecanary.processors.decision.policy import Policy, preset, read_policy
from tradecanary.processors.decision.ramps import RAMPS
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.processors.runtime.log import Log
from tradecanary.schemas.codec import encode
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.topics import COMMANDS

Progress = Callable[[str, int, int], None]
"""Told what is done, how many of it, of how many (0: not known)."""
SALT = "backtest"
_TOLD_EVENTS = 20_000


def no_progress(what: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the record is taken, and how it is thinned.

    `strategy`, `stable`, `canary`: read from the record where it holds one only. `first_us` and
    `last_us` bound event time, microseconds UTC, both included. `horizons`: read from the record
    unless given. `salt`: of the coin that thins.
    """

    strategy: str | None = None
    stable: str | None = None
    canary: str | None = None
    first_us: int = 0
    last_us: int = 1 << 62
    horizons: Horizons | None = None
    salt: str = SALT


def backtest(
    policies: Iterable[Policy | str | Path] = (),
    *,
    file: str | Path | None = None,
    log: Log | None = None,
    choice: Choice | None = None,
    progress: Progress = no_progress,
) -> Backtest:
    """Return what the policies would have done with recorded flow, and what happened.

    `file` is an Avro container, Parquet or CSV with the fields of ExecutionEvent; `log` holds the
    topics of a run. A policy is a preset's name, the path of a YAML file, or a Policy. On a log,
    policies that ran live are taken again from its recorded looks, to the byte, and without any
    policy all of those are. Raises Refused with what the record can serve, PolicyProblem, OSError.

    >>> backtest(["docs/policies/calm.yaml"], file="monday.avro").comparison  # doctest: +SKIP
    """
    wanted = [policy_of(one) for one in policies]
    choice = choice or Choice()
    if (file is None) == (log is None):
        raise Refused("name one record: a file, or the log whose topics hold it")
    if log is not None:
        return _of_log(log, wanted, choice, progress)
    assert file is not None
    if not wanted:
        raise Refused("a file has no decisions in it: name at least one policy")
    reading = read_file(Path(file), choice.first_us, choice.last_us, progress)
    return _on_grid(reading.record(choice.strategy), wanted, choice, str(file), progress)


def policy_of(source: Policy | str | Path) -> Policy:
    """Return the policy of a preset's name or a YAML file; raise PolicyProblem, OSError."""
    if isinstance(source, Policy):
        return source
    if str(source) in RAMPS:
        return preset(str(source))
    return read_policy(Path(source).read_text(encoding="utf-8"), str(source))


def _on_grid(
    record: Record, policies: Sequence[Policy], choice: Choice, source: str, progress: Progress
) -> Backtest:
    way = routed(record, choice.stable, choice.canary)
    for policy in policies:
        way.check(policy)
    results = tuple(_run(record, way, policies, choice, progress))
    times = record.event_times
    return Backtest(
        strategy=record.strategy,
        stable=way.stable,
        canary=way.canary,
        source=source,
        first_us=int(times[0]),
        last_us=int(times[-1]),
        events=len(times),
        counts=record.counts,
        bad=record.bad,
        periods=way.periods,
        policies=results,
    )


def _run(
    record: Record, way: Routed, policies: Sequence[Policy], choice: Choice, progress: Progress
) -> Iterable[PolicyResult]:
    """Yield each policy's result; all toss the same coins."""
    tossed = coins(record, way, choice.salt)
    total = len(record.columns)
    for policy in policies:
        spec = RolloutSpec(
            rollout=f"backtest-{policy.name}",
            strategy=record.strategy,
            stable=way.stable,
            canary=way.canary,
            policy=policy,
            unit="account" if record.by_account() else "order",
        )
        run = Backtested(
            Feed(record, way, tossed), spec, choice.horizons or observed_horizons(record.columns)
        )
        watcher = Watcher(record.strategy)
        told = 0
        for looked in run.looks():
            watcher.take(looked)
            if looked.events - told >= _TOLD_EVENTS:
                told = looked.events
                progress(policy.name, told, total)
        progress(policy.name, total, total)
        thinned, unserved = run.feed.left_out()
        seen = watcher.rollouts[spec.rollout]
        yield PolicyResult(policy, GRID, spec.rollout, seen, thinned, unserved)


def _of_log(log: Log, policies: Sequence[Policy], choice: Choice, progress: Progress) -> Backtest:
    live = live_decisions(log, choice.strategy)
    hashes = {one.policy_hash for one in live.decisions}
    again = {one.hash for one in policies if one.hash in hashes}
    other = [one for one in policies if one.hash not in hashes]
    if not policies and not live.decisions:
        raise Refused("the topics hold no decisions: name at least one policy")
    found: Backtest | None = None
    if other:
        reading = read_topic(log, choice.first_us, choice.last_us, progress)
        record = reading.record(choice.strategy or live.strategy)
        found = _on_grid(record, other, choice, "topic executions", progress)
    if again or not policies:
        found = _with_live(log, live.strategy, again or hashes, choice, found, progress)
    assert found is not None
    return found


def _with_live(
    log: Log,
    strategy: str,
    hashes: set[str],
    choice: Choice,
    found: Backtest | None,
    progress: Progress,
) -> Backtest:
    """Return the backtest with the rollouts that ran live under these policies, first."""
    partition = partition_of(strategy.encode(), log.partitions(COMMANDS.name))
    watcher = Watcher(strategy)
    told = events = 0
    for looked in folded(log, partition):
        if looked.time_us > choice.last_us:
            break
        watcher.take(looked)
        events = looked.events
        if events - told >= _TOLD_EVENTS:
            told = events
            progress("what ran live", told, 0)
    progress("what ran live", events, events)
    made = [encode(one) for one in watcher.decisions]
    said = live_decisions(log, strategy).values
    results = tuple(
        PolicyResult(seen.last.spec.policy, RECORDED_LOOKS, name, seen)
        for name, seen in watcher.rollouts.items()
        if seen.last is not None
        and seen.last.spec.policy.hash in hashes
        and seen.decisions[-1].time_us >= choice.first_us
    )
    if not results:
        raise Refused(f"no rollout of strategy {strategy!r} was decided on in this period")
    spec = next(seen.last.spec for seen in watcher.rollouts.values() if seen.last is not None)
    first = min(one.decided[0].time_us for one in results)
    last = max(one.decided[-1].time_us for one in results)
    base = found or Backtest(
        strategy=strategy,
        stable=spec.stable,
        canary=spec.canary,
        source="topic executions",
        first_us=first,
        last_us=last,
        events=events,
        counts=Counts(read=events),
        bad=(),
        periods=(),
        policies=(),
    )
    return replace(
        base,
        policies=(*results, *base.policies),
        same_as_live=made == said[: len(made)] and bool(made),
    )
