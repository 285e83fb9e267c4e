"""Keys go where Kafka's Java client puts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradecanary.schemas.partitioning import murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_java(key: bytes, expected: int) -> None:
    """The vectors of org.apache.kafka.common.utils.UtilsTest, signed there, unsigned here."""
    assert murmur2(key) == expected % (1 << 32)


@given(st.binary(max_size=40), st.integers(1, 64))
def test_a_partition_is_the_positive_hash_modulo_the_count(key: bytes, partitions: int) -> None:
    """The sign bit is cleared before the division, as toPositive does."""
    assert partition_of(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions
