"""A bar of the benchmark is compared, and what nobody measured does not keep it."""

from __future__ import annotations

import pytest

from benchmarks.bars import BARS, Bar, growth, missed


@pytest.mark.parametrize(
    ("operator", "kept"), [("<", (True, False, False)), ("<=", (True, True, False)),
                           (">=", (False, True, True))],
)  # fmt: skip
def test_a_bar_compares(operator: str, kept: tuple[bool, bool, bool]) -> None:
    """Below, at and above the number."""
    assert kept == tuple(Bar(operator, 20).kept(figure) for figure in (19.9, 20, 20.1))


def test_what_is_missing_is_missed() -> None:
    """Figures at their bars' better side are kept, each alone is missed when it is not there."""
    good: dict[str, object] = {
        name: bar.number * (1.01 if bar.operator == ">=" else 0.99) for name, bar in BARS.items()
    }

    assert [] == missed(good)
    for name in BARS:
        assert [name] == missed({key: value for key, value in good.items() if key != name})


def test_a_flat_cost_does_not_grow() -> None:
    """The first size pays the fixed costs: what counts is the cheapest of the smaller ones."""
    assert 1.0 == growth({"10k": 3.0, "100k": 1.0, "10M": 1.0})
    assert 1.5 == growth({"10k": 3.0, "100k": 1.0, "10M": 1.5})
