"""Faults of the stream itself: encoded messages that come late, twice, broken or never.

Pure: messages in, messages out, and which of them were touched, so that a test can compare what
was planted with what was counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from tradecanary.producers.simulation.market import Rng

Message = tuple[bytes | None, bytes]
"""Key and value of a record."""

HEADER_BYTES = 10
"""Length of the marker and schema fingerprint before the body (Avro single-object encoding)."""

DEFAULT_SHARE_BP = 100
_WHOLE_BP = 10_000


class StreamFaultName(StrEnum):
    """What happens to a message."""

    LATE = "late"
    DUPLICATE = "duplicate"
    CORRUPT = "corrupt"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class StreamFault:
    """A fault that befalls `share_bp` of the messages.

    LATE and the second copy of a DUPLICATE come at most `distance` messages after their place.
    """

    name: StreamFaultName
    share_bp: int = DEFAULT_SHARE_BP
    distance: int = 50


@dataclass(frozen=True, slots=True)
class Disturbed:
    """A disturbed stream, and the indexes (into the input) of the messages that were touched."""

    messages: tuple[Message, ...]
    touched: tuple[int, ...]


def parse_stream_fault(text: str) -> StreamFault:
    """Return the fault of `NAME` or `NAME:PERCENT`, as in `duplicate:2`.

    Raises ValueError, with what is allowed, for anything else.
    """
    name, colon, percent = text.partition(":")
    try:
        share_bp = round(float(percent) * 100) if colon else DEFAULT_SHARE_BP
    except (ValueError, OverflowError):
        share_bp = -1
    if name not in set(StreamFaultName) or not 0 <= share_bp <= _WHOLE_BP:
        message = (
            f"stream fault '{text}': was not NAME or NAME:PERCENT; names are "
            f"{', '.join(StreamFaultName)}, percent is a number from 0 to 100"
        )
        raise ValueError(message)
    return StreamFault(StreamFaultName(name), share_bp)


def disturb(fault: StreamFault, messages: Sequence[Message], rng: Rng) -> Disturbed:
    """Return `messages` with `fault` planted; the same `rng` state gives the same bytes.

    The messages that were not touched keep their sequence. A corrupt value can be read under no
    schema: its fingerprint is unknown, or its body ends too early or too late.
    """
    touched: list[int] = []
    # Sorted by place: a message that moves waits until `distance` others went by.
    placed: list[tuple[int, int, Message]] = []
    for index, message in enumerate(messages):
        if rng.random() >= fault.share_bp / _WHOLE_BP:
            placed.append((index, 0, message))
            continue
        touched.append(index)
        later = index + rng.randrange(1, fault.distance + 1)
        match fault.name:
            case StreamFaultName.LATE:
                placed.append((later, 1, message))
            case StreamFaultName.DUPLICATE:
                placed += [(index, 0, message), (later, 1, message)]
            case StreamFaultName.CORRUPT:
                placed.append((index, 0, (message[0], corrupted(message[1], rng))))
            case StreamFaultName.MISSING:
                pass
            case _:
                assert_never(fault.name)
    placed.sort(key=lambda entry: entry[:2])
    return Disturbed(tuple(message for _, _, message in placed), tuple(touched))


def corrupted(value: bytes, rng: Rng) -> bytes:
    """Return `value` with a bit of its fingerprint flipped, cut short, or with a byte too many."""
    way = rng.randrange(0, 3)
    if way == 0 and len(value) >= HEADER_BYTES:
        place = rng.randrange(0, HEADER_BYTES)
        flipped = value[place] ^ (1 << rng.randrange(0, 8))
        return value[:place] + bytes([flipped]) + value[place + 1 :]
    if way == 1 and len(value) > 1:
        return value[: rng.randrange(1, len(value))]
    return value + bytes([rng.randrange(0, 256)])
