"""Backtests of recorded worlds: what ran is taken again, other policies end as they should."""

from __future__ import annotations

import pytest

from tests.simulation.recorded_worlds import DEMANDING, EARLY, RAN, world
from tradecanary.backtesting.backtest import Choice, backtest
from tradecanary.backtesting.live import Differs, folded
from tradecanary.backtesting.record import Refused
from tradecanary.backtesting.result import GRID, RECORDED_LOOKS
from tradecanary.processors.decision.cohorts import Horizons
from tradecanary.processors.decision.replay import Unrecorded
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.codec import encode
from tradecanary.schemas.decisions import DecisionKind, RolloutStatus
from tradecanary.schemas.routing import UnitKind
from tradecanary.schemas.topics import (
    DECISION_INPUTS,
    DECISIONS,
    EXECUTIONS,
    METRICS,
    ROUTING_WEIGHTS,
    TOPICS,
)
from tradecanary.schemas.units import US_PER_S


def _values(log: MemoryLog, topic: str) -> list[bytes | None]:
    return [record.value for record in log.read(TopicPartition(topic, 0))]


@pytest.mark.parametrize(
    ("fault", "unit"),
    [("slow:3", UnitKind.ORDER), (None, UnitKind.ORDER), (None, UnitKind.ACCOUNT)],
)
def test_what_ran_is_taken_again_to_the_byte(fault: str | None, unit: UnitKind) -> None:
    """From `executions` and the recorded looks: decisions, looks and weights are those written.

    The partial sums are counted anew: the recorded ones could be anything.
    """
    log = world(fault, unit).world.log
    effects = [effect for looked in folded(log, 0) for effect in looked.effects]
    for topic in (DECISIONS, DECISION_INPUTS, ROUTING_WEIGHTS):
        made = [encode(one.record) for one in effects if one.topic == topic.name]
        assert _values(log, topic.name) == made
        assert made
    found = backtest(log=log)

    assert (True, [RECORDED_LOOKS]) == (found.same_as_live, [one.how for one in found.policies])
    assert RAN == found.policies[0].policy


@pytest.mark.parametrize(
    ("fault", "outcome", "named"),
    [("slow:3", "rolled back", "latency"), (None, "promoted", "phase Two passed")],
)
def test_another_policy_on_the_topic(fault: str | None, outcome: str, named: str) -> None:
    """With weights below the recorded ones: the slow canary is taken back, the healthy is not."""
    found = backtest([EARLY], log=world(fault).world.log)
    (early,) = found.policies

    assert (GRID, outcome) == (early.how, early.outcome), early.reason
    assert named in early.reason
    assert early.thinned > 0
    assert early.money.canary_orders < found.happened.canary_orders
    assert None is found.same_as_live


def test_the_policy_that_ran_gives_nearly_the_same_on_the_grid() -> None:
    """Looked at every 200 ms instead of every 50: the same ends, within a second."""
    renamed = RAN.model_copy(update={"name": "renamed"})
    found = backtest([RAN, renamed], log=world(None).world.log)
    live, grid = found.policies
    promoted = [
        next(one for one in each.decided if one.kind is DecisionKind.PROMOTE)
        for each in (live, grid)
    ]

    assert [RECORDED_LOOKS, GRID] == [live.how, grid.how]
    assert abs(promoted[0].time_us - promoted[1].time_us) <= US_PER_S
    assert RolloutStatus.WATCHING is promoted[1].status


def test_accounts_are_thinned_whole() -> None:
    """Where the unit is the account, an account under one vector is kept or left out as a whole."""
    found = backtest([EARLY], log=world(None, UnitKind.ACCOUNT).world.log)
    (early,) = found.policies
    last = early.seen.last

    assert last is not None
    assert "account" == last.spec.unit
    assert 0 == last.misrouted
    assert early.thinned > 0


def test_a_policy_that_asks_for_more_is_refused() -> None:
    """The slow canary never had more than 50 %; nothing is run."""
    with pytest.raises(Refused, match=r"'demanding' asks for 90 % .* at most 50 %"):
        backtest([DEMANDING], log=world("slow:3").world.log)


def test_tables_tell_of_every_policy() -> None:
    """One frame a table, the policy in front; windows add up to the orders of the outcome."""
    found = backtest([RAN, EARLY], log=world("slow:3").world.log)
    names = {one.name for one in found.policies}
    early = found.policies[1]
    canary = early.windows[early.windows["variant"] == "canary"]

    for table in (found.decisions, found.windows, found.evidence):
        assert names == set(table["policy"])
    assert early.money.canary_orders == canary["orders"].sum()
    assert {"latency"} <= set(early.evidence["stream"].dropna())
    assert ["rolled back", "rolled back"] == list(found.comparison["outcome"])
    spared = found.comparison["spared"] + found.comparison["excess_loss"]
    assert spared.round(6).eq(round(found.happened.excess_loss, 6)).all()


def test_a_topic_that_was_changed_is_found_out() -> None:
    """An execution less, or one that differs: the manifests' counts, or the bytes, do not fit."""
    records = _all_records(world("slow:3").world.log)
    places = [n for n, one in enumerate(records) if one.topic == EXECUTIONS.name]
    without = [one for n, one in enumerate(records) if n != places[700]]
    with pytest.raises(Differs, match=r"counted \(events, duplicates, missing, bad\)"):
        backtest(log=_loaded(without))
    without_looks = [one for one in records if one.topic != DECISION_INPUTS.name or one.offset > 3]
    with pytest.raises(Unrecorded, match="cannot be taken again from its beginning"):
        backtest(log=_loaded(without_looks))
    without_metrics = [one for one in records if one.topic != METRICS.name]
    with pytest.raises(Unrecorded, match="which metrics does not hold"):
        backtest(log=_loaded(without_metrics))


def _all_records(log: MemoryLog) -> list[LogRecord]:
    return [
        record
        for topic in TOPICS
        for number in range(log.partitions(topic.name))
        for record in log.read(TopicPartition(topic.name, number))
    ]


def _loaded(records: list[LogRecord]) -> MemoryLog:
    log = MemoryLog(lambda: 0, executions=2, control=1)
    log.load(records)
    return log


def test_a_horizon_may_be_given() -> None:
    """Read from the record it is the oldest outcome's age; given, it is what is attested."""
    log = world(None).world.log
    read = backtest([EARLY], log=log).policies[0].seen.last
    given = backtest([EARLY], log=log, choice=Choice(horizons=Horizons(3_000_000, 4_000_000)))
    last = given.policies[0].seen.last

    assert read is not None
    assert last is not None
    assert 0 < read.order_horizon_us <= 2_100_000
    assert (3_000_000, 4_000_000) == (last.order_horizon_us, last.markout_horizon_us)
