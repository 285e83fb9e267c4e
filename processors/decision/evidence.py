"""What of the flow is evidence for a rollout: partial sums matched to the vectors that were issued.

Orders of revision 0 (no coin decided) and misrouted orders are never evidence. Only LIVE counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tradecanary.processors.decision import cohorts
from tradecanary.processors.decision.cohorts import Cohort
from tradecanary.processors.decision.model import Burst, Money, PhaseRun, Rollout, Silence
from tradecanary.processors.decision.sums import errors_of
from tradecanary.schemas.execution import Mode
from tradecanary.schemas.metrics import PartialSums
from tradecanary.schemas.routing import EVERYWHERE
from tradecanary.schemas.units import CANARY, COHORT_US, FULL_WEIGHT_BP, STABLE

_E9 = 1_000_000_000


def in_scope(rollout: Rollout, partial: PartialSums) -> bool:
    """Return whether the group's cell is one of the rollout's."""
    return any(
        cell.region in (EVERYWHERE, partial.region) and cell.venue in (EVERYWHERE, partial.venue)
        for cell in rollout.spec.scope
    )


def is_misrouted(rollout: Rollout, partial: PartialSums) -> bool:
    """Return whether the group does not match the vector issued under its revision."""
    facts = rollout.revisions.get(partial.routing_revision)
    if facts is None:
        return partial.routing_revision > min(rollout.revisions)
    expected = {
        STABLE: (rollout.spec.stable, FULL_WEIGHT_BP - facts.canary_bp),
        CANARY: (rollout.spec.canary, facts.canary_bp),
    }
    return expected.get(partial.variant) != (partial.version, partial.weight_bp)


def fold(
    rollout: Rollout, partials: Iterable[PartialSums], watermark_us: int, now_us: int
) -> Rollout:
    """Return the rollout with the look's partial sums taken in."""
    for partial in partials:
        if partial.mode is not Mode.LIVE or not in_scope(rollout, partial):
            continue
        phase = replace(rollout.phase, all_orders=rollout.phase.all_orders + partial.orders)
        rollout = replace(rollout, phase=phase)
        if partial.routing_revision == 0:
            continue
        if is_misrouted(rollout, partial):
            rollout = replace(rollout, misrouted=rollout.misrouted + partial.orders)
        elif partial.routing_revision in rollout.revisions:
            rollout = _take_in(rollout, partial, watermark_us, now_us)
    lost = sum(facts.canary.pnl_micros for facts in rollout.revisions.values())
    peak = max(rollout.peak_pnl_micros, lost)
    return replace(
        rollout,
        peak_pnl_micros=peak,
        deepest_micros=max(rollout.deepest_micros, peak - lost),
    )


def _take_in(rollout: Rollout, partial: PartialSums, watermark_us: int, now_us: int) -> Rollout:
    facts = rollout.revisions[partial.routing_revision]
    is_canary = partial.variant == CANARY
    money = _money(facts.canary if is_canary else facts.stable, partial)
    facts = replace(facts, canary=money) if is_canary else replace(facts, stable=money)
    ripe_at = partial.cohort_us + COHORT_US + rollout.order_horizon_us
    late = partial.orders if watermark_us >= ripe_at else 0
    sums = (rollout.canary if is_canary else rollout.stable).plus(partial)
    rollout = replace(
        rollout,
        canary=sums if is_canary else rollout.canary,
        stable=rollout.stable if is_canary else sums,
        revisions=rollout.revisions | {partial.routing_revision: facts},
        pending=cohorts.add(rollout.pending, partial),
        late=rollout.late + late,
        burst=_burst(rollout.burst, partial, now_us) if is_canary else rollout.burst,
    )
    if facts.phase != rollout.phase.index:
        return rollout
    return replace(rollout, phase=_phase(rollout.phase, partial, is_canary=is_canary))


def _money(money: Money, partial: PartialSums) -> Money:
    pnl = next((m for m in partial.measures if m.name == "pnl_micros"), None)
    notional = next((m for m in partial.measures if m.name == "notional_micros"), None)
    return Money(
        orders=money.orders + (pnl.n if pnl else 0),
        pnl_micros=money.pnl_micros + (pnl.total if pnl else 0),
        notional_micros=money.notional_micros + (notional.total if notional else 0),
    )


def _burst(burst: Burst, partial: PartialSums, now_us: int) -> Burst:
    errors = errors_of(partial)
    if partial.orders > errors:
        return Burst(since_us=now_us)
    return Burst(burst.errors + errors, burst.accounts | partial.error_accounts, burst.since_us)


def _phase(phase: PhaseRun, partial: PartialSums, *, is_canary: bool) -> PhaseRun:
    phase = (
        replace(phase, canary=phase.canary.plus(partial))
        if is_canary
        else replace(phase, stable=phase.stable.plus(partial))
    )
    seen = phase.accounts.get(partial.variant, ())
    if not partial.account or partial.account in seen:
        return phase
    return replace(phase, accounts=phase.accounts | {partial.variant: (*seen, partial.account)})


@dataclass(frozen=True, slots=True)
class Ripened:
    """The rollout with its mature cohorts taken out, and those cohorts for the judge."""

    rollout: Rollout
    cohorts: tuple[Cohort, ...]


def ripen(rollout: Rollout, watermark_us: int) -> Ripened:
    """Take out the cohorts that are mature; a canary silent in them adds to what was expected."""
    ripe, pending = cohorts.mature(rollout.pending, watermark_us, rollout.order_horizon_us)
    silence = rollout.silence
    for cohort in ripe:
        facts = rollout.revisions[cohort.revision]
        if cohort.orders(CANARY) or facts.canary_bp == FULL_WEIGHT_BP:
            silence = Silence()
        else:
            odds_e9 = facts.canary_bp * _E9 // (FULL_WEIGHT_BP - facts.canary_bp)
            expected = cohort.orders(STABLE) * odds_e9
            silence = Silence(silence.expected_e9 + expected)
    return Ripened(replace(rollout, pending=pending, silence=silence), ripe)


def expected_canary_units(rollout: Rollout) -> tuple[float, str]:
    """Return how many canary units were to be heard since the last one, and their name.

    Orders from mature cohorts; by account the accounts active in the phase are counted.
    """
    if rollout.spec.unit != "account":
        return rollout.silence.expected_e9 / _E9, "orders"
    if rollout.phase.accounts.get(CANARY):
        return 0.0, "accounts"
    newest = rollout.revisions[max(rollout.revisions)]
    stable = len(rollout.phase.accounts.get(STABLE, ()))
    if newest.canary_bp == FULL_WEIGHT_BP:
        return 0.0, "accounts"
    return stable * newest.canary_bp / (FULL_WEIGHT_BP - newest.canary_bp), "accounts"
