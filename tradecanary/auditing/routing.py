"""Whether orders were routed as their revisions say: the coin is tossed again for each of them.

It lies here and not with the stages because the coin is the producers' own (`assignment.py`): the
audit must toss the very coin that the routers tossed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tradecanary.processors.auditing.chain import vector_text
from tradecanary.processors.auditing.findings import What
from tradecanary.processors.auditing.orders import Decided, Order, cell_of, decided_of
from tradecanary.producers import vectors
from tradecanary.producers.assignment import bounds, coin
from tradecanary.schemas.codec import ContractViolation
from tradecanary.schemas.decisions import Decision, DecisionKind, Vector
from tradecanary.schemas.routing import UnitKind
from tradecanary.schemas.units import FULL_WEIGHT_BP, STABLE

_SPAN = 1 << 64
_REMEMBERED = 1 << 14


class Problem(NamedTuple):
    """What is wrong with an order."""

    what: What
    expected: str
    found: str


@dataclass(slots=True)
class Issued:
    """Every vector that was issued, by strategy and revision, and what its coin was tossed for.

    A rollout's START makes the salt of its coin, and every later vector keeps it until the next
    START: so `rollouts`, by strategy and salt. `units`: by strategy and rollout, as started.
    """

    vectors: dict[tuple[str, int], Vector] = field(default_factory=dict)
    rollouts: dict[tuple[str, str], str] = field(default_factory=dict)
    units: dict[tuple[str, str], UnitKind] = field(default_factory=dict)
    oldest: dict[str, int] = field(default_factory=dict)

    def take(self, decision: Decision) -> None:
        """Note the vectors of a decision whose hash holds: before and after.

        One that was removed or changed is known from the decision after it.
        """
        for vector in (decision.before, decision.after):
            key = decision.strategy, vector.revision
            self.vectors.setdefault(key, vector)
            if vector.revision:
                known = self.oldest.get(decision.strategy, vector.revision)
                self.oldest[decision.strategy] = min(known, vector.revision)
        is_its_own = decision.kind is not DecisionKind.REISSUE  # another may be PENDING by then
        if is_its_own and decision.after.revision != decision.before.revision:
            self.rollouts.setdefault((decision.strategy, decision.after.salt), decision.rollout)

    def unit_of(self, strategy: str, revision: int) -> UnitKind | None:
        """Return what the coin of a revision was tossed for, None when no command tells."""
        vector = self.vectors.get((strategy, revision))
        rollout = self.rollouts.get((strategy, vector.salt)) if vector is not None else None
        return None if rollout is None else self.units.get((strategy, rollout))


@dataclass(slots=True)
class RoutingCounts:
    """How many events were audited, and how many a coin had nothing to do with."""

    orders: int = 0
    markouts: int = 0
    no_coin: int = 0
    not_live: int = 0
    unreadable: int = 0
    older: int = 0


class _Rule(NamedTuple):
    """What holds for all orders with the same bytes: a problem whatever the coin, or its range."""

    strategy: str
    is_exempt: bool = False
    is_older: bool = False
    problem: Problem | None = None
    salt: str = ""
    low: int = 0
    high: int = _SPAN
    unit: UnitKind | None = None
    revision: int = 0
    variant: str = ""


class RoutingAudit:
    """Tosses the coin of order after order. Memory is bounded by the number of vectors issued."""

    def __init__(self, issued: Issued, *, strategy: str | None = None, complete: bool) -> None:
        """Audit against `issued`; `complete`: no vector is beyond the retention of `decisions`.

        With a `strategy` the orders of all others are passed over.
        """
        self.counts = RoutingCounts()
        self._issued = issued
        self._strategy = strategy
        self._complete = complete
        self._rules: dict[tuple[bytes, bytes], _Rule] = {}

    def check(self, order: Order) -> tuple[str, Problem] | None:
        """Return the strategy and what is wrong with an event, None when nothing is.

        Raises ContractViolation when its texts are none.
        """
        counts = self.counts
        rule = self._rules.get((order.decided, order.cell)) or self._rule(order)
        if self._strategy is not None and rule.strategy != self._strategy:
            return None
        if not order.is_live:
            counts.not_live += 1
            return None
        if order.is_outcome:
            counts.orders += 1
        else:
            counts.markouts += 1
        if rule.is_exempt:
            counts.no_coin += order.is_outcome
            return None
        if rule.is_older:
            counts.older += order.is_outcome
            return None
        problem = rule.problem or _unit_problem(rule, order) or _coin_problem(rule, order)
        return None if problem is None else (rule.strategy, problem)

    def _rule(self, order: Order) -> _Rule:
        if len(self._rules) >= _REMEMBERED:
            self._rules.clear()  # cells are the services' to name: nobody bounds them
        rule = self._made(order)
        self._rules[order.decided, order.cell] = rule
        return rule

    def _made(self, order: Order) -> _Rule:
        decided = decided_of(order.decided)
        strategy, revision = decided.strategy, decided.revision
        found = f"{decided.variant} {decided.version} at {decided.weight_bp} bp"
        if revision == 0:
            return _without_coin(decided, found)
        vector = self._issued.vectors.get((strategy, revision))
        if vector is None:
            oldest = self._issued.oldest.get(strategy)
            if not self._complete and oldest is not None and revision < oldest:
                return _Rule(strategy, is_older=True)
            problem = Problem(
                What.UNKNOWN_REVISION,
                f"a revision that a decision of {strategy} issued",
                f"revision {revision}, {found}",
            )
            return _Rule(strategy, problem=problem)
        region, venue = cell_of(order.cell)
        cell = vectors.cell_of(vector, region, venue)
        if cell is None:
            text = f"{vector_text(vector)}: outside its cells no coin is tossed, revision 0"
            found = f"revision {revision} at {region}/{venue}, {found}"
            return _Rule(strategy, problem=Problem(What.MISROUTED, text, found))
        wanted = {
            (one.variant, one.version, one.weight_bp) for one in cell.weights if one.weight_bp
        }
        if (decided.variant, decided.version, decided.weight_bp) not in wanted:
            return _Rule(strategy, problem=Problem(What.MISROUTED, vector_text(vector), found))
        low = 0
        for upper, variant in bounds({name: weight_bp for name, _, weight_bp in wanted}):
            if variant == decided.variant:
                return _Rule(
                    strategy,
                    salt=vector.salt,
                    low=low,
                    high=upper,
                    unit=self._issued.unit_of(strategy, revision),
                    revision=revision,
                    variant=variant,
                )
            low = upper
        raise AssertionError("a variant of the cell has a place on its line")


def _without_coin(decided: Decided, found: str) -> _Rule:
    """Return the rule of revision 0: the baseline is stable, and whole (0: not recorded)."""
    if decided.variant == STABLE and decided.weight_bp in {0, FULL_WEIGHT_BP}:
        return _Rule(decided.strategy, is_exempt=True)
    text = f"revision 0, no coin: {STABLE} at {FULL_WEIGHT_BP} bp"
    problem = Problem(What.MISROUTED, text, f"revision 0, {found}")
    return _Rule(decided.strategy, problem=problem)


_UNITS = {
    UnitKind.ORDER: "the order id",
    UnitKind.ACCOUNT: "the account",
    None: "the order id or the account",
}


def _unit_problem(rule: _Rule, order: Order) -> Problem | None:
    """Return a problem when the coin was tossed for something else than it must be.

    Who may name any unit has any coin.
    """
    by_id = order.is_order_id and rule.unit is not UnitKind.ACCOUNT
    by_account = order.is_account and rule.unit is not UnitKind.ORDER
    if by_id or by_account:
        return None
    return Problem(What.MISROUTED, f"unit: {_UNITS[rule.unit]}", f"unit {_unit(order)!r}")


def _coin_problem(rule: _Rule, order: Order) -> Problem | None:
    unit = _unit(order)
    u = coin(rule.salt, unit)
    if rule.low <= u < rule.high:
        return None
    low, high, was = (bound * FULL_WEIGHT_BP / _SPAN for bound in (rule.low, rule.high, u))
    return Problem(
        What.MISROUTED,
        f"a coin in [{low:.2f}, {high:.2f}) of {FULL_WEIGHT_BP} for {rule.variant} under revision "
        f"{rule.revision}",
        f"the coin of {unit!r} is {was:.2f}",
    )


def _unit(order: Order) -> str:
    try:
        return order.unit.decode()
    except UnicodeDecodeError as broken:
        raise ContractViolation(f"unit is not UTF-8: {broken.reason}") from broken
