"""Mergeable log-linear histograms of integers: exact counts, buckets at most 1.6 % wide.

A bucket is the top 18 bits of the value as a double (sign, exponent, 6 mantissa bits): monotone,
no logarithm, the same in any language.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

_SHIFT = 46


def bucket_of(value: int) -> int:
    """Return the bucket of `value`: positive for v > 0, its negative for v < 0, 0 for 0."""
    if value == 0:
        return 0
    (bits,) = struct.unpack("<q", struct.pack("<d", abs(value)))
    bucket: int = bits >> _SHIFT
    return bucket if value > 0 else -bucket


def lower_edge(bucket: int) -> float:
    """Return the smallest size in the bucket, with the bucket's sign."""
    if bucket == 0:
        return 0.0
    (edge,) = struct.unpack("<d", struct.pack("<q", abs(bucket) << _SHIFT))
    size: float = edge
    return size if bucket > 0 else -size


def quantile_bucket(counts: Mapping[int, int], numerator: int, denominator: int) -> int | None:
    """Return the bucket of the value at index min(n - 1, floor(q n)) of the sorted values.

    `q = numerator / denominator`, an exact ratio. None when there is no value.
    """
    n = sum(counts.values())
    if n == 0:
        return None
    rank = min(n - 1, n * numerator // denominator)
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen > rank:
            return bucket
    raise AssertionError("counts of a histogram must sum to n")
