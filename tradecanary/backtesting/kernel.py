"""Machine code for backtests: what lies where in a record, and the same record rerouted.

`index` reads batches of encoded events once, with the decoder and the duplicate detection of the
aggregation; `reroute` copies the events of one look with other numbers in three of their fields.
Both stand on `kernel_decode`: positions are those of the wire format, checked there.
"""
# mypy: disallow-untyped-decorators=False, warn-return-any=False

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradecanary.processors.aggregation.folding import AHEAD_LIMIT_US
from tradecanary.processors.aggregation.kernel_bytes import (
    PAD,
    Bytes,
    Int,
    Ints,
    copied,
    hashed,
    inlined,
    njit,
    same_bytes,
    varint,
)
from tradecanary.processors.aggregation.kernel_decode import (
    BY_ACCOUNT,
    EVENT_TIME,
    HAS,
    KEY_AT,
    KEY_END,
    KIND,
    MODE,
    SEQ,
    SOURCE_AT,
    SOURCE_END,
    SUBMITTED,
    VALUE,
    decode_event,
)
from tradecanary.processors.aggregation.kernel_pass import SOURCES, is_ours
from tradecanary.processors.aggregation.kernel_sequences import (
    BYTES,
    COUNT,
    DUPLICATE,
    Publishers,
    find_publisher,
    take,
)
from tradecanary.schemas.codec import HEADER_BYTES
from tradecanary.schemas.measures import MEASURE_NAMES
from tradecanary.schemas.units import US_PER_MS

# What `index` says of each event. Positions are relative to the record's first byte.
COLUMNS = 16
(
    FOUND, START, LENGTH, AFTER_SOURCE, STRATEGY_AT, REVISION_AT, AFTER_WEIGHT, UNIT_AT, AFTER_UNIT,
    PUBLISHER, NUMBER, KEY, KIND_OF, IS_ACCOUNT, SUBMITTED_AT, ENDED_AT,
) = range(COLUMNS)  # fmt: skip
PNL_COLUMNS = 2
HAS_PNL, PNL = range(PNL_COLUMNS)
GOOD, REPEATED, BAD, FOREIGN, NOT_LIVE = range(5)
DONE, FULL = range(2)
_PNL = MEASURE_NAMES.index("pnl_micros")
_START = np.uint64(0x9216D5D98979FB1B)
_MOST_GROWTH = 40
"""Bytes that a rerouted record may be longer by: three varints of at most ten, and some."""


class Keys(NamedTuple):
    """Distinct runs of strategy, version, variant, revision and weight, as they lie in records."""

    table: NDArray[np.int32]
    hashes: NDArray[np.uint64]
    rows: Ints
    text: Bytes
    used: Ints


class Vectors(NamedTuple):
    """The vectors that a policy issued: since when, revision, and by recorded key what becomes.

    `served`: whether orders can be evidence; `limits`: the largest coin that is kept; `weights`:
    the new weight; `modes`: the new mode, as the wire numbers them.
    """

    since_us: Ints
    revisions: Ints
    served: NDArray[np.int8]
    limits: NDArray[np.uint64]
    weights: Ints
    modes: NDArray[np.int8]


@inlined
def _find_key(to: Keys, data: Bytes, at: int, end: int) -> Int:
    """Return the row of the key at `at..end`, a new one if unknown; there must be room."""
    h = hashed(data, at, end, _START)
    mask = len(to.table) - 1
    slot = np.int64(h >> np.uint64(11)) & mask
    while True:
        row = np.int64(to.table[slot])
        if row < 0:
            break
        if (
            to.hashes[row] == h
            and to.rows[row, 1] == end - at
            and same_bytes(data, at, to.text, to.rows[row, 0], end - at)
        ):
            return row
        slot = (slot + 1) & mask
    row = to.used[COUNT]
    to.used[COUNT] = row + 1
    to.table[slot] = row
    to.hashes[row] = h
    to.rows[row, 0], to.rows[row, 1] = to.used[BYTES], end - at
    to.used[BYTES] = copied(data, at, end - at, to.text, to.used[BYTES])
    return row


@inlined
def _has_room(publishers: Publishers, keys: Keys, record_bytes: int) -> bool:
    return (
        2 * publishers.used[COUNT] < len(publishers.table)
        and publishers.used[COUNT] < len(publishers.rows)
        and publishers.used[BYTES] + record_bytes + PAD < len(publishers.names)
        and keys.used[COUNT] < len(keys.rows)
        and keys.used[BYTES] + record_bytes + PAD < len(keys.text)
    )


@inlined
def _put_varint(out: Bytes, at: int, value: int) -> int:
    """Write a value >= -1 as Avro does; return where it ends."""
    rest = np.uint64((value << 1) ^ (value >> 63))
    while rest > np.uint64(0x7F):
        out[at] = np.uint8((rest & np.uint64(0x7F)) | np.uint64(0x80))
        rest >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(rest)
    return at + 1


