"""Values by key in a fixed number of buckets: only those that changed are copied, and written.

An update returns new buckets where something changed and the very same objects elsewhere; so the
snapshot can tell by identity what it need not write again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar
from zlib import crc32

BUCKETS = 64

V = TypeVar("V")
Keyed = dict[int, dict[str, V]]


def put(known: Keyed[V], changes: Mapping[str, V]) -> Keyed[V]:
    """Return `known` with `changes` put in, copying only the buckets they fall into.

    >>> a = put({}, {"x": 1, "y": 2})
    >>> b = put(a, {"y": 3})
    >>> dict(items(b)) == {"x": 1, "y": 3}, dict(items(a)) == {"x": 1, "y": 2}
    (True, True)
    """
    if not changes:
        return known
    by_bucket: Keyed[V] = {}
    for key, value in changes.items():
        by_bucket.setdefault(bucket_of(key), {})[key] = value
    new = {bucket: known.get(bucket, {}) | rows for bucket, rows in by_bucket.items()}
    return known | new


def bucket_of(key: str) -> int:
    """Return the bucket of `key`: the same in every process."""
    return crc32(key.encode()) % BUCKETS


def get(known: Keyed[V], key: str) -> V | None:
    """Return the value of `key`, or None."""
    return known.get(bucket_of(key), {}).get(key)


def items(known: Keyed[V]) -> Iterator[tuple[str, V]]:
    """Yield all keys with their values, bucket by bucket."""
    for rows in known.values():
        yield from rows.items()


def count(known: Keyed[V]) -> int:
    """Return how many keys there are."""
    return sum(len(rows) for rows in known.values())
