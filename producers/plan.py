"""A vector compiled for `route()`: one immutable value, swapped with one assignment.

Whatever route() needs lies ready: the moment the lease ends, what to do after it, and per cell
the bounds of the coin. A plan never changes but for its memory of the cells it was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

from tradecanary.producers.assignment import SEPARATOR, bounds
from tradecanary.producers.vectors import cell_of
from tradecanary.schemas.routing import CellWeights, RoutingWeights
from tradecanary.schemas.units import FULL_WEIGHT_BP, STABLE

HandlerT = TypeVar("HandlerT")
NEVER_NS = 1 << 63
_CELLS_REMEMBERED = 1024


class Tally:
    """Orders that one (revision, variant) decided at this router: cumulative, exact."""

    __slots__ = ("reported", "revision", "routed", "variant")

    def __init__(self, revision: int, variant: str) -> None:
        self.revision = revision
        self.variant = variant
        self.routed = 0
        self.reported = 0


class Tallies:
    """The newest 64 revisions' tallies, and those that still have open orders."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[int, str], Tally] = {}

    def of(self, revision: int, variant: str) -> Tally:
        """Return the one tally of (revision, variant)."""
        return self._by_key.setdefault((revision, variant), Tally(revision, variant))

    def all(self) -> tuple[Tally, ...]:
        """Return the tallies kept, in the order of revision and variant."""
        newest = sorted({revision for revision, _ in self._by_key}, reverse=True)[:64]
        keep = {0, *newest}
        for key, tally in list(self._by_key.items()):
            if key[0] not in keep and tally.routed == tally.reported:
                del self._by_key[key]
        return tuple(self._by_key[key] for key in sorted(self._by_key))


class Arm(NamedTuple, Generic[HandlerT]):
    """What an order is given: the variant with all that every order of it repeats."""

    variant: str
    version: str
    handler: HandlerT | None
    revision: int
    weight_bp: int
    killed: bool
    tally: Tally


class Split(NamedTuple, Generic[HandlerT]):
    """One cell: the first arm whose bound lies above the coin, else `rest`.

    Without `bounds` no coin is needed.
    """

    bounds: tuple[tuple[int, Arm[HandlerT]], ...]
    rest: Arm[HandlerT]


class Plan(Generic[HandlerT]):
    """What a router does until `until_ns` (monotonic), and `otherwise` after it."""

    __slots__ = ("_outside", "_splits", "_vector", "cells", "otherwise", "prefix", "until_ns")

    def __init__(
        self,
        outside: Arm[HandlerT],
        *,
        vector: RoutingWeights | None = None,
        splits: Mapping[CellWeights, Split[HandlerT]] | None = None,
        until_ns: int = NEVER_NS,
    ) -> None:
        """Follow `vector` until `until_ns`; without one every order gets `outside`, for ever."""
        self._outside: Split[HandlerT] = Split((), outside)
        self._vector = vector
        self._splits = splits or {}
        self.prefix = "" if vector is None else vector.salt + SEPARATOR
        self.until_ns = until_ns
        self.cells: dict[tuple[str, str], Split[HandlerT]] = {}
        self.otherwise: Plan[HandlerT] = self if vector is None else Plan(outside)

    @property
    def outside(self) -> Arm[HandlerT]:
        """The arm of orders outside all cells: the baseline's, or the kill's."""
        return self._outside.rest

    def split(self, region: str, venue: str) -> Split[HandlerT]:
        """Return the split of a cell seen for the first time; later it is found in `cells`."""
        cell = None if self._vector is None else cell_of(self._vector, region, venue)
        split = self._outside if cell is None else self._splits[cell]
        if len(self.cells) < _CELLS_REMEMBERED:
            self.cells[region, venue] = split
        return split

    def renewed(self, until_ns: int) -> Plan[HandlerT]:
        """Return the same plan with a longer life."""
        assert self._vector is not None, "only a plan that follows a vector is renewed"
        return Plan(self.outside, vector=self._vector, splits=self._splits, until_ns=until_ns)


def baseline_plan(
    version: str, handlers: Mapping[str, HandlerT], tallies: Tallies
) -> Plan[HandlerT]:
    """Return the plan that gives every order the baseline under revision 0."""
    return Plan(_baseline_arm(version, handlers, tallies))


def killed_plan(version: str, tallies: Tallies) -> Plan[HandlerT]:
    """Return the plan that gives no order a handler."""
    tally = tallies.of(0, STABLE)
    return Plan(Arm(STABLE, version, None, 0, FULL_WEIGHT_BP, killed=True, tally=tally))


def vector_plan(
    vector: RoutingWeights, handlers: Mapping[str, HandlerT], tallies: Tallies, until_ns: int
) -> Plan[HandlerT]:
    """Return the plan that follows `vector`, which must be obeyable (`vectors.problem`)."""
    splits = {cell: _split(cell, vector.revision, handlers, tallies) for cell in vector.cells}
    outside = _baseline_arm(vector.baseline, handlers, tallies)
    return Plan(outside, vector=vector, splits=splits, until_ns=until_ns)


def _baseline_arm(
    version: str, handlers: Mapping[str, HandlerT], tallies: Tallies
) -> Arm[HandlerT]:
    tally = tallies.of(0, STABLE)
    handler = handlers.get(version)
    return Arm(STABLE, version, handler, 0, FULL_WEIGHT_BP, killed=False, tally=tally)


def _split(
    cell: CellWeights, revision: int, handlers: Mapping[str, HandlerT], tallies: Tallies
) -> Split[HandlerT]:
    arms: dict[str, Arm[HandlerT]] = {
        weight.variant: Arm(
            weight.variant,
            weight.version,
            handlers[weight.version],
            revision,
            weight.weight_bp,
            killed=False,
            tally=tallies.of(revision, weight.variant),
        )
        for weight in cell.weights
        if weight.weight_bp
    }
    line = bounds({variant: arm.weight_bp for variant, arm in arms.items()})
    *coins, (_, last) = line
    return Split(tuple((upper, arms[variant]) for upper, variant in coins), arms[last])
