"""The tables of the compiled fold: made empty, and made larger when the pass asks for it."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tradecanary.processors.aggregation import kernel_groups as in_groups
from tradecanary.processors.aggregation import kernel_sequences as in_sequences
from tradecanary.processors.aggregation.folding import MAX_HOLES
from tradecanary.processors.aggregation.kernel_bytes import PAD
from tradecanary.processors.aggregation.kernel_groups import GROUP_COLUMNS, Groups
from tradecanary.processors.aggregation.kernel_sequences import PUBLISHER_COLUMNS, Publishers

Scalar = TypeVar("Scalar", bound=np.generic)
FREE = -1
_NAME_BYTES = 64
_KEY_BYTES = 128


def new_publishers(rows: int = 64) -> Publishers:
    """Return an empty table with room for `rows` publishers (a power of two)."""
    return Publishers(
        table=np.full(4 * rows, FREE, np.int32),
        hashes=np.zeros(rows, np.uint64),
        rows=np.zeros((rows, PUBLISHER_COLUMNS), np.int64),
        holes=np.zeros((rows, MAX_HOLES), np.int64),
        names=np.zeros(rows * _NAME_BYTES + 2 * PAD, np.uint8),
        used=np.zeros(2, np.int64),
    )


def new_groups(rows: int = 256, buckets: int = 1 << 15) -> Groups:
    """Return an empty table with room for `rows` groups and `buckets` / 2 histogram counts."""
    return Groups(
        table=np.full(4 * rows, FREE, np.int32),
        hashes=np.zeros(rows, np.uint64),
        rows=np.zeros((rows, GROUP_COLUMNS), np.int64),
        keys=np.zeros(rows * _KEY_BYTES + 2 * PAD, np.uint8),
        buckets=_free_buckets(buckets),
        used=np.zeros(3, np.int64),
    )


def _free_buckets(slots: int) -> NDArray[np.int64]:
    table = np.zeros((slots, 2), np.int64)
    table[:, 0] = FREE
    return table


def emptied(groups: Groups) -> Groups:
    """Empty the groups in place, at the size they have."""
    groups.table.fill(FREE)
    groups.buckets[:] = FREE, 0
    groups.used.fill(0)
    return groups


def _longer(old: NDArray[Scalar], length: int) -> NDArray[Scalar]:
    """Return `old` with zeros up to `length`."""
    if length <= len(old):
        return old
    new = np.zeros((length, *old.shape[1:]), old.dtype)
    new[: len(old)] = old
    return new


def _placed(hashes: NDArray[np.uint64], slots: int) -> NDArray[np.int32]:
    """Return an open table of `slots` with every row where the pass looks for its hash."""
    table = np.full(slots, FREE, np.int32)
    homes = (hashes >> np.uint64(11)).astype(np.int64) & (slots - 1)
    for row, home in enumerate(homes.tolist()):
        slot = home
        while table[slot] != FREE:
            slot = (slot + 1) & (slots - 1)
        table[slot] = row
    return table


def has_room(publishers: Publishers, name_bytes: int) -> bool:
    """Return whether one more publisher with a name of this size fits."""
    count, used = publishers.used.tolist()
    names = len(publishers.names)
    return bool(2 * count < len(publishers.rows) and used + name_bytes + PAD < names)


def grown_publishers(old: Publishers, record_bytes: int) -> Publishers:
    """Return a table that has room for at least one more record of this size."""
    count, used = (int(n) for n in old.used)
    rows = len(old.rows) if 2 * count < len(old.rows) else 2 * len(old.rows)
    return Publishers(
        table=_placed(old.hashes[:count], 4 * rows),
        hashes=_longer(old.hashes, rows),
        rows=_longer(old.rows, rows),
        holes=_longer(old.holes, rows),
        names=_longer(old.names, 2 * (used + record_bytes + PAD)),
        used=old.used,
    )


def grown_groups(old: Groups, record_bytes: int) -> Groups:
    """Return a table that has room for at least one more record of this size."""
    count, used = int(old.used[in_groups.COUNT]), int(old.used[in_groups.BYTES])
    rows = len(old.rows) if 2 * count < len(old.rows) else 2 * len(old.rows)
    crowded = 4 * int(old.used[in_groups.BUCKETS]) > len(old.buckets)
    return Groups(
        table=_placed(old.hashes[:count], 4 * rows),
        hashes=_longer(old.hashes, rows),
        rows=_longer(old.rows, rows),
        keys=_longer(old.keys, 2 * (used + record_bytes + PAD)),
        buckets=_spread(old.buckets, 4 * len(old.buckets)) if crowded else old.buckets,
        used=old.used,
    )


def _spread(old: NDArray[np.int64], slots: int) -> NDArray[np.int64]:
    """Return the histogram counts in a table of `slots`, where the pass looks for them."""
    taken = old[old[:, 0] != FREE]
    products = (taken[:, 0] >> 2).astype(np.uint64) * in_groups.GOLDEN
    spread = (products ^ (products >> np.uint64(32))).astype(np.int64)
    homes = (spread << 2) | (taken[:, 0] & 3)
    new = _free_buckets(slots)
    for row, home in zip(taken.tolist(), (homes & (slots - 1)).tolist(), strict=True):
        slot = home
        while new[slot, 0] != FREE:
            slot = (slot + 1) & (slots - 1)
        new[slot] = row
    return new


def kept_publishers(old: Publishers, keep: NDArray[np.bool_]) -> Publishers:
    """Return the table without the rows not in `keep`; names stay where they are."""
    rows = np.flatnonzero(keep)
    new = Publishers(
        table=old.table,
        hashes=np.zeros_like(old.hashes),
        rows=np.zeros_like(old.rows),
        holes=np.zeros_like(old.holes),
        names=np.zeros_like(old.names),
        used=np.zeros_like(old.used),
    )
    at = 0
    for to, row in enumerate(rows.tolist()):
        new.hashes[to], new.rows[to], new.holes[to] = old.hashes[row], old.rows[row], old.holes[row]
        start, length = (
            int(old.rows[row, column])
            for column in (in_sequences.NAME_AT, in_sequences.NAME_LENGTH)
        )
        new.names[at : at + length] = old.names[start : start + length]
        new.rows[to, in_sequences.NAME_AT] = at
        at += length
    new.used[:] = len(rows), at
    return new._replace(table=_placed(new.hashes[: len(rows)], len(old.table)))
