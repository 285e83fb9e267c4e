"""Laws of planted faults: each changes what its name says, by its magnitude, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradecanary.producers.simulation.faults import (
    FAULTS,
    Fault,
    FaultName,
    apply,
    parse_fault,
)
from tradecanary.producers.simulation.orders import Execution, Order
from tradecanary.producers.simulation.stream_faults import (
    HEADER_BYTES,
    Message,
    StreamFault,
    StreamFaultName,
    corrupted,
    disturb,
    parse_stream_fault,
)
from tradecanary.producers.simulation.synthetic import synthetic_market
from tradecanary.producers.simulation.venue import Venue
from tradecanary.schemas.execution import OrderStatus, Side


def _healthy(count: int) -> list[Execution]:
    made = synthetic_market(1, 60_000_000)
    venue, rng = Venue(made), Random(5)
    sides = (Side.BUY, Side.SELL)
    return [
        venue.execute(Order(f"A-{i}", sides[i % 2], 10.0, i * made.open_duration_us // count), rng)
        for i in range(count)
    ]


HEALTHY = _healthy(5_000)


def _ill(text: str) -> list[Execution | None]:
    rng = Random(9)
    return [apply(parse_fault(text), execution, rng) for execution in HEALTHY]


def _known(text: str) -> list[Execution]:
    return [execution for execution in _ill(text) if execution is not None]


def _share(executions: list[Execution], test: Callable[[Execution], bool]) -> float:
    return sum(map(test, executions)) / len(executions)


def _slippage_bp(execution: Execution) -> float:
    assert execution.avg_price is not None
    assert execution.arrival_mid is not None
    sign = 1 if execution.order.side is Side.BUY else -1
    return sign * (execution.avg_price - execution.arrival_mid) / execution.arrival_mid * 1e4


def test_slow_multiplies_the_latency_alone() -> None:
    """slow:1.2 makes every answer 1.2 times as late, and trades at the same prices."""
    for before, after in zip(HEALTHY, _known("slow:1.2"), strict=True):
        assert before.ack_latency_us is not None
        assert before.ended_after_us is not None
        assert after.ack_latency_us == pytest.approx(before.ack_latency_us * 1.2, abs=1)
        assert after.ack_latency_us is not None
        assert after.ended_after_us is not None
        delay_us = after.ended_after_us - before.ended_after_us
        assert delay_us == after.ack_latency_us - before.ack_latency_us
        assert before.fills == after.fills


def test_tail_heavy_delays_one_order_of_fifty() -> None:
    """About 2 % of the orders are 30 ms later; the 99th percentile more than doubles."""
    after = _known("tail_heavy")
    pairs = list(zip(HEALTHY, after, strict=True))
    delays = [(b.ack_latency_us or 0) - (a.ack_latency_us or 0) for a, b in pairs]
    p99 = [sorted(x.ack_latency_us or 0 for x in xs)[4_950] for xs in (HEALTHY, after)]

    assert {0, 30_000} == set(delays)
    assert 0.015 < sum(delay > 0 for delay in delays) / len(delays) < 0.025
    assert p99[1] > 2 * p99[0]


def test_rejecting_rejects_its_share() -> None:
    """rejecting:5 turns about 5 % of the orders into acknowledged rejects with nothing filled."""
    after = _known("rejecting:5")
    usual = _share(HEALTHY, lambda x: x.status is OrderStatus.REJECTED)
    rejected = [x for x in after if x.reason == "planted: rejected"]

    assert 0.04 < _share(after, lambda x: x.status is OrderStatus.REJECTED) - usual < 0.06
    assert all(x.ack_latency_us == x.ended_after_us and x.filled_qty == 0 for x in rejected)


def test_slipping_costs_its_basis_points_on_both_sides() -> None:
    """slipping:0.5 worsens every fill by 0.5 bp of the mid, and the P&L by the same money."""
    for before, after in zip(HEALTHY, _known("slipping:0.5"), strict=True):
        assert before.status == after.status
        if before.fills:
            assert _slippage_bp(after) - _slippage_bp(before) == pytest.approx(0.5, abs=1e-6)
            cost = before.filled_qty * (before.arrival_mid or 0) * 0.5e-4
            assert before.pnl - after.pnl == pytest.approx(cost)


def test_losing_takes_money_and_nothing_else() -> None:
    """losing:1 lowers the P&L by 1 bp of the filled notional; unfilled orders lose nothing."""
    for before, after in zip(HEALTHY, _known("losing:1"), strict=True):
        cost = before.filled_qty * (before.arrival_mid or 0) * 1e-4

        assert before.pnl - after.pnl == pytest.approx(cost)
        assert replace(after, pnl=before.pnl) == before


def test_unfilled_takes_fills_from_95_to_90_in_100() -> None:
    """The fill rate falls by about 5 points; what is not filled is cancelled without money."""
    after = _known("unfilled")

    def is_filled(execution: Execution) -> bool:
        return execution.status is OrderStatus.FILLED

    assert 0.04 < _share(HEALTHY, is_filled) - _share(after, is_filled) < 0.06
    assert all(
        (x.pnl, x.fees, x.avg_price, x.status) == (0, 0, None, OrderStatus.CANCELED)
        for x in after
        if x.reason == "planted: not filled"
    )


def test_silent_reports_nothing() -> None:
    """Nothing comes back from a silent canary."""
    assert {None} == set(_ill("silent"))


def test_hanging_is_never_answered_and_never_ends() -> None:
    """Neither latency is known, nothing is filled."""
    for execution in _known("hanging"):
        assert (None, None) == (execution.ack_latency_us, execution.ended_after_us)
        assert (OrderStatus.TIMED_OUT, 0.0) == (execution.status, execution.filled_qty)


def test_crashing_dies_after_its_orders() -> None:
    """crashing:7 names the seventh order; no other fault crashes; executions are untouched."""
    assert 7 == parse_fault("crashing:7").crashes_after()
    assert {None} == {
        parse_fault(name).crashes_after() for name in FaultName if name is not FaultName.CRASHING
    }
    assert HEALTHY == _known("crashing:7")


@given(st.sampled_from(FaultName), st.integers(1_000, 95_000))
def test_a_faults_text_names_it(name: FaultName, magnitude_milli: int) -> None:
    """`parse_fault` reads back what `text` wrote."""
    fault = Fault(name, magnitude_milli)

    assert fault == parse_fault(fault.text)


def test_every_fault_has_a_row() -> None:
    """A name alone stands for the default of its row."""
    assert set(FaultName) == set(FAULTS)
    for name in FaultName:
        assert Fault(name, FAULTS[name].default_milli) == parse_fault(name)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("sleepy", "allowed are slow, rejecting"),
        ("slow:fast", "a number from 1 to"),
        ("slow:0.5", "a number from 1 to"),
        ("rejecting:101", "from 0 to 100"),
        ("slipping:", "a number from 0"),
        ("slow:inf", "a number from 1"),
        ("slow:nan", "a number from 1"),
    ],
)
def test_a_fault_that_is_none_is_refused_with_what_is_allowed(text: str, allowed: str) -> None:
    """The error names the text and the choices."""
    with pytest.raises(ValueError, match=allowed):
        parse_fault(text)


# --- the stream ------------------------------------------------------------------------------

bodies = st.lists(st.binary(min_size=HEADER_BYTES + 1, max_size=40), min_size=1, max_size=60)
stream_faults = st.builds(
    StreamFault,
    name=st.sampled_from(StreamFaultName),
    share_bp=st.sampled_from([0, 1_000, 5_000, 10_000]),
    distance=st.integers(1, 9),
)


def _stream(values: list[bytes]) -> list[Message]:
    return [(str(index).encode(), value) for index, value in enumerate(values)]


@given(bodies, stream_faults, st.integers(0, 99))
def test_untouched_messages_keep_their_sequence(
    values: list[bytes], fault: StreamFault, seed: int
) -> None:
    """Whatever the fault, the messages that are not named as touched come through in sequence."""
    stream = _stream(values)
    disturbed = disturb(fault, stream, Random(seed))
    touched = {stream[index][0] for index in disturbed.touched}
    expected = [message for message in stream if message[0] not in touched]

    assert expected == [message for message in disturbed.messages if message[0] not in touched]


@given(bodies, stream_faults, st.integers(0, 99))
def test_each_stream_fault_does_what_it_says(
    values: list[bytes], fault: StreamFault, seed: int
) -> None:
    """Late: the same messages. Duplicate: one more each. Missing: gone. Corrupt: other bytes."""
    stream = _stream(values)
    disturbed = disturb(fault, stream, Random(seed))
    hit = [stream[index] for index in disturbed.touched]
    rest = [message for i, message in enumerate(stream) if i not in set(disturbed.touched)]
    came = sorted(disturbed.messages, key=lambda message: (int(message[0] or b""), message[1]))

    def in_sequence(messages: list[Message]) -> list[Message]:
        return sorted(messages, key=lambda message: (int(message[0] or b""), message[1]))

    match fault.name:
        case StreamFaultName.LATE:
            assert stream == came
        case StreamFaultName.DUPLICATE:
            assert in_sequence(stream + hit) == came
        case StreamFaultName.MISSING:
            assert rest == came
        case StreamFaultName.CORRUPT:
            assert [key for key, _ in stream] == [key for key, _ in disturbed.messages]
            for index, (before, after) in enumerate(zip(stream, disturbed.messages, strict=True)):
                assert (index in disturbed.touched) == (before != after)


@given(bodies, st.integers(1, 9), st.integers(0, 99))
def test_late_is_at_most_its_distance(values: list[bytes], distance: int, seed: int) -> None:
    """No late message comes more than `distance` untouched messages after its place."""
    stream = _stream(values)
    fault = StreamFault(StreamFaultName.LATE, 3_000, distance)
    disturbed = disturb(fault, stream, Random(seed))
    touched = set(disturbed.touched)
    for index in touched:
        place = disturbed.messages.index(stream[index])
        before = {int(message[0] or b"") for message in disturbed.messages[:place]}

        assert max(before, default=0) <= index + distance


@given(st.binary(min_size=HEADER_BYTES + 1, max_size=60), st.integers(0, 999))
def test_a_corrupt_value_is_never_a_whole_one(value: bytes, seed: int) -> None:
    """Its first ten bytes differ, or its length does: no reader can take it for the original."""
    broken = corrupted(value, Random(seed))

    assert broken[:HEADER_BYTES] != value[:HEADER_BYTES] or len(broken) != len(value)


def test_the_same_seed_disturbs_alike() -> None:
    """Planted faults are repeatable to the byte."""
    stream = _stream([bytes(range(20 + i)) for i in range(50)])
    fault = parse_stream_fault("corrupt:50")

    assert disturb(fault, stream, Random(3)) == disturb(fault, stream, Random(3))
    assert disturb(fault, stream, Random(3)) != disturb(fault, stream, Random(4))


def test_stream_faults_are_read_from_text() -> None:
    """`duplicate:2` is 2 %; anything else is refused with what is allowed."""
    assert StreamFault(StreamFaultName.DUPLICATE, 200) == parse_stream_fault("duplicate:2")
    assert StreamFault(StreamFaultName.LATE) == parse_stream_fault("late")
    for text in ("odd", "late:101", "late:x", "late:"):
        with pytest.raises(ValueError, match="names are late, duplicate, corrupt, missing"):
            parse_stream_fault(text)
