"""The coin: which variant a unit gets. The same in any process and language.

`u = xxh3_64(salt + 0x1f + unit)` is uniform on 0..2^64-1. The variants other than stable share
the line from 0 upwards, the canary first; stable takes the rest. So raising a weight only ever
moves units from stable to that variant, never back (docs/protocol.md).
"""

from __future__ import annotations

from collections.abc import Mapping

import xxhash

from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE

SEPARATOR = "\x1f"
_SPAN = 1 << 64


def coin(salt: str, unit: str) -> int:
    """Return `u` of a unit, an integer in 0..2^64-1; raises UnicodeEncodeError on surrogates."""
    return xxhash.xxh3_64_intdigest(salt + SEPARATOR + unit)


def bound(weight_bp: int) -> int:
    """Return the smallest integer that is no hit: `u < bound` iff `u < weight_bp * 2^64 / 10000`.

    >>> bound(0), bound(10_000) == 2**64, bound(5_000) == 2**63, bound(1)
    (0, True, True, 1844674407370956)
    """
    return -(-weight_bp * _SPAN // FULL_WEIGHT_BP)


def bounds(weights_bp: Mapping[str, int]) -> tuple[tuple[int, str], ...]:
    """Return (exclusive upper bound of `u`, variant) in rising order; the last bound is 2^64.

    `weights_bp` sums to 10000. The canary lies first, other arms by name, stable last.
    """
    line = []
    total_bp = 0
    for variant in sorted(weights_bp, key=lambda name: (name == STABLE, name != CANARY, name)):
        total_bp += weights_bp[variant]
        line.append((bound(total_bp), variant))
    assert total_bp == FULL_WEIGHT_BP, "the weights of a cell sum to 10000"
    return tuple(line)


def assign(salt: str, unit: str, weights_bp: Mapping[str, int]) -> str:
    """Return the variant of `unit`. `weights_bp` sums to 10000.

    >>> assign("momentum-17", "A17-000123", {"stable": 10_000, "canary": 0})
    'stable'
    """
    u = coin(salt, unit)
    return next(variant for upper, variant in bounds(weights_bp) if u < upper)
