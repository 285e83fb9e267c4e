"""Looks on recorded flow: on a grid of event time, each sees exactly what had happened by then."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.executions import T0_US
from tests.recorded import VERSIONS, flow, policy, record_of
from tradecanary.backtesting.feed import Feed, coins
from tradecanary.backtesting.grid import LOOK_US, Backtested, look_times, observed_horizons
from tradecanary.backtesting.looked import Looked
from tradecanary.backtesting.record import Record
from tradecanary.backtesting.routed import routed
from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.schemas.decisions import Decision, DecisionKind, RolloutStatus
from tradecanary.schemas.units import CANARY, STABLE, US_PER_S


def run(
    record: Record, rules: Policy, *, looks_left_out: bool = True
) -> tuple[list[Looked], Backtested]:
    """Return every look of the policy's run, and the run."""
    way = routed(record, None, None)
    spec = RolloutSpec(
        rollout="r1", strategy="momentum", stable=way.stable, canary=way.canary, policy=rules
    )
    feed = Feed(record, way, coins(record, way, "backtest"))
    made = Backtested(feed, spec, observed_horizons(record.columns), looks_left_out=looks_left_out)
    return list(made.looks()), made


def decisions(looks: list[Looked]) -> list[Decision]:
    """Return what was decided."""
    made = [effect.record for look in looks for effect in look.effects]
    return [one for one in made if isinstance(one, Decision)]


@given(st.lists(st.integers(0, 3 * 10**8), min_size=1, max_size=40), st.sampled_from([1, 5, 30]))
def test_looks_are_on_the_grid_and_none_that_could_see_something_is_left_out(
    offsets_us: list[int], quiet_s: int
) -> None:
    """Every event is seen by the first point of the grid at or after it; looks rise, none twice."""
    times = np.array(sorted(offsets_us), np.int64) + T0_US
    looks = list(look_times(times, quiet_s * US_PER_S))
    due = {-(-int(time) // LOOK_US) * LOOK_US for time in times}

    assert all(look % LOOK_US == 0 for look in looks)
    assert all(one < other for one, other in pairwise(looks))
    assert due <= set(looks)
    assert looks[-1] == max(due)
    for one, other in pairwise(looks):
        quiet = one - max(time for time in due if time <= one) >= quiet_s * US_PER_S
        assert other - one == LOOK_US or (quiet and other + LOOK_US in due)


def test_a_look_sees_exactly_the_events_up_to_its_own_time() -> None:
    """The orders counted up to a look are those that ended by then, in every look."""
    events = flow(seconds=5)
    record = record_of(events)
    looks, _ = run(record, policy((1_000, 100, 0)))
    counted = 0
    for look in looks:
        counted += sum(p.orders for m in look.manifests for p in m.partials)
        ended = sum(one.event_time <= look.time_us for one in events)
        assert ended == counted == look.events
    assert looks[-1].time_us - looks[-2].time_us > US_PER_S


def test_the_last_look_sees_everything_mature() -> None:
    """No cohort is left pending."""
    _, made = run(record_of(flow(seconds=5)), policy((1_000, 100, 0)))
    rollout = made.rollout()

    assert rollout is not None
    assert {} == rollout.pending
    assert (RolloutStatus.ACTIVE, 0) == (rollout.status, rollout.misrouted)


def test_an_order_takes_the_revision_in_force_when_it_was_submitted() -> None:
    """Orders submitted before a decision never count for the phase that it began.

    A vector holds for orders submitted after the look that issued it.
    """
    rules = policy((1_000, 2, 0), (3_000, 100, 0))
    looks, run_of = run(record_of(flow(seconds=6)), rules)
    made = decisions(looks)
    issued = [one.time_us for one in made if one.after.revision != one.before.revision]
    assert 2 == len(issued)
    assert issued == run_of.feed.vectors.since_us.tolist()[1:]
    increase = next(one for one in made if one.kind is DecisionKind.INCREASE)
    cohorts = {
        (partial.routing_revision, partial.cohort_us)
        for look in looks
        for manifest in look.manifests
        for partial in manifest.partials
    }

    assert {0, 1, 2} == {revision for revision, _ in cohorts}
    second_us = increase.time_us // US_PER_S * US_PER_S
    assert all(at_us >= second_us for revision, at_us in cohorts if revision == 2)
    assert all(at_us <= second_us for revision, at_us in cohorts if revision == 1)


@pytest.mark.parametrize("gap_s", [20, 400, 40_000])
def test_leaving_looks_out_in_a_pause_changes_nothing(gap_s: int) -> None:
    """The decisions are the same but for the numbers of their looks."""
    first, second = flow(seconds=4), flow(seconds=8, slow=1.6, seed=2)
    later = [
        replace(
            one,
            source_seq=one.source_seq + 1_000,
            order_id=f"later-{one.order_id}",
            unit=f"later-{one.unit}",
            submitted_at=one.submitted_at + gap_s * US_PER_S,
            event_time=one.event_time + gap_s * US_PER_S,
        )
        for one in second
    ]
    record = record_of([*first, *later])
    rules = policy((1_000, 6, 400), max_pending_s=10**6)
    some, _ = run(record, rules)
    if gap_s < 40_000:
        every, _ = run(record, rules, looks_left_out=False)
        assert _told(decisions(some)) == _told(decisions(every))
        assert len(some) <= len(every)
    assert len(some) < 400
    assert DecisionKind.ROLL_BACK is decisions(some)[-1].kind


def _told(made: list[Decision]) -> list[tuple[object, ...]]:
    return [(one.time_us, one.kind, one.reason, one.evidence.variants) for one in made]


def test_clocks_stand_still_while_the_record_cannot_serve() -> None:
    """A phase of 4 s that meets 30 s of too small a recorded weight lasts so much longer."""
    steps = [(0, 2_000), (10, 500), (40, 2_000)]
    record = record_of(flow(steps, seconds=60))
    looks, made = run(record, policy((1_000, 15, 0)))
    end = decisions(looks)[-1]
    _, unserved = made.feed.left_out()

    assert DecisionKind.PROMOTE is end.kind
    assert 15 + 30 - 6 <= (end.time_us - T0_US) / US_PER_S <= 15 + 30 + 3
    assert 5_500 < unserved <= 6_000


def test_the_rollout_waits_for_the_records_canary() -> None:
    """PENDING while the record has none; START within a look of the first order that has."""
    events = flow([(0, 0), (7, 3_000)], seconds=12)
    looks, _ = run(record_of(events), policy((1_000, 100, 0)))
    first = next(one for one in decisions(looks) if one.kind is DecisionKind.START)

    assert 0 <= T0_US + 7 * US_PER_S - first.time_us <= LOOK_US
    assert {VERSIONS[STABLE], VERSIONS[CANARY]} == {
        weight.version for weight in first.after.cells[0].weights
    }


def test_gates_are_approved_by_nobody_in_particular() -> None:
    """A policy with approvals goes through, and the decisions say so."""
    rules = policy(
        (1_000, 2, 0), (2_000, 2, 0), name="gated",
        approvals={"start": True, "phases": ["Step 2000"], "promotion": True},
    )  # fmt: skip
    made = decisions(run(record_of(flow(seconds=12)), rules)[0])

    assert DecisionKind.PROMOTE is made[-1].kind
    assert 3 == sum(one.actor == "backtest-approver" for one in made)
