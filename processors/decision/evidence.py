"""What of the flow is evidence for a rollout: partial sums matched to the vectors that were issued.

Orders of revision 0 (no coin decided) and misrouted orders are never evidence; what the canary was
given astray counts for the guards all the same. The caller hands in LIVE groups only. Guards and
the pooled sums use every order at once, judges mature cohorts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from tradecanary.processors.decision import cohorts, keyed
from tradecanary.processors.decision.cohorts import Cohort, Ripe, Stream
from tradecanary.processors.decision.judges import judge_of
from tradecanary.processors.decision.keyed import bucket_of
from tradecanary.processors.decision.model import (
    Burst,
    Money,
    PhaseRun,
    RevisionFacts,
    Rollout,
    Silence,
)
from tradecanary.processors.decision.sums import POOLED_HISTOGRAMS, errors_of
from tradecanary.schemas.decisions import RolloutStatus
from tradecanary.schemas.metrics import PartialSums
from tradecanary.schemas.routing import EVERYWHERE
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE

_E9 = 1_000_000_000


def in_scope(rollout: Rollout, partial: PartialSums) -> bool:
    """Return whether the group's cell is one of the rollout's."""
    return any(
        cell.region in (EVERYWHERE, partial.region) and cell.venue in (EVERYWHERE, partial.venue)
        for cell in rollout.spec.scope
    )


def keeps_clock(rollout: Rollout, partial: PartialSums) -> bool:
    """Return whether the group's orders keep the phase's clock going: any within the scope.

    At 100 % those of the canary only: without one there is nothing to watch.
    """
    watched = rollout.status is not RolloutStatus.WATCHING or partial.variant == CANARY
    return watched and bool(partial.orders) and in_scope(rollout, partial)


def had_no_coin(partial: PartialSums) -> bool:
    """Return whether the group went to the baseline under revision 0, as it must without a coin.

    Weight 0 is one that was not recorded.
    """
    whole = partial.weight_bp in {0, FULL_WEIGHT_BP}
    return partial.routing_revision == 0 and partial.variant == STABLE and whole


def is_misrouted(rollout: Rollout, partial: PartialSums) -> bool:
    """Return whether the group does not match the vector issued under its revision."""
    if partial.routing_revision == 0:
        return not had_no_coin(partial)
    facts = rollout.revisions.get(partial.routing_revision)
    if facts is None:
        return partial.routing_revision > min(rollout.revisions)
    expected = {
        STABLE: (rollout.spec.stable, FULL_WEIGHT_BP - facts.canary_bp),
        CANARY: (rollout.spec.canary, facts.canary_bp),
    }
    return expected.get(partial.variant) != (partial.version, partial.weight_bp)


@dataclass(frozen=True, slots=True)
class Moment:
    """When partial sums are taken in: the watermark up to which cohorts were folded, and now.

    `thinned`: whatever has revision 0 was left out, and is no canary order astray.
    """

    folded_us: int
    now_us: int
    thinned: bool = False


@dataclass(frozen=True, slots=True)
class Ripened:
    """The rollout after folding, and what of its orders the judge may weigh now."""

    rollout: Rollout
    ripe: tuple[Ripe, ...]


def fold(rollout: Rollout, partials: Collection[PartialSums], at: Moment) -> Ripened:
    """Return the rollout with a look's LIVE partial sums of its strategy taken in.

    Ripe at once is what came after its cohort was folded.
    """
    if not partials:
        return Ripened(rollout, ())
    if rollout.status is not RolloutStatus.HALTED:
        orders = rollout.phase.all_orders + sum(partial.orders for partial in partials)
        rollout = replace(rollout, phase=replace(rollout.phase, all_orders=orders))
    tossed = [
        p
        for p in partials
        if in_scope(rollout, p) and (p.routing_revision or not (at.thinned or had_no_coin(p)))
    ]
    astray = [partial for partial in tossed if is_misrouted(rollout, partial)]
    if astray:
        rollout = _strayed(rollout, astray)
        tossed = [partial for partial in tossed if not is_misrouted(rollout, partial)]
    found = [partial for partial in tossed if partial.routing_revision in rollout.revisions]
    return _take_in(rollout, found, at) if found else Ripened(_with_peak(rollout), ())


def _strayed(rollout: Rollout, astray: list[PartialSums]) -> Rollout:
    """The rollout with misrouted orders counted; the canary's money is lost whoever chose it."""
    canary = [partial for partial in astray if partial.version == rollout.spec.canary]
    return replace(
        rollout,
        misrouted=rollout.misrouted + sum(partial.orders for partial in astray),
        astray=_money(rollout.astray, canary),
        astray_orders=rollout.astray_orders + sum(partial.orders for partial in canary),
    )


def _with_peak(rollout: Rollout) -> Rollout:
    earned = rollout.canary_pnl_micros
    peak = max(rollout.peak_pnl_micros, earned)
    deepest = max(rollout.deepest_micros, peak - earned)
    return replace(rollout, peak_pnl_micros=peak, deepest_micros=deepest)


