"""Nothing is lost, doubled or obeyed wrongly on a hard day, with three control partitions."""

from __future__ import annotations

import pytest

from tests.kafka.checks import check_chain, check_ranges, check_sums, check_weights, letters, of
from tests.kafka.checks import decisions as decisions_of
from tests.kafka.hard_day import (
    KILLED,
    LAPSED,
    PLANTED,
    RACED,
    RISEN,
    STRATEGIES,
    HardDay,
    play,
)
from tests.kafka.services import CANARY, STABLE
from tests.tape import audited
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import LogRecord
from tradecanary.producers.leases import FRESH_MS
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.decisions import DecisionKind, Look, RolloutStatus
from tradecanary.schemas.execution import ExecutionEvent, Kind
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.routing import RoutingWeights
from tradecanary.schemas.topics import DECISION_INPUTS, DECISIONS, EXECUTIONS, ROUTING_WEIGHTS

CLOCKS_MS = 1_000
"""A service's clock may be 0.5 s behind the host's; the router learns the broker's from reports."""


@pytest.fixture(scope="module")
def hard_day(bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory) -> HardDay:
    """Give the hard day, played once."""
    return play(bootstrap_servers, tmp_path_factory.mktemp("hard-day"))


def test_stopped_twins_count_nothing_twice(hard_day: HardDay) -> None:
    """After SIGSTOP past the session and SIGCONT, sums and ranges are exact."""
    assert check_sums(hard_day.records) > 2_000
    assert check_ranges(hard_day.records) > 50


def test_an_evicted_decider_renews_nothing(hard_day: HardDay) -> None:
    """No record of an old epoch follows one of a newer epoch; chains are unbroken."""
    check_weights([record for record, _ in _vectors(hard_day)])
    assert check_chain(hard_day.records) >= len(STRATEGIES)
    for number in range(3):
        looks = [decode(Look, r.value) for r in of(hard_day.records, DECISION_INPUTS.name, number)]
        assert [look.number for look in looks] == list(range(1, len(looks) + 1))
        assert [look.epoch for look in looks] == sorted(look.epoch for look in looks)


def _vectors(hard_day: HardDay) -> list[tuple[LogRecord, RoutingWeights]]:
    """Return what the deciders wrote into `routing-weights`."""
    records = of(hard_day.records, ROUTING_WEIGHTS.name)
    vectors = [(record, decode(RoutingWeights, record.value)) for record in records]
    return [(record, vector) for record, vector in vectors if vector.rollout != PLANTED]


def test_dead_letters_are_what_was_injected(hard_day: HardDay) -> None:
    """Garbage, foreign, cut, null and oversize records, each once, with where it lay and why."""
    found = letters(hard_day.records)

    assert sorted(hard_day.injected) == sorted((x.topic, x.partition, x.offset) for x in found)
    assert all(letter.reason for letter in found)
    assert 900_000 in {letter.value_length for letter in found}


def test_three_partitions_work_as_one(hard_day: HardDay) -> None:
    """Each strategy is decided on its own partition, once, and all three were used."""
    where = {
        (decision.strategy, decision.partition)
        for made in decisions_of(hard_day.records).values()
        for decision in made
    }

    assert {(name, partition_of(name.encode(), 3)) for name in STRATEGIES} == where
    assert {0, 1, 2} == {record.partition for record in of(hard_day.records, DECISIONS.name)}


def test_an_abort_in_flight_wins(hard_day: HardDay) -> None:
    """Behind an increase and a promotion sent at once, the abort ends the rollout."""
    last = decisions_of(hard_day.records)[RACED][-1]
    answers = {one.command_id: one for one in decisions_of(hard_day.records)[RACED]}

    assert RolloutStatus.ROLLED_BACK is last.status
    assert DecisionKind.ROLL_BACK is answers[hard_day.race[2]].kind


def test_a_dead_controller_means_the_baseline(hard_day: HardDay) -> None:
    """Every router lapses: to stable, or to what was promoted; no coin decides."""
    assert {KILLED: STABLE, LAPSED: STABLE, RISEN: CANARY} == hard_day.baselines
    lapsed = [one for one in _orders(hard_day) if hard_day.lapsed_us < one.submitted_at]
    for one in lapsed:
        baseline = CANARY if one.strategy == RISEN else STABLE
        first = one.version == STABLE  # a router that has just started knows no vector
        assert 0 == one.routing_revision
        assert first or one.version == baseline
    assert len(lapsed) > 50


def test_no_vector_is_followed_beyond_its_lease(hard_day: HardDay) -> None:
    """The last renewal counts from when the broker took it, at most FRESH_MS later."""
    until_us: dict[str, int] = {}
    for record, vector in _vectors(hard_day):
        if record.timestamp_ms * 1000 < hard_day.woken_us:
            ends_ms = record.timestamp_ms + FRESH_MS + vector.lease_ms + CLOCKS_MS
            until_us[vector.strategy] = max(ends_ms * 1000, until_us.get(vector.strategy, 0))
    late = [
        one
        for one in _orders(hard_day)
        if one.routing_revision > 0 and one.submitted_at > until_us[one.strategy]
    ]

    assert set(STRATEGIES) == set(until_us)
    assert [] == late


def _orders(hard_day: HardDay) -> list[ExecutionEvent]:
    """Return the orders before a decider lived again."""
    found = []
    for record in of(hard_day.records, EXECUTIONS.name):
        try:
            event = decode(ExecutionEvent, record.value)
        except ContractViolation:
            continue  # injected
        if event.kind is Kind.OUTCOME and event.submitted_at < hard_day.woken_us:
            found.append(event)
    return found


def test_older_marks_are_ignored(hard_day: HardDay) -> None:
    """An older epoch or revision moves no router and is counted."""
    assert hard_day.ignored >= 2
    assert hard_day.followed[0] == hard_day.followed[1]


def test_a_kill_needs_no_decider(hard_day: HardDay) -> None:
    """The switch is obeyed with the decider dead and after the router's restart; unkill ends it."""
    assert (0, True, 0) == (
        hard_day.kill_exit,
        hard_day.killed_after_restart,
        hard_day.unkill_exit,
    )


def test_an_audit_of_the_hard_day_is_clean(hard_day: HardDay) -> None:
    """Takeovers, twins, garbage and kills: every decision is made again, no order is misrouted."""
    log = MemoryLog(lambda: 0, executions=2, control=3)
    log.load(hard_day.records)
    found, told = audited(log)

    assert [] == told
    assert [] == found.notes
    assert found.decisions == found.recomputed == len(of(hard_day.records, DECISIONS.name))
    assert found.orders is not None
    bad = [place for place in hard_day.injected if place[0] == EXECUTIONS.name]
    assert len(bad) == found.orders.unreadable
