"""A bar of the benchmark is compared, and what nobody measured does not keep it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from benchmarks.bars import BARS, DASHBOARD_BARS, Bar, growth, missed


@pytest.mark.parametrize(
    ("operator", "kept"), [("<", (True, False, False)), ("<=", (True, True, False)),
                           (">=", (False, True, True))],
)  # fmt: skip
def test_a_bar_compares(operator: str, kept: tuple[bool, bool, bool]) -> None:
    """Below, at and above the number."""
    assert kept == tuple(Bar(operator, 20).kept(figure) for figure in (19.9, 20, 20.1))


@pytest.mark.parametrize("bars", [BARS, DASHBOARD_BARS])
def test_what_is_missing_is_missed(bars: Mapping[str, Bar]) -> None:
    """Figures at their bars' better side are kept, each alone is missed when it is not there."""
    good: dict[str, object] = {
        name: bar.number * (1.01 if bar.operator == ">=" else 0.99) for name, bar in bars.items()
    }

    assert [] == missed(good, bars)
    for name in bars:
        assert [name] == missed({key: value for key, value in good.items() if key != name}, bars)


def test_each_page_shows_each_transition_within_a_second() -> None:
    """The slowest of either page counts, not only those of the list and not only most."""
    assert ["rollout_max_ms"] == missed({"list_max_ms": 999, "rollout_max_ms": 1_000},
                                        DASHBOARD_BARS)  # fmt: skip
    assert ["list_max_ms"] == missed({"list_max_ms": 1_000, "rollout_max_ms": 999},
                                     DASHBOARD_BARS)  # fmt: skip


def test_a_flat_cost_does_not_grow() -> None:
    """The first size pays the fixed costs: what counts is the cheapest of the smaller ones."""
    assert 1.0 == growth({"10k": 3.0, "100k": 1.0, "10M": 1.0})
    assert 1.5 == growth({"10k": 3.0, "100k": 1.0, "10M": 1.5})
