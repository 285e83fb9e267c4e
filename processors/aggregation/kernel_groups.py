"""Sums by group for the compiled fold: rows of integers, and one table of histogram counts.

A group's key lies in `keys` as the bytes it had in the record: strategy to weight_bp, region and
venue, and the account where the unit is the account. The same key written with longer varints
makes a second row; the drain merges them. Sums are exact: v = a 2^24 + b with
|v| < 2^55; a and b are added, and of a a, a b, b b the high and the low 32 bits, each on its own.
"""
# mypy: disallow-untyped-decorators=False, warn-return-any=False

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradecanary.processors.aggregation.kernel_bytes import (
    Bytes,
    Int,
    Ints,
    apart,
    bits_of,
    copied,
    hashed,
    inlined,
    mixed,
    same_bytes,
    varint,
)
from tradecanary.processors.aggregation.kernel_decode import (
    ACCOUNT_AT,
    ACCOUNT_END,
    BY_ACCOUNT,
    EVENT_TIME,
    HAS,
    KEY_AT,
    KEY_END,
    KIND,
    MEASURE_COUNT,
    MODE,
    NO_ACK,
    NO_BENCHMARK,
    STATUS,
    STATUS_COUNT,
    SUBMITTED,
    VALUE,
    VENUE_AT,
    VENUE_END,
)
from tradecanary.schemas.execution import ERROR_STATUSES, OrderStatus
from tradecanary.schemas.units import COHORT_US

# A group's row: its key, counts, and nine sums for each measure.
G_AT, G_KEY, G_VENUE, G_ACCOUNT, G_MODE, G_COHORT, G_STRATEGY = range(7)
G_MARKOUTS, G_LATE, G_NO_BENCHMARK, G_NO_ACK, G_ERRORS, G_STATUSES = range(7, 13)
G_SUMS = G_STATUSES + STATUS_COUNT
SUM_COLUMNS = 9
GROUP_COLUMNS = G_SUMS + SUM_COLUMNS * MEASURE_COUNT
# The one row of `used`.
COUNT, BYTES, BUCKETS = 0, 1, 2
BUCKET_BITS = 18
BUCKET_ZERO = 1 << (BUCKET_BITS - 1)
ERROR_BITS = np.uint64(63)
_REJECTED, _TIMED_OUT = (
    list(OrderStatus).index(status) for status in (OrderStatus.REJECTED, OrderStatus.TIMED_OUT)
)
assert {OrderStatus.REJECTED, OrderStatus.TIMED_OUT} == ERROR_STATUSES
_FNV_START, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_START = np.uint64(0x6A09E667F3BCC909)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_LOW24 = (1 << 24) - 1
_LOW32 = (1 << 32) - 1


class Groups(NamedTuple):
    """All groups since the last drain: an open table of row numbers (-1: free), hashes, rows, keys.

    `buckets` is an open table of histogram places (-1: free) and counts. Four neighbours of a
    histogram share a cache line: values that are close are counted close to each other.
    """

    table: NDArray[np.int32]
    hashes: NDArray[np.uint64]
    rows: Ints
    keys: Bytes
    buckets: Ints
    used: Ints


@inlined
def _fnv1a64(data: Bytes, at: int, end: int) -> np.uint64:
    h = _FNV_START
    for i in range(at, end):
        h = (h ^ np.uint64(data[i])) * _FNV_PRIME
    return h


@apart
def strategy_bits(data: Bytes, s: Ints) -> Int:
    """Return the set of the decoded event's strategy: `strategy_set.only`."""
    length, at = varint(data, s[KEY_AT], s)
    h, found = _fnv1a64(data, at, at + length), np.int64(0)
    for _ in range(4):
        found |= np.int64(1) << np.int64((h & np.uint64(0xFFFF)) % ERROR_BITS)
        h >>= np.uint64(16)
    return found


