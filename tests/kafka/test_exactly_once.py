"""Nothing is lost and nothing counted twice, whatever dies when, on a real Kafka."""

from __future__ import annotations

from tests.kafka.checks import check_chain, check_looks, check_ranges, check_sums, check_weights
from tests.kafka.day import Day

SESSION_S = 6.0
_START_S = 5.0


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


def test_killed_stage_is_back_in_time(day: Day) -> None:
    """Killed and started again, a stage works within the session and 5 s."""
    assert {"aggregation", "decision"} == set(day.back_s)
    assert max(day.back_s.values()) < SESSION_S + _START_S, day.back_s
