"""Duplicates and losses for the compiled fold: `sequences`, on arrays.

Publishers lie in rows of one table for all partitions, found by partition and source; a hit on the
hash is verified by comparing bytes.
"""
# mypy: disallow-untyped-decorators=False, warn-return-any=False

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradecanary.processors.aggregation.folding import (
    MAX_HOLES,
    MAX_PAUSE_US,
    SOURCE_LIFE_US,
)
from tradecanary.processors.aggregation.kernel_bytes import (
    Bytes,
    Int,
    Ints,
    apart,
    copied,
    hashed,
    inlined,
    same_bytes,
)

# A partition's row.
FROM_START, MAX_US, CLOCK_US, EVENTS, DUPLICATES, MISSING = range(6)
PARTITION_COLUMNS = 6
# A publisher's row; SAID counts its events since the last drain, LOST its missing ones.
PARTITION, NAME_AT, NAME_LENGTH, NEXT_SEQ, HOLES, HEARD_US, ALL_EVENTS, LIVE_MAX_US, SAID = range(9)
LOST, STRATEGIES = 9, 10
PUBLISHER_COLUMNS = 11
# The one row of `used`.
COUNT, BYTES = 0, 1
DUPLICATE = np.int64(-(1 << 62))
_START = np.uint64(0x2545F4914F6CDD1D)


class Publishers(NamedTuple):
    """All publishers: an open table of row numbers (-1: free), hashes, rows, holes, names."""

    table: NDArray[np.int32]
    hashes: NDArray[np.uint64]
    rows: Ints
    holes: Ints
    names: Bytes
    used: Ints


@inlined
def find_publisher(
    to: Publishers, data: Bytes, at: int, end: int, partition: int, clock_us: int
) -> Int:
    """Return the row of the source at `at..end`, a new one if unknown; there must be room."""
    h = hashed(data, at, end, _START ^ np.uint64(partition))
    rows, mask = to.rows, len(to.table) - 1
    slot = np.int64(h >> np.uint64(11)) & mask
    while True:
        row = np.int64(to.table[slot])
        if row < 0:
            break
        if (
            to.hashes[row] == h
            and rows[row, PARTITION] == partition
            and rows[row, NAME_LENGTH] == end - at
            and same_bytes(data, at, to.names, rows[row, NAME_AT], end - at)
        ):
            return row
        slot = (slot + 1) & mask
    row = to.used[COUNT]
    to.used[COUNT] = row + 1
    to.table[slot] = row
    to.hashes[row] = h
    rows[row, PARTITION] = partition
    rows[row, NAME_AT] = to.used[BYTES]
    rows[row, NAME_LENGTH] = end - at
    rows[row, SAID] = rows[row, LOST] = 0
    to.used[BYTES] = copied(data, at, end - at, to.names, to.used[BYTES])
    forget(rows, row, clock_us)
    return row


@apart
def forget(rows: Ints, row: int, clock_us: int) -> None:
    """Make a publisher's row that of a source never heard of."""
    rows[row, NEXT_SEQ] = rows[row, LIVE_MAX_US] = -1
    rows[row, HOLES] = rows[row, ALL_EVENTS] = rows[row, STRATEGIES] = 0
    rows[row, HEARD_US] = clock_us


@apart
def _open_holes(rows: Ints, holes: Ints, row: int, seq: int) -> None:
    """Note the numbers from the next expected one up to `seq`; the newest MAX_HOLES are kept."""
    first = max(rows[row, NEXT_SEQ], seq - MAX_HOLES)
    added = seq - first
    kept = min(rows[row, HOLES], MAX_HOLES - added)
    dropped = rows[row, HOLES] - kept
    for i in range(kept):
        holes[row, i] = holes[row, i + dropped]
    for i in range(added):
        holes[row, kept + i] = first + i
    rows[row, HOLES] = kept + added


@apart
def _fill_hole(rows: Ints, holes: Ints, row: int, seq: int) -> Int:
    """Return -1 when `seq` fills a hole, else DUPLICATE."""
    for i in range(rows[row, HOLES]):
        if holes[row, i] == seq:
            rows[row, HOLES] -= 1
            for j in range(i, rows[row, HOLES]):
                holes[row, j] = holes[row, j + 1]
            return -1
    return DUPLICATE


@apart
def notice_forgotten(of: Publishers, row: int, partition: Ints) -> None:
    """End `from_start` when any source of the partition of `row` is forgotten: it may return."""
    rows = of.rows
    for i in range(of.used[COUNT]):
        here = rows[i, PARTITION] == rows[row, PARTITION]
        if here and partition[CLOCK_US] - rows[i, HEARD_US] > SOURCE_LIFE_US:
            partition[FROM_START] = 0


@inlined
def take(rows: Ints, holes: Ints, row: int, seq: int, from_start: int) -> int:
    """Return by how much `seq` changes the count of missing events, DUPLICATE for one."""
    if seq < 0:
        return 0
    if rows[row, NEXT_SEQ] < 0:
        rows[row, NEXT_SEQ] = 0 if from_start else seq
    gap = seq - rows[row, NEXT_SEQ]
    if gap < 0:
        return _fill_hole(rows, holes, row, seq)
    if gap:
        _open_holes(rows, holes, row, seq)
    rows[row, NEXT_SEQ] = seq + 1
    return gap


@inlined
def outlived(rows: Ints, row: int, clock_us: int) -> bool:
    """Return whether the source was not heard for its life."""
    return clock_us - rows[row, HEARD_US] > SOURCE_LIFE_US


@inlined
def advance(partition: Ints, event_time_us: int) -> None:
    """Take in the event_time of a LIVE event."""
    step = event_time_us - partition[MAX_US]
    if step > 0:
        partition[CLOCK_US] += min(step, MAX_PAUSE_US)
        partition[MAX_US] = event_time_us
