"""The table of keys for `kernel.index`: made empty, and made larger when the pass asks for it."""

from __future__ import annotations

import numpy as np

from tradecanary.backtesting.kernel import Keys
from tradecanary.processors.aggregation.kernel_bytes import PAD


def new_keys(rows: int = 64) -> Keys:
    """Return an empty table with room for `rows` keys."""
    return Keys(
        table=np.full(4 * rows, -1, np.int32),
        hashes=np.zeros(rows, np.uint64),
        rows=np.zeros((rows, 2), np.int64),
        text=np.zeros(128 * rows + 2 * PAD, np.uint8),
        used=np.zeros(2, np.int64),
    )


def grown_keys(old: Keys, record_bytes: int) -> Keys:
    """Return a table with room for at least one more key of a record of this size."""
    count, used = (int(n) for n in old.used)
    new = new_keys(2 * len(old.rows))
    text = np.zeros(max(len(new.text), 2 * (used + record_bytes + PAD)), np.uint8)
    text[:used] = old.text[:used]
    new.hashes[:count], new.rows[:count] = old.hashes[:count], old.rows[:count]
    new.used[:] = count, used
    for row, home in enumerate((old.hashes[:count] >> np.uint64(11)).tolist()):
        slot = home & (len(new.table) - 1)
        while new.table[slot] >= 0:
            slot = (slot + 1) & (len(new.table) - 1)
        new.table[slot] = row
    return new._replace(text=text)
