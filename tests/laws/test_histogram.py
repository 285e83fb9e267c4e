"""Histograms: monotone buckets at most 1.6 % wide, exact counts, quantiles on their edges."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradecanary.schemas.execution import VALUE_LIMIT
from tradecanary.schemas.histogram import bucket_of, lower_edge, quantile_bucket

values = st.integers(-VALUE_LIMIT + 1, VALUE_LIMIT - 1) | st.integers(-300, 300)


@given(values, values)
def test_buckets_keep_the_order_of_values(one: int, two: int) -> None:
    """A larger value is never in a lower bucket."""
    low, high = sorted((one, two))
    assert bucket_of(low) <= bucket_of(high)


@given(values)
def test_a_bucket_is_narrow_and_holds_its_value(value: int) -> None:
    """The edge is at most the size of the value as a double, and within 1/64 of it."""
    edge = lower_edge(bucket_of(value))
    assert abs(edge) <= abs(float(value))
    assert abs(float(value)) - abs(edge) <= abs(value) / 64
    assert bucket_of(-value) == -bucket_of(value)
    assert bucket_of(int(edge)) == bucket_of(value) or edge != int(edge)


@pytest.mark.parametrize(("value", "bucket"), [(0, 0), (1, 65_472), (2, 65_536), (-1, -65_472)])
def test_buckets_by_hand(value: int, bucket: int) -> None:
    """The double 1.0 is 0x3FF0000000000000: shifted right by 46 it is 65472."""
    assert bucket_of(value) == bucket


@given(st.lists(values, min_size=1, max_size=60), st.integers(0, 100))
def test_a_quantile_is_the_bucket_of_the_ranked_value(drawn: list[int], percent: int) -> None:
    """The value at index min(n - 1, floor(q n)) of the sorted values lies in the bucket found."""
    counts = Counter(map(bucket_of, drawn))
    ranked = sorted(drawn)[min(len(drawn) - 1, len(drawn) * percent // 100)]
    assert quantile_bucket(counts, percent, 100) == bucket_of(ranked)


def test_no_values_have_no_quantile() -> None:
    """An empty histogram answers None."""
    assert quantile_bucket({}, 1, 2) is None