@inlined
def find_group(to: Groups, data: Bytes, s: Ints) -> Int:
    """Return the row of the decoded event's group, a new one if unknown; there must be room."""
    key, venue = s[KEY_END] - s[KEY_AT], s[VENUE_END] - s[VENUE_AT]
    account = s[ACCOUNT_END] - s[ACCOUNT_AT] if s[BY_ACCOUNT] else 0
    cohort = s[SUBMITTED] // COHORT_US
    h = hashed(data, s[KEY_AT], s[KEY_END], _START ^ np.uint64(s[MODE]))
    h = hashed(data, s[VENUE_AT], s[VENUE_END], mixed(h, np.uint64(cohort)))
    if account:
        h = hashed(data, s[ACCOUNT_AT], s[ACCOUNT_END], h)
    rows, mask = to.rows, len(to.table) - 1
    slot = np.int64(h >> np.uint64(11)) & mask
    while True:
        row = np.int64(to.table[slot])
        if row < 0:
            break
        at = rows[row, G_AT]
        if (
            to.hashes[row] == h
            and (rows[row, G_COHORT] == cohort and rows[row, G_MODE] == s[MODE])
            and (rows[row, G_KEY] == key and rows[row, G_VENUE] == venue)
            and rows[row, G_ACCOUNT] == account
            and same_bytes(data, s[KEY_AT], to.keys, at, key)
            and same_bytes(data, s[VENUE_AT], to.keys, at + key, venue)
            and same_bytes(data, s[ACCOUNT_AT], to.keys, at + key + venue, account)
        ):
            return row
        slot = (slot + 1) & mask
    row = to.used[COUNT]
    to.used[COUNT] = row + 1
    to.table[slot] = row
    to.hashes[row] = h
    for column in range(GROUP_COLUMNS):
        rows[row, column] = 0
    rows[row, G_AT] = to.used[BYTES]
    rows[row, G_KEY], rows[row, G_VENUE], rows[row, G_ACCOUNT] = key, venue, account
    rows[row, G_MODE], rows[row, G_COHORT] = s[MODE], cohort
    rows[row, G_STRATEGY] = strategy_bits(data, s)
    at = copied(data, s[KEY_AT], key, to.keys, to.used[BYTES])
    at = copied(data, s[VENUE_AT], venue, to.keys, at)
    to.used[BYTES] = copied(data, s[ACCOUNT_AT], account, to.keys, at)
    return row


@inlined
def _count_bucket(to: Groups, key: int) -> None:
    """Count one value at a place of the histograms: row, measure and bucket in one number."""
    mask = len(to.buckets) - 1
    h = np.uint64(key >> 2) * GOLDEN
    slot = ((np.int64(h ^ (h >> np.uint64(32))) << 2) | (key & 3)) & mask
    while to.buckets[slot, 0] != key:
        if to.buckets[slot, 0] < 0:
            to.buckets[slot, 0] = key
            to.used[BUCKETS] += 1
            break
        slot = (slot + 1) & mask
    to.buckets[slot, 1] += 1


@inlined
def _add_value(to: Groups, row: int, measure: int, value: int) -> None:
    rows = to.rows
    at = G_SUMS + SUM_COLUMNS * measure
    a, b = value >> 24, value & _LOW24
    aa, ab, bb = a * a, a * b, b * b
    rows[row, at] += 1
    rows[row, at + 1] += a
    rows[row, at + 2] += b
    rows[row, at + 3] += aa >> 32
    rows[row, at + 4] += aa & _LOW32
    rows[row, at + 5] += ab >> 32
    rows[row, at + 6] += ab & _LOW32
    rows[row, at + 7] += bb >> 32
    rows[row, at + 8] += bb & _LOW32
    bucket = bits_of(np.float64(abs(value))) >> 46
    place = BUCKET_ZERO + (bucket if value >= 0 else -bucket)
    _count_bucket(to, ((row * MEASURE_COUNT + measure) << BUCKET_BITS) | place)


@inlined
def _error_bit(data: Bytes, at: int, end: int) -> Int:
    return np.int64(1) << np.int64(_fnv1a64(data, at, end) % ERROR_BITS)


@inlined
def add_event(to: Groups, row: int, data: Bytes, s: Ints, max_us: int, late_us: int) -> None:
    """Add the decoded event to its group; `max_us` is the newest LIVE event_time before it."""
    rows = to.rows
    rows[row, G_LATE] += s[EVENT_TIME] < max_us - late_us
    for measure in range(MEASURE_COUNT):
        if s[HAS + measure]:
            _add_value(to, row, measure, s[VALUE + measure])
    if s[KIND]:
        rows[row, G_MARKOUTS] += 1
        return
    status = s[STATUS]
    rows[row, G_STATUSES + status] += 1
    rows[row, G_NO_BENCHMARK] += s[NO_BENCHMARK]
    rows[row, G_NO_ACK] += s[NO_ACK]
    if status in (_REJECTED, _TIMED_OUT):
        rows[row, G_ERRORS] |= _error_bit(data, s[ACCOUNT_AT], s[ACCOUNT_END])
