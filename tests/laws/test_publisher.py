"""The publisher never waits and never raises; every number is used once, every loss is a hole."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.executions import event
from tradecanary.producers.clock import Clock
from tradecanary.producers.delivery import Delivery
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.spool import Outgoing
from tradecanary.schemas.codec import decode
from tradecanary.schemas.execution import ExecutionEvent
from tradecanary.schemas.partitioning import partition_of

PARTITIONS = 3
CLOCK = Clock.of(lambda: 1_700_000_000_000_000)
RETRY_NS = 1_000_000_000


def units(count: int) -> list[ExecutionEvent]:
    """Return that many events, each of its own unit."""
    return [replace(event(), unit=f"A17-{n}") for n in range(count)]


def published(
    events: list[ExecutionEvent], buffer: int = 100, spool: Path | None = None
) -> ExecutionPublisher:
    """Return a publisher that was given the events."""
    publisher = ExecutionPublisher("gateway-7", spool=spool, buffer=buffer, clock=CLOCK)
    for one in events:
        publisher.publish(one)
    return publisher


class Wire:
    """A wire whose world we script: what it takes, when it reports, what it loses."""

    def __init__(self) -> None:
        self.room = 1_000
        self.pending: list[tuple[Outgoing, Callable[[bool], None]]] = []
        self.arrived: list[Outgoing] = []

    def send(self, one: Outgoing, done: Callable[[bool], None]) -> bool:
        """Take an event while there is room."""
        if len(self.pending) >= self.room:
            return False
        self.pending.append((one, done))
        return True

    def report(self, count: int, *, arrives: bool, told: bool = True) -> None:
        """Settle the first `count`; one that arrives untold is a lost acknowledgement."""
        settled, self.pending = self.pending[:count], self.pending[count:]
        for one, done in settled:
            if arrives:
                self.arrived.append(one)
            done(arrives and told)

    def take_back(self) -> None:
        """Give up everything: some of it was there already."""
        for one, done in self.pending:
            done(False)
            if one.key[-1] % 2:
                self.arrived.append(one)
        self.pending = []


def first_sightings(arrived: list[Outgoing]) -> dict[int, list[int]]:
    """Return the sequence numbers per partition, duplicates by number left out."""
    seen: dict[int, list[int]] = defaultdict(list)
    for one in arrived:
        seq = decode(ExecutionEvent, one.value).source_seq
        if seq not in seen[one.partition]:
            seen[one.partition].append(seq)
    return seen


def test_events_go_out_numbered_by_partition() -> None:
    """The source is an incarnation, the partition murmur2 of the unit, numbers gapless from 0."""
    taken = published(units(30)).take(100, PARTITIONS)
    numbers: dict[int, int] = defaultdict(int)
    for n, one in enumerate(taken):
        decoded = decode(ExecutionEvent, one.value)
        assert one.partition == partition_of(f"A17-{n}".encode(), PARTITIONS)
        assert decoded.source_seq == numbers[one.partition]
        assert decoded.source == "gateway-7/1700000000000000"
        assert one.key.decode() == decoded.unit == f"A17-{n}"
        numbers[one.partition] += 1


def test_a_full_buffer_drops_counts_and_uses_up_numbers() -> None:
    """What was dropped is a hole that every reader sees."""
    publisher = published(units(12), buffer=10)
    assert publisher.counters().dropped == 2
    taken = publisher.take(100, 1)
    assert [decode(ExecutionEvent, one.value).source_seq for one in taken] == list(range(2, 12))
    assert publisher.counters().backlog == 0


def test_an_event_no_contract_holds_is_dropped_and_leaves_a_hole() -> None:
    """The order path does not raise for it; the reader sees the loss."""
    good = units(1)[0]
    publisher = published([replace(good, symbol=None), replace(good, unit=None), good])  # type: ignore[arg-type]
    publisher.publish("no event at all")  # type: ignore[arg-type]
    publisher.publish(None)
    (taken,) = publisher.take(100, 1)
    assert decode(ExecutionEvent, taken.value).source_seq == 2
    assert publisher.counters().dropped == 3


@pytest.mark.parametrize("bad", [{"source": ""}, {"source": "g", "buffer": 0}])
def test_settings_that_cannot_be_meant_are_refused(bad: dict[str, object]) -> None:
    """At the start a service may be told loudly."""
    with pytest.raises(ValueError, match="name it"):
        ExecutionPublisher(**bad)  # type: ignore[arg-type]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 8)),
        st.tuples(st.sampled_from(["arrive", "fail", "untold"]), st.integers(1, 20)),
        st.tuples(st.just("room"), st.integers(0, 10)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=80)
@given(STEPS)
def test_with_a_spool_nothing_is_lost_and_order_holds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """Whatever the wire does, all events arrive, first sightings in order within a partition.

    A restart here ends in good order: what waited is in the spool.
    """
    path = tmp_path_factory.mktemp("spool") / "gateway.spool"
    publisher, wire, now_ns = published([], 10_000, path), Wire(), 0
    delivery, given_out = Delivery(publisher, wire), 0
    for what, count in steps:
        now_ns += RETRY_NS
        if what == "publish":
            for one in units(given_out + count)[given_out:]:
                publisher.publish(one)
            given_out += count
        elif what == "room":
            wire.room = count
        elif what == "restart":
            delivery.give_up(PARTITIONS, now_ns)
            assert publisher.counters().backlog == 0
            _close(publisher)
            publisher = published([], 10_000, path)
            delivery = Delivery(publisher, wire)
        else:
            wire.report(count, arrives=what != "fail", told=what != "untold")
        delivery.pump(PARTITIONS, now_ns)
    wire.room = 1_000
    while not delivery.idle():
        now_ns += RETRY_NS
        delivery.pump(PARTITIONS, now_ns)
        wire.report(1_000, arrives=True)
        delivery.pump(PARTITIONS, now_ns)
    assert publisher.counters().dropped == 0
    orders = {decode(ExecutionEvent, one.value).unit for one in wire.arrived}
    assert len(orders) == given_out
    if "restart" not in [what for what, _ in steps]:
        for numbers in first_sightings(wire.arrived).values():
            assert numbers == sorted(numbers)
    _close(publisher)


def _close(publisher: ExecutionPublisher) -> None:
    assert publisher.spool is not None
    publisher.spool.close()


@given(STEPS)
def test_without_a_spool_what_fails_is_counted(steps: list[tuple[str, int]]) -> None:
    """Arrived or dropped: every event is one of the two, or was untold and is both."""
    publisher, wire = published([], 10_000), Wire()
    delivery, given_out, untold = Delivery(publisher, wire), 0, 0
    for what, count in steps:
        if what == "publish":
            for one in units(count):
                publisher.publish(one)
            given_out += count
        elif what in {"arrive", "fail", "untold"}:
            untold += min(count, len(wire.pending)) if what == "untold" else 0
            wire.report(count, arrives=what != "fail", told=what != "untold")
        delivery.pump(PARTITIONS, 0)
    while not delivery.idle():
        delivery.pump(PARTITIONS, 0)
        wire.report(1_000, arrives=True)
        delivery.pump(PARTITIONS, 0)
    assert given_out + untold == len(wire.arrived) + publisher.counters().dropped


def test_a_full_wire_holds_events_back() -> None:
    """They stay in the backlog, bounded by the buffer, and go on when there is room."""
    publisher, wire = published(units(50)), Wire()
    wire.room = 10
    delivery = Delivery(publisher, wire)
    delivery.pump(PARTITIONS, 0)
    assert publisher.counters().backlog == 50
    wire.report(10, arrives=True)
    delivery.pump(PARTITIONS, 0)
    assert publisher.counters().backlog == 40


@pytest.mark.parametrize("spooling", [True, False])
def test_a_wire_that_ends_takes_no_event_along(tmp_path: Path, *, spooling: bool) -> None:
    """What was on its way goes out again over the next one, with the numbers it had."""
    publisher = published(units(50), 1_000, tmp_path / "spool" if spooling else None)
    wire = Wire()
    delivery = Delivery(publisher, wire)
    delivery.pump(PARTITIONS, 0)
    wire.report(10, arrives=True)
    for one in units(60)[50:]:
        publisher.publish(one)
    delivery.without_wire(PARTITIONS, 0)
    counters = publisher.counters()
    waits = counters.spooled if spooling else counters.backlog
    assert (waits, counters.backlog + counters.spooled) == (50, 50)
    while not delivery.idle():
        delivery.pump(PARTITIONS, RETRY_NS)
        wire.report(1_000, arrives=True)
        delivery.pump(PARTITIONS, RETRY_NS)
    assert publisher.counters().dropped == 0
    assert sum(len(seen) for seen in first_sightings(wire.arrived).values()) == 60
    if publisher.spool is not None:
        publisher.spool.close()
