"""Encoded executions, made fast: the flow of a trading floor, patched from prepared events.

Four gateways, four strategies with a canary at 5 %, three venues; about 200 bytes an event. Each is
a prepared one (from the codec) with new number, ids and times, so that making it costs less than
sending it, and every event is a valid and different one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from confluent_kafka import Producer

from tests.executions import event
from tradecanary.schemas.codec import encode
from tradecanary.schemas.execution import ExecutionEvent, OrderStatus, Side

STABLE, CANARY = "momentum-1.0.0-9f2c41aa", "momentum-2.0.0-77b0e3d1"
PARTITIONS = 4
SOURCES = 4
ROUND = PARTITIONS * SOURCES
"""Events of one round share their number and their times: one a source and partition."""
_PREPARED = 4096
_ID_BYTES = 18
_NO_ID = "x" * _ID_BYTES
_OLD_US = 1_700_000_000_000_000


def varint(value: int) -> bytes:
    """Return a long as Avro writes it: zigzag, seven bits a byte."""
    rest = value << 1 if value >= 0 else ((-value) << 1) - 1
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _prepared_event(rng: random.Random, number: int) -> ExecutionEvent:
    canary = rng.random() < 0.05
    mid = 187.0 + rng.gauss(0, 0.5)
    return event(
        source=f"gateway-{number // PARTITIONS % SOURCES}",
        strategy=f"background-{rng.randrange(4)}", version=CANARY if canary else STABLE,
        variant="canary" if canary else "stable", routing_revision=12,
        weight_bp=500 if canary else 9_500, unit=_NO_ID, order_id=_NO_ID,
        account=f"A{rng.randrange(200):05d}", venue=rng.choice(("XNAS", "ARCX", "BATS")),
        side=rng.choice((Side.BUY, Side.SELL)),
        status=OrderStatus.FILLED if rng.random() < 0.95 else OrderStatus.CANCELED,
        arrival_mid=mid, avg_price=mid + rng.gauss(0, 0.02), pnl=rng.gauss(0, 4),
        submitted_at=_OLD_US, event_time=_OLD_US,
        ack_latency_us=int(rng.lognormvariate(6.5, 0.5)),
    )  # fmt: skip


class Flow:
    """Events with gapless numbers per source and partition, from `round_number` 0 on."""

    def __init__(self, seed: int = 1) -> None:
        rng = random.Random(seed)
        self._pieces = [self._cut(_prepared_event(rng, number)) for number in range(_PREPARED)]

    @staticmethod
    def _cut(event: ExecutionEvent) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        """Return the bytes around number, unit, order id and times."""
        value = encode(event)
        before_seq = value.index(event.source.encode()) + len(event.source)
        unit, times = _NO_ID.encode(), varint(_OLD_US) * 2
        head, middle, rest = value.split(unit)
        numbers, end = rest.split(times)
        return head[:before_seq], head[before_seq + 1 :], middle, numbers, end

    def round(self, round_number: int, time_us: int) -> list[tuple[bytes, bytes, int]]:
        """Return key, value and partition of the ROUND events that end at `time_us`."""
        seq = varint(round_number)
        times = varint(time_us - 1_500) + varint(time_us)
        first = round_number * ROUND
        events = []
        for number in range(first, first + ROUND):
            source, key, names, numbers, end = self._pieces[number % _PREPARED]
            unit = b"o%017d" % number
            value = b"".join((source, seq, key, unit, names, unit, numbers, times, end))
            events.append((unit, value, number % PARTITIONS))
        return events


def fill(producer: Producer, topic: str, events: int, until_us: int, step_us: int) -> Iterator[int]:
    """Send `events` events, the last one ending at `until_us`; yield how many were sent.

    A round of ROUND events ends every `step_us`. Raises RuntimeError when not all arrived.
    """
    flow, failed = Flow(), 0

    def delivered(error: object, _: object) -> None:
        nonlocal failed
        failed += error is not None

    rounds = -(-events // ROUND)
    for number in range(rounds):
        time_us = until_us - (rounds - number) * step_us
        for key, value, partition in flow.round(number, time_us)[: events - number * ROUND]:
            while True:
                try:
                    producer.produce(topic, value, key, partition, on_delivery=delivered)
                except BufferError:
                    producer.poll(0.1)
                else:
                    break
        if number % 1_000 == 0:
            producer.poll(0)
            yield number * ROUND
    left = producer.flush(60)
    if failed or left:
        raise RuntimeError(f"filling {topic}: {failed} events failed, {left} were not sent")
    yield events
