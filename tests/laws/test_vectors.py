"""What a router makes of vectors: marks never fall, and what cannot be obeyed is named."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradecanary.producers.vectors import Reading, cell_of, problem, read, served
from tradecanary.schemas.routing import CellWeights, RoutingWeights, UnitKind, VariantWeight

LOADED = ("v1", "v2")


def cell(canary_bp: int, region: str = "*", venue: str = "*") -> CellWeights:
    """Return a cell with this weight for the canary, `v2`; stable is `v1`."""
    weights = (
        VariantWeight("stable", "v1", 10_000 - canary_bp),
        VariantWeight("canary", "v2", canary_bp),
    )
    return CellWeights(region, venue, weights)


VECTOR = RoutingWeights(
    strategy="momentum",
    epoch=3,
    revision=7,
    rollout="r-1",
    cells=(cell(500),),
    baseline="v1",
    salt="s",
    unit=UnitKind.ORDER,
    lease_ms=10_000,
    rearm=0,
    reason="",
    decision_hash="",
)
MARKS = st.tuples(st.integers(0, 3), st.integers(0, 3))


@given(st.lists(st.tuples(MARKS, st.integers(0, 1)), max_size=20))
def test_marks_never_fall(records: list[tuple[tuple[int, int], int]]) -> None:
    """Adopt a newer (epoch, revision), renew on the same again, ignore the rest and say why."""
    held = None
    for (epoch, revision), weight in records:
        new = replace(VECTOR, epoch=epoch, revision=revision, cells=(cell(weight),))
        meaning = read(held, new)
        assert (meaning.reading is Reading.IGNORE) == bool(meaning.reason)
        mark = (-1, -1) if held is None else (held.epoch, held.revision)
        expected = Reading.ADOPT if (epoch, revision) > mark else Reading.IGNORE
        assert (Reading.RENEW if new == held else expected) is meaning.reading
        if meaning.reading is Reading.ADOPT:
            held = new


def test_what_can_be_obeyed_has_no_problem() -> None:
    """A version without weight need not be loaded, and no cells at all is the baseline for all."""
    assert problem(VECTOR, LOADED, UnitKind.ORDER) == ""
    assert problem(replace(VECTOR, cells=(cell(0),)), ("v1",), UnitKind.ORDER) == ""
    assert problem(replace(VECTOR, cells=(), revision=0), (), UnitKind.ORDER) == ""


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"unit": UnitKind.ACCOUNT}, "unit was account"),
        ({"lease_ms": 0}, "lease_ms was 0"),
        ({"revision": 0}, "revision was 0"),
        ({"cells": (cell(500), cell(600))}, "cell */* was there twice"),
        ({"cells": (CellWeights("*", "*", (VariantWeight("blue", "v1", 10_000),)),)}, "blue"),
        ({"cells": (CellWeights("*", "*", (VariantWeight("stable", "v1", 9_999),)),)}, "9999"),
        ({"cells": (CellWeights("*", "*", cell(-1).weights),)}, "outside 0..10000"),
        ({"cells": (CellWeights("*", "*", (VariantWeight("canary", "v3", 10_000),)),)}, "v3"),
        ({"cells": (CellWeights("*", "*", cell(500).weights * 2),)}, "each may be there once"),
    ],
)
def test_what_cannot_be_obeyed_is_named(change: dict[str, object], names: str) -> None:
    """Each rule for a vector refuses, and says what was found."""
    broken = replace(VECTOR, **change)  # type: ignore[arg-type]
    assert names in problem(broken, LOADED, UnitKind.ORDER)


def test_the_most_exact_cell_decides() -> None:
    """Region and venue, then region, then venue, then everywhere; outside all: none."""
    places = [("us", "XNAS"), ("us", "*"), ("*", "XNAS"), ("*", "*")]
    cells = {place: cell(n, *place) for n, place in enumerate(places)}
    while cells:
        vector = replace(VECTOR, cells=tuple(reversed(cells.values())))
        first = next(iter(cells))
        assert cell_of(vector, "us", "XNAS") == cells.pop(first)
    assert cell_of(replace(VECTOR, cells=()), "us", "XNAS") is None


def test_served_are_the_variants_with_weight_in_some_cell() -> None:
    """A variant at 0 everywhere is not served."""
    vector = replace(VECTOR, cells=(cell(0, "us"), cell(0, "eu")))
    assert served(vector) == {("stable", "v1")}
    assert served(replace(vector, cells=(cell(0, "us"), cell(1, "eu")))) >= {("canary", "v2")}