@inlined
def _describe(data: Bytes, start: int, end: int, s: Ints, out: Ints, pnl: Ints) -> None:
    """Note where the parts of a decoded event lie, and what a backtest needs of its values."""
    at = s[KEY_AT]
    for _ in range(3):
        length, at = varint(data, at, s)
        at += length
    length, unit_at = varint(data, s[KEY_END], s)
    out[START], out[LENGTH] = start, end - start
    out[AFTER_SOURCE], out[STRATEGY_AT] = s[SOURCE_END] - start, s[KEY_AT] - start
    out[REVISION_AT], out[AFTER_WEIGHT] = at - start, s[KEY_END] - start
    out[UNIT_AT], out[AFTER_UNIT] = unit_at - start, unit_at + length - start
    out[NUMBER], out[KIND_OF], out[IS_ACCOUNT] = s[SEQ], s[KIND], s[BY_ACCOUNT]
    out[SUBMITTED_AT], out[ENDED_AT] = s[SUBMITTED], s[EVENT_TIME]
    pnl[HAS_PNL], pnl[PNL] = s[HAS + _PNL], s[VALUE + _PNL]


@inlined
def _rerouted(
    data: Bytes, row: Ints, number: int, revision: int, weight_bp: int, mode: int,
    out: Bytes, at: int,
) -> int:  # fmt: skip
    """Write one event with other number, mode, revision and weight; return where it ends."""
    start = row[START]
    at = copied(data, start, row[AFTER_SOURCE], out, at)
    at = _put_varint(out, at, number)
    at = _put_varint(out, at, row[KIND_OF])
    at = _put_varint(out, at, mode)
    at = copied(data, start + row[STRATEGY_AT], row[REVISION_AT] - row[STRATEGY_AT], out, at)
    at = _put_varint(out, at, revision)
    at = _put_varint(out, at, weight_bp)
    return copied(data, start + row[AFTER_WEIGHT], row[LENGTH] - row[AFTER_WEIGHT], out, at)


def _compiled_index(sources: str) -> Any:  # noqa: ANN401 - numba's own type
    """Return the pass. `sources` is in its cache key: numba sees one file change only."""

    @njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
    def index(  # noqa: PLR0913, PLR0917 - arrays: a pass has no object to keep them
        data: Bytes,
        ends: Ints,
        times_ms: Ints,
        first: int,
        partition_row: int,
        numbered: int,
        publishers: Publishers,
        keys: Keys,
        s: Ints,
        out: Ints,
        pnl: Ints,
    ) -> tuple[int, int]:
        """Describe the records from `first` on; return where it stopped, and why.

        `numbered`: 0 when repeats are not to be found by number, 1 when they are, 2 when the
        record begins with the partition's first.
        """
        _ = sources
        for i in range(first, len(ends)):
            start = ends[i - 1] if i else 0
            end = ends[i]
            if not is_ours(data, start, end):
                out[i, FOUND] = FOREIGN
                continue
            if not _has_room(publishers, keys, end - start):
                return i, FULL
            if (
                not decode_event(data, start + HEADER_BYTES, end, s)
                or s[EVENT_TIME] - times_ms[i] * US_PER_MS > AHEAD_LIMIT_US
            ):
                out[i, FOUND] = BAD
                continue
            publisher = find_publisher(
                publishers, data, s[SOURCE_AT], s[SOURCE_END], partition_row, 0
            )
            out[i, FOUND] = GOOD if s[MODE] == 0 else NOT_LIVE
            if numbered:
                found = take(publishers.rows, publishers.holes, publisher, s[SEQ], numbered - 1)
                if found == DUPLICATE:
                    out[i, FOUND] = REPEATED
            _describe(data, start, end, s, out[i], pnl[i])
            out[i, PUBLISHER] = publisher
            out[i, KEY] = _find_key(keys, data, s[KEY_AT], s[KEY_END])
        return len(ends), DONE

    return index


def _compiled_reroute(sources: str) -> Any:  # noqa: ANN401 - as above
    @njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
    def reroute(  # noqa: PLR0913, PLR0917 - as above
        data: Bytes,
        columns: Ints,
        numbers: Ints,
        coins: NDArray[np.uint64],
        first: int,
        last: int,
        publishers: Ints,
        partition: int,
        vectors: Vectors,
        counts: Ints,
        out: Bytes,
        ends: Ints,
    ) -> int:
        """Write the partition's events in `first..last` as the vectors route them; return how many.

        `counts[vector, key]` counts kept and other OUTCOMEs.
        """
        _ = sources
        at = count = 0
        for i in range(first, last):
            if publishers[columns[i, PUBLISHER]] != partition:
                continue
            vector = len(vectors.since_us) - 1
            while vectors.since_us[vector] >= columns[i, SUBMITTED_AT]:
                vector -= 1
            row = columns[i]
            key = row[KEY]
            kept = vectors.served[vector, key] and coins[i] <= vectors.limits[vector, key]
            if row[KIND_OF] == 0:
                counts[vector, key, 0 if kept else 1] += 1
            revision = vectors.revisions[vector] if kept else 0
            weight_bp, mode = vectors.weights[vector, key], vectors.modes[vector, key]
            at = _rerouted(data, row, numbers[i], revision, weight_bp, mode, out, at)
            ends[count] = at
            count += 1
        return count

    return reroute


index, reroute = _compiled_index(SOURCES), _compiled_reroute(SOURCES)


def room_for(lengths: Ints) -> int:
    """Return the bytes that rerouted records of these lengths take at most."""
    return int(lengths.sum()) + _MOST_GROWTH * len(lengths) + PAD
