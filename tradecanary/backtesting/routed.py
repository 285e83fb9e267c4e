"""How the record was routed: which build against which, and at which canary weights.

Both weights are in every order, so a record needs no decisions beside it: a file is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tradecanary.backtesting import kernel as at
from tradecanary.backtesting.record import Key, Record, Refused
from tradecanary.processors.decision.policy import Policy
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE


@dataclass(frozen=True, slots=True)
class Period:
    """What the record holds of one revision: the canary's weight, orders and money."""

    revision: int
    canary_bp: int
    first_us: int
    last_us: int
    stable_orders: int
    canary_orders: int
    stable_pnl_n: int
    canary_pnl_n: int
    stable_pnl_micros: int
    canary_pnl_micros: int

    @property
    def excess_loss_micros(self) -> int:
        """By how much the canary earned less than stable would have on as many orders."""
        if not self.stable_pnl_n or not self.canary_pnl_n:
            return 0
        would = self.stable_pnl_micros * self.canary_pnl_n // self.stable_pnl_n
        return would - self.canary_pnl_micros


@dataclass(frozen=True, slots=True)
class Routed:
    """The two builds that are compared, and for each key of the record what it is to them.

    `canary_bp[key]`: the recorded canary weight, 0 where the key's orders are evidence for nobody.
    """

    stable: str
    canary: str
    is_canary: tuple[bool, ...]
    canary_bp: tuple[int, ...]
    periods: tuple[Period, ...]

    def weights_bp(self) -> tuple[int, ...]:
        """Return the canary weights below 10000 at which the record holds both builds."""
        return tuple(
            sorted({p.canary_bp for p in self.periods if 0 < p.canary_bp < FULL_WEIGHT_BP})
        )

    def check(self, policy: Policy) -> None:
        """Raise Refused when the policy asks for more canary than the record ever had."""
        held = self.weights_bp()
        wanted = policy.ramp[-2].weight_bp
        if wanted <= held[-1]:
            return
        spans = ", ".join(
            f"{period.canary_bp / 100:g} % ({period.canary_orders:,} canary orders)"
            for period in self.periods
            if 0 < period.canary_bp < FULL_WEIGHT_BP
        )
        raise Refused(
            f"policy {policy.name!r} asks for {wanted / 100:g} % canary in phase "
            f"{policy.ramp[-2].name!r}, the record has at most {held[-1] / 100:g} %: orders that "
            f"stable traded say nothing of the canary. The record can serve ramps whose phases "
            f"before the last ask for at most {held[-1] / 100:g} %; it holds, in order: {spans}."
        )


def routed(record: Record, stable: str | None, canary: str | None) -> Routed:
    """Return how the record was routed between `stable` and `canary`, or the only two there are.

    Raises Refused when there are several pairs and none is named, or the one named is not there.
    """
    keys = record.keys
    pairs = _pairs(key for key in keys if key.strategy == record.strategy)
    found = {
        pair
        for pair in pairs.values()
        if (stable is None or pair[0] == stable) and (canary is None or pair[1] == canary)
    }
    if len(found) != 1:
        known = ", ".join(f"{one} -> {other}" for one, other in sorted(set(pairs.values())))
        asked = f"{stable or 'any'} -> {canary or 'any'}"
        raise Refused(
            f"strategy {record.strategy!r}: {asked} was asked for, the record holds "
            + (
                f"{known}; name stable and canary, or a shorter period"
                if known
                else "no orders of a stable and a canary build routed by one vector"
            )
        )
    ((one, other),) = found
    mine = [pairs.get(key.revision) == (one, other) and bool(key.revision) for key in keys]
    mine = [yes and key.strategy == record.strategy for yes, key in zip(mine, keys, strict=True)]
    is_canary = tuple(key.variant == CANARY for key in keys)
    canary_bp = tuple(
        _canary_bp(key) if yes and key.version == (other if key.variant == CANARY else one) else 0
        for key, yes in zip(keys, mine, strict=True)
    )
    return Routed(one, other, is_canary, canary_bp, _periods(record, mine, is_canary))


def _canary_bp(key: Key) -> int:
    return key.weight_bp if key.variant == CANARY else FULL_WEIGHT_BP - key.weight_bp


def _pairs(keys: Iterable[Key]) -> dict[int, tuple[str, str]]:
    """Return stable and canary version by revision, where the record holds one of each."""
    by_revision: dict[int, dict[str, set[str]]] = {}
    for key in keys:
        if key.revision and key.variant in {STABLE, CANARY}:
            by_revision.setdefault(key.revision, {}).setdefault(key.variant, set()).add(key.version)
    return {
        revision: (next(iter(found[STABLE])), next(iter(found[CANARY])))
        for revision, found in by_revision.items()
        if len(found.get(STABLE, ())) == 1 == len(found.get(CANARY, ()))
    }


def _periods(record: Record, mine: list[bool], is_canary: tuple[bool, ...]) -> tuple[Period, ...]:
    """Return what the record holds of each revision of the pair, in the order of revisions."""
    rows: dict[int, list[int]] = {}
    for index, yes in enumerate(mine):
        if yes:
            rows.setdefault(record.keys[index].revision, []).append(index)
    of_key, outcome = record.columns[:, at.KEY], record.columns[:, at.KIND_OF] == 0
    submitted = record.columns[:, at.SUBMITTED_AT]
    found = []
    for revision, indices in sorted(rows.items()):
        figures = dict.fromkeys((True, False), (0, 0, 0))
        for index in indices:
            chosen = of_key == index
            orders, n, money = figures[is_canary[index]]
            figures[is_canary[index]] = (
                orders + int((chosen & outcome).sum()),
                n + int(record.pnl[chosen, at.HAS_PNL].sum()),
                money + int(record.pnl[chosen, at.PNL].sum()),
            )
        times = submitted[np.isin(of_key, indices)]
        if not len(times):
            continue
        (c_orders, c_n, c_pnl), (s_orders, s_n, s_pnl) = figures[True], figures[False]
        bp = _canary_bp(record.keys[indices[0]])
        first_us, last_us = int(times.min()), int(times.max())
        found.append(
            Period(revision, bp, first_us, last_us, s_orders, c_orders, s_n, c_n, s_pnl, c_pnl)
        )
    return tuple(found)
