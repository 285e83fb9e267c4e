"""Which strategies a publisher serves, in one word: a Bloom filter of their names.

A strategy sets at most four of 63 bits, so the set is exact but for collisions, and a collision
only says of a strategy that it is served. Aggregators fill the sets, deciders ask them.
"""

from __future__ import annotations

from functools import lru_cache

BITS = 63
_PARTS = 4
_PART_BITS = 16


def fnv1a64(data: bytes) -> int:
    """Return the 64-bit FNV-1a hash of `data`."""
    h = 0xCBF29CE484222325
    for byte in data:
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


@lru_cache(maxsize=4096)
def only(strategy: str) -> int:
    """Return the set of this one strategy: a bit for each 16 bits of its name's FNV-1a hash.

    >>> f"{only('momentum'):x}"
    '80100800800'
    """
    h, found = fnv1a64(strategy.encode()), 0
    for _ in range(_PARTS):
        found |= 1 << ((h & 0xFFFF) % BITS)
        h >>= _PART_BITS
    return found


def may_hold(strategies: int, strategy: str) -> bool:
    """Return whether `strategy` is in the set; an empty set was not recorded, and may hold any."""
    own = only(strategy)
    return not strategies or strategies & own == own
