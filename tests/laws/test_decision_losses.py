"""Losses count for the strategies that a publisher serves, and against their own events."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from tests.stories.flow import Flow
from tests.stories.teller import STRATEGY, Teller
from tradecanary.processors.decision.losses import FlowCounts, of_manifests
from tradecanary.schemas.decisions import Vector
from tradecanary.schemas.metrics import MetricsBatch, PublisherProgress
from tradecanary.schemas.strategy_set import may_hold, only

_BEGINS = """
run 60s
start policy=aggressive judge={judge}
-> HOLD PENDING
-> START
"""


@dataclass
class Shared(Flow):
    """A partition that another publisher shares: its events a second, and what it loses."""

    other: PublisherProgress | None = None

    @override
    def manifest(self, vector: Vector | None, cohort_us: int, words: list[str]) -> MetricsBatch:
        """The strategy's own manifest, with the other's counts in it."""
        made = super().manifest(vector, cohort_us, words)
        if self.other is None:
            return made
        more = self.other
        other = replace(more, live_max_event_time_us=cohort_us)
        self.offset += more.events
        (own,) = made.ranges
        shared = replace(
            own,
            next_offset=self.offset,
            events=own.events + more.events,
            missing=own.missing + more.missing,
        )
        return replace(made, ranges=(shared,), publishers=(*made.publishers, other))


def _told(other: PublisherProgress, lose: int, judge: str = "thresholds", bad: int = 0) -> Teller:
    """Return the teller 20 s after the other publisher came and the own began to lose."""
    teller = Teller(flow=Shared())
    teller.tell(_BEGINS.format(judge=judge))
    flow = teller.flow
    assert isinstance(flow, Shared)
    flow.other = other
    for _ in range(20):
        flow.missing, flow.bad = lose, bad
        teller.run(["1s"])
    return teller


def _other(events: int, missing: int = 0, seq: int = 1, serves: str = "other") -> PublisherProgress:
    strategies = only(serves) if serves else 0
    return PublisherProgress(0, "g2", events, seq, 0, missing, strategies)


def test_a_small_strategy_s_losses_are_not_diluted() -> None:
    """It loses a fifth beside 100,000 events a second of others, and is taken back."""
    last = _told(_other(100_000), lose=50).decisions[-1]

    assert ("ROLL_BACK", True) == (last.kind.value, "of the phase are missing" in last.reason)


@pytest.mark.parametrize("serves", ["other", STRATEGY, ""])
def test_a_publisher_s_losses_count_for_whom_it_serves(serves: str) -> None:
    """Nobody else is held; who is not said to be served may be, as in what was written before."""
    kinds = [one.kind.value for one in _told(_other(2_000, 40, serves=serves), 0).decisions]

    assert ("ROLL_BACK" in kinds) == (serves != "other")


@pytest.mark.parametrize(("serves", "hold"), [("other", ""), (STRATEGY, "foreign")])
def test_unnumbered_events_of_others_hold_nobody(serves: str, hold: str) -> None:
    """One event of a foreign publisher holds the judge of the strategy that it is of."""
    teller = _told(_other(1, seq=-1, serves=serves), 0, judge="sequential")
    rollout = teller.state.strategies[STRATEGY].rollout

    assert rollout is not None
    assert hold == rollout.told_hold


def test_bad_records_are_everybody_s() -> None:
    """Their strategy could not be read: they may all be the small one's."""
    rollout = _told(_other(100_000), 0, bad=10).state.strategies[STRATEGY].rollout

    assert rollout is not None
    assert "bad" == rollout.told_hold


@given(st.lists(st.text(min_size=1, max_size=12), max_size=8), st.text(min_size=1, max_size=12))
def test_a_set_of_strategies_holds_what_was_put_in(names: list[str], other: str) -> None:
    """A collision may say too much, never too little; an empty set was not recorded."""
    strategies = 0
    for name in names:
        strategies |= only(name)

    assert all(may_hold(strategies, name) for name in names)
    assert may_hold(0, other)
    assert 0 <= strategies < 1 << 63


def test_what_no_publisher_says_counts_for_all() -> None:
    """An aggregation of before said only how many were missing of a partition."""
    manifest = Flow(missing=7).manifest(None, -1, [])
    lost = of_manifests([manifest])

    assert FlowCounts(missing=7) == lost.of("a", ()) == lost.of("b", ())