def _take_in(rollout: Rollout, found: list[PartialSums], at: Moment) -> Ripened:
    canary = [partial for partial in found if partial.variant == CANARY]
    stable = [partial for partial in found if partial.variant != CANARY]
    horizons = rollout.horizons
    late = sum(
        partial.orders
        for partial in found
        if at.folded_us >= horizons.orders_ripe_at_us(partial.cohort_us)
    )
    revisions = _with_money(rollout.revisions, found)
    histograms = judge_of(rollout.spec).histograms
    pending = cohorts.add(rollout.pending, found, horizons, at.folded_us, histograms)
    ripe = cohorts.late(found, horizons, at.folded_us, histograms)
    rollout = replace(
        rollout,
        stable=rollout.stable.plus(stable, POOLED_HISTOGRAMS),
        canary=rollout.canary.plus(canary, POOLED_HISTOGRAMS),
        phase=_phase(rollout, stable, canary),
        revisions=revisions,
        pending=pending,
        late=rollout.late + late,
        burst=_burst(rollout.burst, canary, at.now_us),
        silence=Silence() if any(partial.orders for partial in canary) else rollout.silence,
    )
    return Ripened(_with_peak(rollout), ripe)


def _with_money(
    revisions: Mapping[int, RevisionFacts], partials: list[PartialSums]
) -> dict[int, RevisionFacts]:
    groups: dict[tuple[int, bool], list[PartialSums]] = {}
    for partial in partials:
        key = partial.routing_revision, partial.variant == CANARY
        groups.setdefault(key, []).append(partial)
    known = dict(revisions)
    for (revision, is_canary), group in groups.items():
        facts = known[revision]
        known[revision] = (
            replace(facts, canary=_money(facts.canary, group))
            if is_canary
            else replace(facts, stable=_money(facts.stable, group))
        )
    return known


def _money(money: Money, partials: list[PartialSums]) -> Money:
    orders, pnl, notional = money.orders, money.pnl_micros, money.notional_micros
    for measure in (measure for partial in partials for measure in partial.measures):
        if measure.name == "pnl_micros":
            orders, pnl = orders + measure.n, pnl + measure.total
        elif measure.name == "notional_micros":
            notional += measure.total
    return Money(orders, pnl, notional)


def _burst(burst: Burst, canary: list[PartialSums], now_us: int) -> Burst:
    """One good outcome in a look ends the burst, in whatever order the groups came."""
    errors, accounts = burst.errors, burst.accounts
    for partial in canary:
        more = errors_of(partial)
        if partial.orders > more:
            return Burst(since_us=now_us)
        errors, accounts = errors + more, accounts | partial.error_accounts
    return Burst(errors, accounts, burst.since_us)


def _phase(rollout: Rollout, stable: list[PartialSums], canary: list[PartialSums]) -> PhaseRun:
    """Orders that were routed under the running phase's revisions count for it."""
    phase, revisions = rollout.phase, rollout.revisions

    def own(partials: list[PartialSums]) -> list[PartialSums]:
        return [p for p in partials if revisions[p.routing_revision].phase == phase.index]

    return replace(
        phase,
        stable=phase.stable.plus(own(stable)),
        canary=phase.canary.plus(own(canary), POOLED_HISTOGRAMS),
    )


def ripen(rollout: Rollout, watermark_us: int) -> Ripened:
    """Take out what is mature; a canary silent in it adds to what was expected of it."""
    ripe, pending = cohorts.mature(rollout.pending, rollout.horizons, watermark_us)
    phase, silence = rollout.phase, rollout.silence
    for cohort in (found.cohort for found in ripe if found.stream is Stream.ORDERS):
        facts = rollout.revisions[cohort.revision]
        if facts.phase == phase.index:
            phase = _counted(phase, cohort)
        if cohort.orders(CANARY) or facts.canary_bp == FULL_WEIGHT_BP:
            silence = Silence()
        else:
            expected_e9 = cohort.orders(STABLE) * facts.canary_bp * _E9
            expected_e9 //= FULL_WEIGHT_BP - facts.canary_bp
            silence = Silence(silence.expected_e9 + expected_e9)
    return Ripened(replace(rollout, pending=pending, phase=phase, silence=silence), ripe)


def _counted(phase: PhaseRun, cohort: Cohort) -> PhaseRun:
    """The phase with a mature cohort's orders and active accounts counted by variant."""
    mature, accounts = dict(phase.mature), dict(phase.accounts)
    for variant in cohort.variants:
        mature[variant] = mature.get(variant, 0) + cohort.orders(variant)
    for variant, book in cohort.accounts.items():
        known = accounts.get(variant, {})
        active = (account for account, totals in book.items() if totals.orders)
        new = [one for one in active if one not in known.get(bucket_of(one), {})]
        if new:
            accounts[variant] = keyed.put(known, dict.fromkeys(new))
    return replace(phase, mature=mature, accounts=accounts)


def expected_canary_units(rollout: Rollout) -> tuple[float, str]:
    """Return how many canary units were to be heard since the last one, and their name.

    From stable's mature cohorts: orders, or by account the accounts active in the phase. A canary
    order ends it at once.
    """
    if rollout.spec.unit != "account":
        return rollout.silence.expected_e9 / _E9, "orders"
    canary_bp, accounts = rollout.canary_bp, rollout.phase.accounts
    if rollout.phase.canary.orders or canary_bp == FULL_WEIGHT_BP:
        return 0.0, "accounts"
    stable = keyed.count(accounts.get(STABLE, {}))
    return stable * canary_bp / (FULL_WEIGHT_BP - canary_bp), "accounts"
