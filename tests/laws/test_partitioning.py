"""Keys go where Kafka's Java client puts them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradecanary.schemas.partitioning import murmur2, partition_of

VECTORS = Path(__file__).parents[1] / "contracts" / "partitioning_vectors.json"


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


def test_the_published_vectors_hold() -> None:
    """They are what gateways in other languages check themselves against."""
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    for case in vectors["cases"]:
        key = case["key"].encode()
        assert case["murmur2"] == murmur2(key)
        assert case["partition_of_4"] == partition_of(key, 4)
        assert case["partition_of_7"] == partition_of(key, 7)
    assert any(case["murmur2"] >> 31 for case in vectors["cases"]), "no sign bit is cleared"


@given(st.binary(max_size=40), st.integers(1, 64), st.integers(1, 8))
def test_more_partitions_split_those_there_are(key: bytes, partitions: int, times: int) -> None:
    """A key is in one of `partitions`, and stays in its part when each is split into `times`."""
    part = partition_of(key, partitions)

    assert 0 <= part < partitions
    assert part == partition_of(key, partitions * times) % partitions
