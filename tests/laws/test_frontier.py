"""How far the flow was folded: whatever manifests come, watermark and phase time keep rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradecanary.processors.decision.frontier import (
    Fit,
    Flow,
    advance_watermark,
    clock_step_us,
    fit,
    fold,
    taken_over,
)
from tradecanary.schemas.metrics import MetricsBatch, PublisherProgress, SourceRange
from tradecanary.schemas.units import US_PER_S

T0_US = 1_000_000 * US_PER_S
_PARTITIONS = range(2)
_SOURCES = ("g1", "g2")


def _range(partition: int, first: int, count: int, *, caught_up: bool = True) -> SourceRange:
    return SourceRange(partition, first, first + count, count, 0, 0, 0, 0, caught_up)


def _manifest(ranges: Sequence[SourceRange], *heard: PublisherProgress) -> MetricsBatch:
    return MetricsBatch("a", 1, 0, 0, 1, tuple(ranges), heard, ())


def _heard(
    flow: Flow,
    now_us: int,
    partition: int = 0,
    *,
    caught_up: bool = True,
    at_us: int | None = None,
    source: str = "g1",
) -> Flow:
    """One manifest of one partition, with one event at `at_us`, or none; the watermark goes on."""
    known = flow.partitions.get(partition)
    first = known.next_offset if known else 0
    heard = [] if at_us is None else [PublisherProgress(partition, source, 1, 0, at_us)]
    part = _range(partition, first, len(heard), caught_up=caught_up)
    return advance_watermark(fold(flow, _manifest([part], *heard), now_us)[0], now_us)


_PARTS: st.SearchStrategy[dict[str, object]] = st.builds(
    dict,
    partition=st.sampled_from(_PARTITIONS),
    leap=st.sampled_from([0, 0, 0, 0, -3, 5]),
    count=st.integers(0, 9),
    caught_up=st.booleans(),
    sources=st.lists(st.sampled_from(_SOURCES), unique=True),
    behind_us=st.integers(-5, 200).map(lambda tenths: tenths * US_PER_S // 10),
)
_LOOKS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 10, 49, 50, 51, 99, 101, 600]),
        st.lists(_PARTS, max_size=3, unique_by=lambda part: part["partition"]),
        st.sampled_from([0, 0, 0, 0, 0, 30]),
    ),
    max_size=40,
)


@given(_LOOKS)
def test_nothing_goes_backwards(looks: list[tuple[int, list[dict[str, object]], int]]) -> None:
    """Watermarks, frontiers, counts; a look moves a clock by no more than it saw, and at most 5 s.

    All clocks together never pass the time in which events came.
    """
    now_us, clock_us = T0_US, 0
    flow = Flow(since_us=now_us)
    for tenths, parts, away_s in looks:
        if away_s:
            now_us += away_s * US_PER_S
            flow = taken_over(flow, away_s * US_PER_S)
        now_us += tenths * US_PER_S // 10
        before = flow
        if parts:
            flow, _ = fold(flow, _drawn(flow, parts, now_us), now_us)
        flow = advance_watermark(flow, now_us)
        moved_us = clock_step_us(before, flow, now_us)
        clock_us += moved_us

        assert before.watermark_us <= flow.watermark_us
        assert (before.behind, before.gaps) <= (flow.behind, flow.gaps)
        for number, old in before.partitions.items():
            assert old.watermark_us <= flow.partitions[number].watermark_us
            assert old.next_offset <= flow.partitions[number].next_offset
        assert 0 <= moved_us <= 5 * US_PER_S
        assert moved_us <= flow.watermark_us - before.watermark_us
        assert not (flow.idle and moved_us)
    assert clock_us <= now_us - T0_US


def _drawn(flow: Flow, parts: list[dict[str, object]], now_us: int) -> MetricsBatch:
    ranges, heard = [], []
    for part in parts:
        number, leap, count = part["partition"], part["leap"], part["count"]
        assert isinstance(number, int)
        assert isinstance(leap, int)
        assert isinstance(count, int)
        known = flow.partitions.get(number)
        first = max(0, (known.next_offset if known else 0) + leap)
        ranges.append(_range(number, first, count, caught_up=bool(part["caught_up"])))
        sources, behind_us = part["sources"], part["behind_us"]
        assert isinstance(sources, list)
        assert isinstance(behind_us, int)
        heard += [PublisherProgress(number, s, 1, 0, now_us - behind_us) for s in sources if count]
    return _manifest(ranges, *heard)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 2**40))
def test_what_lies_behind_changes_no_sum(behind: int, count: int, live_max_us: int) -> None:
    """It is counted, and nothing else: no sum, no frontier, no watermark, no age of the data."""
    flow = _heard(Flow(since_us=T0_US), T0_US, at_us=T0_US)
    flow, _ = fold(flow, _manifest([_range(0, 1, 40)]), T0_US)
    end = min(behind + count, 40)
    old = _manifest(
        [replace(_range(0, behind, end - behind), missing=3, bad=2)],
        PublisherProgress(0, "g1", 1, -1, live_max_us),
    )
    later_us = T0_US + US_PER_S

    assert (replace(flow, behind=1), Fit.BEHIND) == fold(flow, old, later_us)


@pytest.mark.parametrize(
    ("first", "count", "how"),
    [
        (10, 5, Fit.CONTINUES),
        (10, 0, Fit.CONTINUES),
        (11, 5, Fit.GAP),
        (5, 5, Fit.BEHIND),
        (5, 6, Fit.GAP),
        (0, 0, Fit.BEHIND),
    ],
)
def test_how_a_manifest_lies(first: int, count: int, how: Fit) -> None:
    """It continues the frontier, lies behind it, or leaves a gap; torn is a gap."""
    flow, _ = fold(Flow(since_us=T0_US), _manifest([_range(0, 0, 10)]), T0_US)
    manifest = _manifest([_range(0, first, count)])

    assert how is fit(flow, manifest)
    after, _ = fold(flow, manifest, T0_US)
    assert (how is Fit.GAP, how is Fit.BEHIND) == (after.gaps, after.behind)
    assert max(10, first + count) == after.partitions[0].next_offset


def test_one_torn_partition_makes_a_gap_of_all() -> None:
    """A manifest is one transaction: behind on one partition and not on another is no order."""
    flow, _ = fold(Flow(since_us=T0_US), _manifest([_range(0, 0, 10), _range(1, 0, 10)]), T0_US)

    assert Fit.GAP is fit(flow, _manifest([_range(0, 0, 10), _range(1, 10, 1)]))
    assert Fit.GAP is fit(flow, _manifest([_range(0, 11, 1), _range(1, 10, 1)]))
    assert Fit.CONTINUES is fit(flow, _manifest([_range(0, 10, 1), _range(2, 90, 1)]))


def test_the_slowest_publisher_of_the_last_ten_seconds_holds_the_watermark() -> None:
    """One that is silent, or sends only what is old, holds it for 10 s and no longer."""
    flow = _heard(Flow(since_us=T0_US), T0_US, at_us=T0_US, source="slow")
    for second in range(1, 10):
        now_us = T0_US + second * US_PER_S
        flow = _heard(flow, now_us, at_us=now_us)
        flow = _heard(flow, now_us, at_us=T0_US - US_PER_S, source="slow")  # nothing newer
        assert T0_US == flow.watermark_us
    before_us = T0_US + 10 * US_PER_S - 1
    flow = _heard(flow, before_us, at_us=before_us)
    assert T0_US == flow.watermark_us
    now_us = T0_US + 10 * US_PER_S
    flow = _heard(flow, now_us, at_us=now_us)

    assert now_us == flow.watermark_us


@pytest.mark.parametrize("caught_up", [True, False])
def test_a_partition_idle_for_five_seconds_holds_nothing(*, caught_up: bool) -> None:
    """Only one that is caught up is idle: behind, it may have anything to come."""
    flow = _heard(Flow(since_us=T0_US), T0_US, 1, caught_up=caught_up, at_us=T0_US)
    just_before_us = T0_US + 5 * US_PER_S - 1
    for now_us in (T0_US + US_PER_S, just_before_us):
        flow = _heard(flow, now_us, 0, at_us=now_us)
        assert T0_US == flow.watermark_us
    now_us = T0_US + 5 * US_PER_S
    flow = _heard(flow, now_us, 0, at_us=now_us)

    assert (now_us if caught_up else T0_US) == flow.watermark_us


def test_with_all_idle_the_watermark_goes_by_recorded_time() -> None:
    """It follows 5 s behind, cohorts ripen, and no clock moves: the market is closed."""
    flow = _heard(Flow(since_us=T0_US), T0_US, at_us=T0_US)
    for second in range(5, 60, 5):
        now_us, before = T0_US + second * US_PER_S, flow
        flow = _heard(flow, now_us)
        assert (flow.idle, 0) == (True, clock_step_us(before, flow, now_us))
        assert now_us - 5 * US_PER_S == flow.watermark_us


def test_without_any_partition_there_is_no_watermark() -> None:
    """A decider that heard nothing yet says nothing of time."""
    flow = advance_watermark(Flow(since_us=T0_US), T0_US + 60 * US_PER_S)

    assert -1 == flow.watermark_us
    assert not flow.is_confirmed()


def _moving(flow: Flow, now_us: int, at_us: int) -> tuple[Flow, int]:
    after = _heard(flow, now_us, at_us=at_us)
    return after, clock_step_us(flow, after, now_us)


@pytest.mark.parametrize(
    ("waited_s", "events_s", "clock_s"),
    [
        (1, 1, 1),
        (4, 1, 1),  # events came late: no more than they say
        (1, 4, 1),  # events hurry, a backlog is read: no more than the time that passed
        (60, 60, 5),
        (0, 3, 0),
    ],
)
def test_a_clock_moves_by_the_least_of_three(waited_s: int, events_s: int, clock_s: int) -> None:
    """min(watermark step, recorded time since the watermark last moved, 5 s)."""
    began_us = T0_US - 100 * US_PER_S
    flow, first_us = _moving(Flow(since_us=T0_US), T0_US, began_us)
    _, moved_us = _moving(flow, T0_US + waited_s * US_PER_S, began_us + events_s * US_PER_S)

    assert (0, clock_s * US_PER_S) == (first_us, moved_us)


@given(st.lists(st.integers(0, 30), min_size=1), st.integers(1, 3600))
def test_a_backlog_makes_no_time(steps: list[int], backlog_s: int) -> None:
    """However fast an hour of events is read, clocks advance by the time that passed."""
    now_us = T0_US
    flow, _ = _moving(Flow(since_us=now_us), now_us, T0_US - 3601 * US_PER_S)
    clock_us = 0
    for number, tenths in enumerate(steps, 1):
        now_us += tenths * US_PER_S // 10
        at_us = T0_US - 3601 * US_PER_S + backlog_s * US_PER_S * number // len(steps)
        flow, moved_us = _moving(flow, now_us, at_us)
        clock_us += moved_us

    assert clock_us <= now_us - T0_US


def test_a_new_decider_ages_nobodys_data() -> None:
    """While no decider looked nothing was to be heard; and nothing is confirmed of it."""
    flow = _heard(Flow(since_us=T0_US), T0_US, at_us=T0_US)
    away_us = 3600 * US_PER_S
    later = taken_over(flow, away_us)
    now_us = T0_US + away_us + US_PER_S

    assert (True, False) == (flow.is_confirmed(), later.is_confirmed())
    assert US_PER_S == later.data_age_us(now_us)
    assert not advance_watermark(later, now_us).idle
    assert T0_US == advance_watermark(later, now_us).watermark_us
    assert _heard(later, now_us).is_confirmed()
    assert not _heard(later, now_us, caught_up=False).is_confirmed()


def test_data_are_as_old_as_the_partition_seen_longest_ago() -> None:
    """Since it was last seen caught up; with none, since the decider began."""
    flow = Flow(since_us=T0_US)
    assert US_PER_S == flow.data_age_us(T0_US + US_PER_S)
    flow = _heard(flow, T0_US, 0)
    flow = _heard(flow, T0_US + 3 * US_PER_S, 1)
    now_us = T0_US + 4 * US_PER_S
    assert 4 * US_PER_S == flow.data_age_us(now_us)
    flow = _heard(flow, now_us, 0, caught_up=False)
    assert 4 * US_PER_S == flow.data_age_us(now_us)

    assert US_PER_S == _heard(flow, now_us, 0).data_age_us(now_us)
