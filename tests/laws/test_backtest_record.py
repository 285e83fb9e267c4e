"""What a record keeps of a log: every event once, numbers with the true holes only, in time."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.executions import T0_US, event, fold_all, log_of, mutated
from tests.recorded import VERSIONS, flow, record_of
from tradecanary.backtesting import kernel as at
from tradecanary.backtesting.feed import Feed, coins
from tradecanary.backtesting.record import Reading, Refused
from tradecanary.backtesting.routed import routed
from tradecanary.processors.aggregation.compiled import CompiledFold
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.execution import ExecutionEvent, Mode
from tradecanary.schemas.units import CANARY


@settings(max_examples=40)
@given(st.randoms(use_true_random=False), st.integers(1, 400))
def test_numbers_are_closed_up_but_for_what_was_lost(rng: random.Random, count: int) -> None:
    """With repeats, losses, late events and other strategies: counted as the aggregation counts.

    Given out again by event time, the numbers of each publisher rise, and their holes are as many
    as were lost of it up to the strategy's last event.
    """
    made = []
    for number in range(count):
        if rng.random() < 0.05:
            continue  # lost
        late_us = rng.randrange(3_000_000) if rng.random() < 0.1 else 0
        one = event(
            source=f"gateway-{number % 3}",
            source_seq=number // 3,
            strategy="other" if rng.random() < 0.3 else "momentum",
            event_time=T0_US + 10_000_000 + number * 1_000 - late_us,
        )
        made += [one] * (2 if rng.random() < 0.05 else 1)
    if not any(one.strategy == "momentum" for one in made):
        return
    drained, _ = fold_all(CompiledFold(), log_of(map(encode, made), T0_US // 1_000 + 20_000))
    reading = Reading(numbered=True, from_start=True)
    reading.add([encode(one) for one in made], range(len(made)))
    record = reading.record("momentum")
    tally = drained.tallies[0]
    sources = list(dict.fromkeys(one.source for one in made))  # rows of publishers, as first met

    assert (tally.duplicates, tally.missing) == (record.counts.duplicates, record.counts.missing)
    assert (np.diff(record.event_times) >= 0).all()
    for row in np.unique(record.columns[:, at.PUBLISHER]):
        chosen = record.columns[:, at.PUBLISHER] == row
        mine, last = record.numbers[chosen], int(record.columns[chosen, at.NUMBER].max())
        source = sources[int(row)]
        known = {one.source_seq for one in made if one.source == source and one.source_seq <= last}
        assert (np.diff(mine) > 0).all()
        assert last + 1 - len(known) == int(mine[-1]) + 1 - len(mine)


def test_a_rerouted_event_is_the_event_with_another_route() -> None:
    """All fields but number, mode, revision and weight are those recorded; both are as issued."""
    events = flow([(0, 0), (1, 4_000), (2, 10_000)], seconds=3, per_s=100)
    record = record_of(events)
    way = routed(record, None, None)
    feed = Feed(record, way, coins(record, way, "salt"))
    issued_us = T0_US + 500_000
    feed.issue(issued_us, 7, 1_000)
    fed = [
        decode(ExecutionEvent, value)
        for batch in feed.batches(0, len(events), T0_US + 10_000_000)
        for value in batch.values
    ]
    by_order = {one.order_id: one for one in events}

    assert len(events) == len(fed)
    for one in fed:
        was = by_order[one.order_id]
        same = replace(
            one, source_seq=was.source_seq, mode=was.mode,
            routing_revision=was.routing_revision, weight_bp=was.weight_bp,
        )  # fmt: skip
        assert was == same
        if was.submitted_at <= issued_us:
            assert (Mode.LIVE, 0) == (one.mode, one.routing_revision)
        elif was.weight_bp in {10_000, 0} and was.routing_revision:
            assert (Mode.SHADOW, 0) == (one.mode, one.routing_revision)
        elif was.routing_revision:
            assert one.routing_revision in ({0, 7} if one.variant == CANARY else {7})
            assert one.weight_bp == (1_000 if one.variant == CANARY else 9_000)
            assert one.mode is Mode.LIVE
    thinned, unserved = feed.left_out()
    assert thinned == sum(
        one.routing_revision == 0 and one.variant == CANARY and one.mode is Mode.LIVE
        for one in fed if by_order[one.order_id].submitted_at > issued_us
    ) > 0  # fmt: skip
    assert unserved == sum(
        one.mode is Mode.SHADOW or by_order[one.order_id].routing_revision == 0
        for one in fed if one.submitted_at > issued_us
    ) > 0  # fmt: skip


def test_bad_records_are_named_and_too_many_are_fatal() -> None:
    """Where each lies and why; above 1 % the rest would not be what happened."""
    rng = random.Random(2)
    values = [encode(one) for one in flow(seconds=2)]
    values[17] = mutated(rng, values[17])[:60]
    reading = Reading(numbered=True)
    reading.add(values, [f"row {number}" for number in range(len(values))])
    record = reading.record(None)

    assert (1, "row 17") == (record.counts.bad, record.bad[0].where)
    assert "body does not decode" in record.bad[0].reason
    for number in range(20, 25):
        values[number] = b"garbage"
    many = Reading(numbered=True)
    many.add(values, range(len(values)))
    with pytest.raises(Refused, match=r"6 of 400 records are bad.*\n  17: .*\n  20: "):
        many.record(None)


def test_several_strategies_and_builds_must_be_named() -> None:
    """The refusal lists what there is."""
    events = flow(seconds=1)
    values = [encode(one) for one in events]
    values.append(encode(replace(events[0], strategy="vwap", source_seq=10_000)))
    reading = Reading(numbered=False)
    reading.add(values, range(len(values)))
    record = reading.record("momentum")

    with pytest.raises(Refused, match="holds 2 strategies; name one: momentum, vwap"):
        reading.record(None)
    with pytest.raises(Refused, match=f"holds {VERSIONS['stable']} -> {VERSIONS['canary']}"):
        routed(record, None, "momentum-3.0.0-00000000")
