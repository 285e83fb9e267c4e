"""Replay: publish recorded executions again, at 1x, N times as fast, or flat out.

They come under a new source, so they are no duplicates, and as REPLAY unless another mode is
asked for, so they move no live weights. `schedule` is the pure core; `replay` waits and publishes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import fastavro

from tradecanary.producers.clock import SYSTEM_CLOCK, Clock
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.schemas.codec import ContractViolation, contract_json, decode, encode, parsed
from tradecanary.schemas.execution import ExecutionEvent, Mode

FLAT_OUT = 0.0
"""The speed that never waits."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


class Due(NamedTuple):
    """One event and when to publish it, in microseconds since the replay's start."""

    after_us: int
    event: ExecutionEvent


def schedule(
    events: Iterable[ExecutionEvent],
    *,
    speed: float = 1.0,
    mode: Mode = Mode.REPLAY,
    start_us: int | None = None,
) -> Iterator[Due]:
    """Yield the events with the time each is due, in the sequence given.

    `speed` N is N recorded seconds a second; FLAT_OUT makes everything due at once. With
    `start_us` times are shifted so that the first event_time falls there, which only 1x can keep
    true; without it they are kept as recorded. Raises ValueError for a speed below 0, or another
    than 1 with `start_us`.
    """
    if speed < 0:
        raise ValueError(f"replaying at speed {speed}: it must be > 0, or 0 for flat out")
    if start_us is not None and speed != 1.0:
        raise ValueError(
            f"shifting the times of a replay at speed {speed}: its orders would end in the "
            f"future or the past; keep the times, or replay at 1"
        )
    first_us: int | None = None
    for event in events:
        first_us = event.event_time if first_us is None else first_us
        elapsed_us = max(0, event.event_time - first_us)
        shift_us = 0 if start_us is None else start_us - first_us
        yield Due(
            round(elapsed_us / speed) if speed else 0,
            replace(
                event,
                mode=mode,
                submitted_at=event.submitted_at + shift_us,
                event_time=event.event_time + shift_us,
            ),
        )


def in_event_time(events: Iterable[ExecutionEvent]) -> list[ExecutionEvent]:
    """Return the events by event_time: of partitions read in turn. All in memory."""
    return sorted(events, key=lambda event: event.event_time)


def replay(
    due: Iterable[Due],
    publisher: ExecutionPublisher,
    *,
    clock: Clock = SYSTEM_CLOCK,
    stop: threading.Event | None = None,
) -> int:
    """Publish each event when it is due; return how many were published.

    Waits for room in the publisher instead of dropping: a replay has time. `stop` ends it early.
    """
    stop = stop or threading.Event()
    start_ns = clock.monotonic_ns()
    published = 0
    for after_us, event in due:
        while (wait_us := after_us - (clock.monotonic_ns() - start_ns) // 1_000) > 0:
            if stop.wait(wait_us / 1e6):
                return published
        while not publisher.room:
            if stop.wait(0.005):
                return published
        publisher.publish(event)
        published += 1
    return published


def write_events(path: Path, events: Iterable[ExecutionEvent]) -> None:
    """Write an Avro container file of executions, times exact to the microsecond."""
    schema = parsed(contract_json(ExecutionEvent))
    names = ExecutionEvent.__slots__
    rows = ({name: getattr(event, name) for name in names} for event in events)
    with path.open("wb") as file:
        fastavro.writer(file, schema, rows, codec="deflate")


def read_events(path: Path) -> Iterator[ExecutionEvent]:
    """Yield the executions of an Avro container file, ours or anybody's.

    Raises ContractViolation, with the record's number, when one is no ExecutionEvent.
    """
    with path.open("rb") as file:
        for number, row in enumerate(fastavro.reader(file)):
            try:
                yield _event(row)
            except (TypeError, KeyError, AttributeError, ValueError) as broken:
                raise ContractViolation(
                    f"reading {path}: record {number} is no ExecutionEvent: {broken}"
                ) from broken


def _event(row: object) -> ExecutionEvent:
    """Return the event of a row; other writers' timestamps come as datetimes."""
    assert isinstance(row, Mapping), "a container of records yields mappings"
    plain = {
        name: (row[name] - _EPOCH) // _US if isinstance(row[name], datetime) else row[name]
        for name in ExecutionEvent.__slots__
    }
    return decode(ExecutionEvent, encode(ExecutionEvent(**plain)))
