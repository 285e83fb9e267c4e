"""Nothing is lost and nothing counted twice, whatever dies when, on a real Kafka."""

from __future__ import annotations

from tests.kafka.checks import (
    check_chain,
    check_looks,
    check_ranges,
    check_sums,
    check_weights,
    manifests,
    of,
)
from tests.kafka.day import Day
from tradecanary.schemas.codec import decode
from tradecanary.schemas.decisions import Look
from tradecanary.schemas.topics import DECISION_INPUTS


def test_sums_equal_a_plain_recomputation(day: Day) -> None:
    """After kill -9 of the aggregator in traffic, merged sums are exact to the bit."""
    assert check_sums(day.records) > 5_000


def test_every_offset_is_counted_once(day: Day) -> None:
    """Law (3): manifests tile `executions`, and each range's counts add up to its width."""
    assert check_ranges(day.records) > 50


def test_decisions_go_on_after_kill(day: Day) -> None:
    """After kill -9 of the decider the chain is unbroken, revisions and looks have no gap."""
    check_weights(day.records)
    assert check_looks(day.records) > 100
    assert check_chain(day.records) > 30


def test_killed_stages_came_back(day: Day) -> None:
    """Killed and started again in its slot, each stage worked on: records of two lives."""
    parts = [part for named in manifests(day.records)[0].values() for part in named]
    looks = [decode(Look, record.value) for record in of(day.records, DECISION_INPUTS.name)]

    assert {"0"} == {part.slot for part in parts}
    assert len({part.incarnation for part in parts}) > 1
    assert len({look.epoch for look in looks}) > 1
