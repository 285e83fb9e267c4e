"""The one pass over a batch's joined bytes: decode, find duplicates, group, add.

No Python object is made in it. A bad record is noted and left out. The pass stops at a record with
another schema's header, and where a table must grow first; it can be entered again at any record.
"""
# mypy: disallow-untyped-decorators=False, warn-return-any=False

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Any

import numpy as np

from tradecanary.processors.aggregation.folding import AHEAD_LIMIT_US, LATE_US
from tradecanary.processors.aggregation.kernel_bytes import (
    PAD,
    Bytes,
    Int,
    Ints,
    inlined,
    load64,
    njit,
)
from tradecanary.processors.aggregation.kernel_decode import (
    EVENT_TIME,
    MEASURE_COUNT,
    MODE,
    SEQ,
    SOURCE_AT,
    SOURCE_END,
    decode_event,
)
from tradecanary.processors.aggregation.kernel_groups import (
    BUCKETS,
    G_STRATEGY,
    Groups,
    add_event,
    find_group,
    strategy_bits,
)
from tradecanary.processors.aggregation.kernel_sequences import (
    ALL_EVENTS,
    BYTES,
    CLOCK_US,
    COUNT,
    DUPLICATE,
    DUPLICATES,
    EVENTS,
    FROM_START,
    HEARD_US,
    LIVE_MAX_US,
    LOST,
    MAX_US,
    MISSING,
    NEXT_SEQ,
    SAID,
    STRATEGIES,
    Publishers,
    advance,
    find_publisher,
    forget,
    notice_forgotten,
    outlived,
    take,
)
from tradecanary.schemas.codec import HEADER_BYTES, header_of
from tradecanary.schemas.codec import contract_json as _contract_json
from tradecanary.schemas.execution import ExecutionEvent
from tradecanary.schemas.units import US_PER_MS

DONE, OTHER_SCHEMA, FULL = 0, 1, 2
HEADER = header_of(_contract_json(ExecutionEvent))
_HEADER_WORD = np.uint64(int.from_bytes(HEADER[:8], "little"))
_HEADER_REST = np.uint64(int.from_bytes(HEADER[8:], "little"))
assert HEADER_BYTES == 10, HEADER_BYTES  # noqa: PLR2004 - a word and two bytes


@inlined
def is_ours(data: Bytes, at: int, end: int) -> bool:
    """Return whether the record at `at..end` has the header of today's contract."""
    return (
        end - at >= HEADER_BYTES
        and load64(data, at) == _HEADER_WORD
        and (load64(data, at + 8) & np.uint64(0xFFFF)) == _HEADER_REST
    )


@inlined
def _has_room(publishers: Publishers, groups: Groups, record_bytes: int) -> bool:
    """Return whether one more event fits everywhere, with the tables at most half full."""
    return (
        2 * publishers.used[COUNT] < len(publishers.table)
        and publishers.used[COUNT] < len(publishers.rows)
        and publishers.used[BYTES] + record_bytes + PAD < len(publishers.names)
        and 2 * groups.used[COUNT] < len(groups.table)
        and groups.used[COUNT] < len(groups.rows)
        and groups.used[BYTES] + record_bytes + PAD < len(groups.keys)
        and 2 * (groups.used[BUCKETS] + MEASURE_COUNT) < len(groups.buckets)
    )


@inlined
def _fold_event(
    data: Bytes,
    s: Ints,
    partition_row: int,
    partition: Ints,
    publishers: Publishers,
    groups: Groups,
    summed: int,
) -> None:
    """Fold one decoded event of a partition."""
    row = find_publisher(
        publishers, data, s[SOURCE_AT], s[SOURCE_END], partition_row, partition[CLOCK_US]
    )
    rows = publishers.rows
    if outlived(rows, row, partition[CLOCK_US]):
        forget(rows, row, partition[CLOCK_US])
        partition[FROM_START] = 0
    if rows[row, NEXT_SEQ] < 0 <= s[SEQ] and partition[FROM_START]:
        notice_forgotten(publishers, row, partition)
    missing = take(rows, publishers.holes, row, s[SEQ], partition[FROM_START])
    if missing == DUPLICATE:
        partition[DUPLICATES] += summed
        return
    max_us = partition[MAX_US]
    if s[MODE] == 0:
        advance(partition, s[EVENT_TIME])
        rows[row, LIVE_MAX_US] = max(rows[row, LIVE_MAX_US], s[EVENT_TIME])
    rows[row, HEARD_US] = partition[CLOCK_US]
    rows[row, ALL_EVENTS] += 1
    if not summed:
        rows[row, STRATEGIES] |= strategy_bits(data, s)
        return
    partition[EVENTS] += 1
    partition[MISSING] += missing
    rows[row, SAID] += 1
    rows[row, LOST] += missing
    group = find_group(groups, data, s)
    rows[row, STRATEGIES] |= groups.rows[group, G_STRATEGY]
    add_event(groups, group, data, s, max_us, LATE_US)


def _compiled(sources: str) -> tuple[Any, Any]:
    """Return both entries. `sources` is in their cache keys: numba sees one file change only."""

    @njit(cache=True, error_model="numpy", _nrt=False)
    def remember(
        publishers: Publishers, data: Bytes, end: int, partition_row: int, clock_us: int
    ) -> Int:
        """Return the row of the source that is all of `data` up to `end`; there must be room."""
        _ = sources
        return find_publisher(publishers, data, 0, end, partition_row, clock_us)

    @njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
    def run(  # noqa: PLR0913, PLR0917 - arrays: a pass has no object to keep them
        data: Bytes,
        ends: Ints,
        times_ms: Ints,
        first: int,
        partition_row: int,
        partitions: Ints,
        publishers: Publishers,
        groups: Groups,
        s: Ints,
        bad: Ints,
        summed: int,
    ) -> tuple[int, int, int]:
        """Fold records from `first` on; return where it stopped, why, and how many were bad."""
        _ = sources
        partition = partitions[partition_row]
        bad_count = 0
        for i in range(first, len(ends)):
            start = ends[i - 1] if i else 0
            end = ends[i]
            if not is_ours(data, start, end):
                return i, OTHER_SCHEMA, bad_count
            if not _has_room(publishers, groups, end - start):
                return i, FULL, bad_count
            if (
                not decode_event(data, start + HEADER_BYTES, end, s)
                or s[EVENT_TIME] - times_ms[i] * US_PER_MS > AHEAD_LIMIT_US
            ):
                bad[bad_count] = i
                bad_count += 1
                continue
            _fold_event(data, s, partition_row, partition, publishers, groups, summed)
        return len(ends), DONE, bad_count

    return run, remember


def _digest() -> str:
    """Return a digest of all that the compiled code is made of."""
    ours = resources.files("tradecanary.processors.aggregation")
    theirs = resources.files("tradecanary.schemas")
    files = [file for file in ours.iterdir() if file.name.startswith(("kernel_", "folding."))]
    files += [theirs / name for name in ("execution.py", "measures.py", "units.py")]
    texts = sorted((file.name, file.read_bytes()) for file in files if file.is_file())
    return hashlib.sha256(repr((texts, HEADER)).encode()).hexdigest()


SOURCES = _digest()
"""In the cache key of whatever is compiled from these files."""
run, remember = _compiled(SOURCES)
