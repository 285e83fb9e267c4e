"""The coin is the same everywhere, fair, and monotone in the weight."""

import json
from pathlib import Path

import xxhash
from hypothesis import example, given
from hypothesis import strategies as st

from tradecanary.producers.assignment import assign, bound, bounds, coin

CONTRACTS = Path(__file__).parents[1] / "contracts"
WEIGHTS = st.integers(0, 10_000)
UNITS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def _assign(salt: str, unit: str, canary_bp: int) -> str:
    return assign(salt, unit, {"stable": 10_000 - canary_bp, "canary": canary_bp})


def test_golden_vectors_hold() -> None:
    """The published vectors are what gateways in other languages check themselves against."""
    vectors = json.loads((CONTRACTS / "assignment_vectors.json").read_text(encoding="utf-8"))
    assert xxhash.xxh3_64_intdigest(b"") == 0x2D06800538D394C2  # xxHash's own sanity value
    for weight, expected in vectors["bounds"].items():
        assert int(expected) == bound(int(weight))
    for case in vectors["cases"]:
        assert int(case["u"]) == coin(case["salt"], case["unit"])
        for weight, variant in case["variant"].items():
            assert variant == _assign(case["salt"], case["unit"], int(weight))


@given(UNITS, UNITS, WEIGHTS, WEIGHTS)
def test_raising_a_weight_moves_no_unit_back(salt: str, unit: str, one: int, other: int) -> None:
    """A unit that is canary at a weight is canary at every higher weight."""
    lower, higher = sorted((one, other))
    if _assign(salt, unit, lower) == "canary":
        assert _assign(salt, unit, higher) == "canary"


@given(UNITS, UNITS)
def test_no_weight_and_full_weight_are_exact(salt: str, unit: str) -> None:
    """0 gives nobody the canary, 10000 everybody."""
    assert _assign(salt, unit, 0) == "stable"
    assert _assign(salt, unit, 10_000) == "canary"


@given(WEIGHTS, st.integers(0, (1 << 64) - 1))
@example(5_000, 1 << 63)
@example(5_000, (1 << 63) - 1)
def test_bound_is_the_exact_comparison(weight_bp: int, u: int) -> None:
    """`u < bound` says exactly what `u < weight_bp * 2^64 / 10000` says, without rounding."""
    assert (u < bound(weight_bp)) == (u * 10_000 < weight_bp << 64)


def test_the_share_is_right() -> None:
    """Of many units about the weight's share gets the canary (5 standard errors)."""
    units = 40_000
    for weight_bp in (100, 2_500, 5_000):
        share = weight_bp / 10_000
        hits = sum(_assign("salt", f"A{n}", weight_bp) == "canary" for n in range(units))
        assert abs(hits / units - share) < 5 * (share * (1 - share) / units) ** 0.5


@given(WEIGHTS, WEIGHTS)
def test_the_canary_lies_first_and_stable_last(one: int, other: int) -> None:
    """Further arms lie between, so raising any of them takes from stable alone."""
    canary_bp, arm_bp = min(one, other), abs(one - other)
    stable_bp = 10_000 - canary_bp - arm_bp
    line = bounds({"stable": stable_bp, "arm-b": arm_bp, "canary": canary_bp})
    assert ["canary", "arm-b", "stable"] == [variant for _, variant in line]
    assert 1 << 64 == line[-1][0]
