"""What a router makes of the records of `routing-weights`: adopt, renew, or ignore.

A vector is the whole truth for a strategy. (epoch, revision) is its mark; a mark never falls.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from tradecanary.schemas.decisions import Vector
from tradecanary.schemas.routing import EVERYWHERE, CellWeights, RoutingWeights, UnitKind
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE

KNOWN_VARIANTS = frozenset({STABLE, CANARY})


class Reading(StrEnum):
    """What a record meant."""

    ADOPT = "ADOPT"
    RENEW = "RENEW"
    IGNORE = "IGNORE"


@dataclass(frozen=True, slots=True)
class Read:
    """The meaning of a record, and why, when it is ignored."""

    reading: Reading
    reason: str = ""


def read(held: RoutingWeights | None, new: RoutingWeights) -> Read:
    """Return what `new` means to a router whose newest vector is `held`."""
    if held is None:
        return Read(Reading.ADOPT)
    mark, newest = (new.epoch, new.revision), (held.epoch, held.revision)
    if mark > newest:
        return Read(Reading.ADOPT)
    if mark < newest:
        return Read(
            Reading.IGNORE,
            f"vector was epoch {mark[0]} revision {mark[1]}, older than epoch {newest[0]} "
            f"revision {newest[1]}: a decider that was replaced, or a topic replayed",
        )
    if new == held:
        return Read(Reading.RENEW)
    return Read(
        Reading.IGNORE,
        f"vector of epoch {mark[0]} revision {mark[1]} was read twice with different content: "
        f"two deciders wrote under one epoch",
    )


def problem(vector: RoutingWeights, loaded: Collection[str], unit: UnitKind) -> str:
    """Return why this router cannot obey `vector`, or an empty text.

    `loaded` are the versions it has a handler for, `unit` what its coin is tossed for.
    """
    if vector.unit != unit:
        return f"unit was {vector.unit}, this router's is {unit}"
    if vector.lease_ms <= 0:
        return f"lease_ms was {vector.lease_ms}, it must be > 0"
    if vector.cells and vector.revision <= 0:
        return f"revision was {vector.revision}, it must be > 0: 0 means that no coin decided"
    seen: set[tuple[str, str]] = set()
    for cell in vector.cells:
        place = (cell.region, cell.venue)
        if place in seen:
            return f"cell {place[0]}/{place[1]} was there twice"
        seen.add(place)
        text = _cell_problem(cell, loaded)
        if text:
            return f"cell {place[0]}/{place[1]}: {text}"
    return ""


def _cell_problem(cell: CellWeights, loaded: Collection[str]) -> str:
    variants = [weight.variant for weight in cell.weights]
    if len(set(variants)) != len(variants):
        return f"variants were {variants}, each may be there once"
    unknown = sorted(set(variants) - KNOWN_VARIANTS)
    if unknown:
        return f"variants {unknown} are unknown, known are {sorted(KNOWN_VARIANTS)}"
    if any(not 0 <= weight.weight_bp <= FULL_WEIGHT_BP for weight in cell.weights):
        return "a weight was outside 0..10000"
    total_bp = sum(weight.weight_bp for weight in cell.weights)
    if total_bp != FULL_WEIGHT_BP:
        return f"weights summed to {total_bp}, they must sum to 10000"
    missing = [w.version for w in cell.weights if w.weight_bp and w.version not in loaded]
    return f"versions {missing} are not loaded" if missing else ""


def cell_of(vector: RoutingWeights | Vector, region: str, venue: str) -> CellWeights | None:
    """Return the cell of an order, the most exact that fits; None outside all cells."""
    by_place = {(cell.region, cell.venue): cell for cell in vector.cells}
    for place in (
        (region, venue),
        (region, EVERYWHERE),
        (EVERYWHERE, venue),
        (EVERYWHERE, EVERYWHERE),
    ):
        if place in by_place:
            return by_place[place]
    return None


def served(vector: RoutingWeights) -> frozenset[tuple[str, str]]:
    """Return the (variant, version) pairs that get new orders in some cell."""
    return frozenset(
        (weight.variant, weight.version)
        for cell in vector.cells
        for weight in cell.weights
        if weight.weight_bp
    )
