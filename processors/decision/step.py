"""The decision stage: one look in, decisions, weights and the recorded look out.

Theory of operation. A look folds what arrived (manifests with their partial sums, commands, router
statuses, kills) and weighs it, in this order: commands (abort and kill outrank everything), guards,
judge, data, phase. Whatever happens, a rollout moves along TRANSITIONS or not at all. The look
itself goes to `decision-inputs`: folding the recorded looks again gives the same decisions, to the
byte, and is how a restarted decider recovers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from tradecanary.processors.decision import (
    account_past,
    evidence,
    frontier,
    history,
    losses,
    routers,
)
from tradecanary.processors.decision.account_past import Past
from tradecanary.processors.decision.chain import At, Cause, Changed, send
from tradecanary.processors.decision.cohorts import Ripe
from tradecanary.processors.decision.commands import in_order, obey, other_user
from tradecanary.processors.decision.frontier import Fit, Flow
from tradecanary.processors.decision.judges import judge_of
from tradecanary.processors.decision.judges.judge import Terms
from tradecanary.processors.decision.kills import switched
from tradecanary.processors.decision.losses import Losses
from tradecanary.processors.decision.model import LookEvent, PartitionState, Rollout, StrategyState
from tradecanary.processors.decision.moves import apply, reissue
from tradecanary.processors.decision.recorded import recorded
from tradecanary.processors.decision.rollout_look import look
from tradecanary.processors.decision.transitions import CARRYING, Trigger
from tradecanary.processors.stage import Emit
from tradecanary.schemas.decisions import RolloutStatus, RouterFact
from tradecanary.schemas.execution import Mode
from tradecanary.schemas.metrics import MetricsBatch, PartialSums
from tradecanary.schemas.routing import Command, KillSwitch
from tradecanary.schemas.units import US_PER_S

RENEW_US = US_PER_S
RENEW_AGE_US = 15 * US_PER_S
_ORDERS_RECENT_US = 5 * US_PER_S


def initial(partition: int) -> PartitionState:
    """Return the state of a control partition that was never looked at."""
    return PartitionState(partition)


@dataclass(frozen=True, slots=True)
class Passed:
    """Up to which watermark cohorts were folded before, how much clocks advance, what was lost."""

    folded_us: int
    clock_us: int
    lost: Losses
    thinned: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """Where the metrics had a gap at this look, and whether all there was had been read."""

    gap: str
    is_read: bool


def step(state: PartitionState, event: LookEvent) -> tuple[PartitionState, tuple[Emit, ...]]:
    """Return the state after one look, and its effects: the Look, decisions, weights.

    Total: never raises for decoded records. The recorded time never runs backwards.
    """
    now_us = max(event.recorded_at_us, state.recorded_at_us)
    before = state.flow or Flow(since_us=now_us)
    if event.epoch != state.epoch:
        state, before = _taken_over(state, before, now_us)
    flow, taken, gap = _fold_manifests(before, event.manifests, now_us)
    partials, lost = _by_strategy(taken), losses.of_manifests(taken)
    flow = frontier.advance_watermark(flow, now_us)
    is_read = event.at_end and flow.is_confirmed()
    if is_read:
        flow = replace(flow, read_at_us=now_us)
    kills = dict(state.kills) | {kill.strategy: kill for kill in event.kills}
    at = At(state.partition, state.look + 1, event.epoch, now_us, flow, event.decision_header)
    clock_us = frontier.clock_step_us(before, flow, now_us)
    passed = Passed(before.watermark_us, clock_us, lost, event.thinned)
    effects: list[Emit] = [recorded(at, event)]
    event = replace(event, commands=_of_own_ids(state, event))
    strategies = dict(state.strategies)
    facts: dict[str, list[RouterFact]] = {}
    for fact in event.routers:
        facts.setdefault(fact.status.strategy, []).append(fact)
    for name in sorted(_names(strategies, event)):
        strategy = strategies.get(name) or StrategyState(name)
        strategy = routers.take_in(strategy, facts.get(name, ()), now_us)
        strategy = _take_in(strategy, partials.get(name, ()), at, passed)
        strategy, sent = _decide(strategy, event, state.kills, Seen(gap, is_read), at)
        effects += sent
        strategies[name] = strategy
    moved = replace(
        state,
        look=at.look,
        epoch=event.epoch,
        recorded_at_us=now_us,
        flow=flow,
        kills=kills,
        strategies=strategies,
    )
    return moved, tuple(effects)


def _of_own_ids(state: PartitionState, event: LookEvent) -> tuple[Command, ...]:
    """The commands of the look; none whose id another strategy used (see `other_user`)."""
    known, commands = state.strategies.values(), event.commands
    return tuple(c for n, c in enumerate(commands) if not other_user(c, known, commands[:n]))


def _taken_over(state: PartitionState, flow: Flow, now_us: int) -> tuple[PartitionState, Flow]:
    """Return state and flow with the time taken out in which no decider looked."""
    away_us = now_us - state.recorded_at_us if state.look else 0
    strategies = {name: routers.taken_over(one, away_us) for name, one in state.strategies.items()}
    return replace(state, strategies=strategies), frontier.taken_over(flow, away_us)


def _fold_manifests(
    flow: Flow, manifests: Iterable[MetricsBatch], now_us: int
) -> tuple[Flow, list[MetricsBatch], str]:
    taken: list[MetricsBatch] = []
    gap = ""
    for manifest in manifests:
        before = flow
        flow, how = frontier.fold(flow, manifest, now_us)
        if how is Fit.BEHIND:
            continue
        if how is Fit.GAP:
            gap = _gap_text(before, manifest)
        taken.append(manifest)
    return flow, taken, gap


def _by_strategy(manifests: Iterable[MetricsBatch]) -> dict[str, list[PartialSums]]:
    partials: dict[str, list[PartialSums]] = {}
    for manifest in manifests:
        for partial in manifest.partials:
            partials.setdefault(partial.strategy, []).append(partial)
    return partials


def _gap_text(flow: Flow, manifest: MetricsBatch) -> str:
    torn = [
        f"partition {part.partition}: expected offset {old.next_offset}, was {part.first_offset}"
        for part in manifest.ranges
        if (old := flow.partitions.get(part.partition)) and old.next_offset != part.first_offset
    ]
    return "metrics have a gap at " + "; ".join(torn) + ": look at the aggregation, then resume"


def _names(known: Mapping[str, StrategyState], event: LookEvent) -> set[str]:
    asked = {command.strategy for command in event.commands}
    return {*known, *asked, *(fact.status.strategy for fact in event.routers)}


def _take_in(
    strategy: StrategyState, partials: Collection[PartialSums], at: At, passed: Passed
) -> StrategyState:
    live = [partial for partial in partials if partial.mode is Mode.LIVE]
    rollout = strategy.rollout
    if live:
        strategy = _remembered(strategy, live)
    if rollout is None or rollout.status not in CARRYING:
        return strategy
    if any(evidence.keeps_clock(rollout, partial) for partial in live):
        strategy = replace(strategy, orders_at_us=at.now_us)
    counts = rollout.phase.flow.plus(passed.lost.of(strategy.strategy, partials))
    if counts != rollout.phase.flow:
        rollout = replace(rollout, phase=replace(rollout.phase, flow=counts))
    past = strategy.accounts.of(rollout.spec.stable)
    folded = evidence.fold(
        rollout, live, evidence.Moment(passed.folded_us, at.now_us, passed.thinned)
    )
    ripened = evidence.ripen(folded.rollout, at.flow.watermark_us)
    rollout = _judge_folds(ripened.rollout, (*folded.ripe, *ripened.ripe), past)
    halted = rollout.status is RolloutStatus.HALTED
    closed = strategy.orders_at_us < at.now_us - _ORDERS_RECENT_US
    if passed.clock_us and not (halted or closed or strategy.killed):
        phase = replace(rollout.phase, time_us=rollout.phase.time_us + passed.clock_us)
        rollout = replace(rollout, phase=phase, time_us=rollout.time_us + passed.clock_us)
    return replace(strategy, rollout=rollout)


def _remembered(strategy: StrategyState, live: list[PartialSums]) -> StrategyState:
    """Keep stable's orders; by account only while no rollout runs: its past is that of START."""
    baseline, rollout = _baseline(strategy), strategy.rollout
    known = history.take_in(strategy.history, live, baseline)
    strategy = replace(strategy, history=known)
    if rollout is not None and rollout.status in CARRYING:
        return strategy
    accounts = account_past.take_in(strategy.accounts, live, baseline)
    return replace(strategy, accounts=accounts)


def _baseline(strategy: StrategyState) -> str:
    """The version that is stable, or an empty text: the first rollout has not named it yet."""
    if strategy.vector is not None:
        return strategy.vector.baseline
    return strategy.rollout.spec.stable if strategy.rollout is not None else ""


def _judge_folds(rollout: Rollout, ripe: Iterable[Ripe], past: Past) -> Rollout:
    settings = rollout.spec.policy.judge
    found = []
    for one in ripe:
        facts = rollout.revisions[one.cohort.revision]
        reference = rollout.references.get(facts.phase)
        found.append((one, Terms(facts.phase, facts.canary_bp, reference, past, rollout.salt)))
    state = judge_of(rollout.spec).fold(rollout.judge_state, settings, found)
    return replace(rollout, judge_state=state)


def _decide(
    strategy: StrategyState,
    event: LookEvent,
    kills: Mapping[str, KillSwitch],
    seen: Seen,
    at: At,
) -> Changed:
    strategy, effects = switched(strategy, kills, event.kills, at)
    mine = tuple(c for c in event.commands if c.strategy == strategy.strategy)
    for command in in_order(mine):
        strategy, sent = obey(strategy, command, at)
        effects += sent
    strategy, sent = _at_gap(strategy, seen.gap, at)
    effects += sent
    strategy, sent = look(strategy, at, is_read=seen.is_read)
    effects += sent
    # leases live only on commands, kills and metrics that the present decider has seen to now
    if not seen.is_read or at.flow.data_age_us(at.now_us) >= RENEW_AGE_US:
        return strategy, effects
    if routers.is_back(strategy, at.now_us):
        cause = Cause("routers are back after a lapse: a new revision lets accounts move")
        strategy, sent = reissue(routers.answered(strategy), cause, at)
        effects += sent
    strategy, sent = _renew(strategy, at)
    return strategy, effects + sent


def _at_gap(strategy: StrategyState, gap: str, at: At) -> Changed:
    """Halt what rises; what is halted or watching already keeps the gap until RESUME."""
    rollout = strategy.rollout
    if not gap or rollout is None or rollout.status not in CARRYING:
        return strategy, ()
    halted = apply(strategy, Trigger.HALT, Cause(gap), at)
    if halted is not None:
        return halted
    return replace(strategy, rollout=replace(rollout, gap=rollout.gap or gap)), ()


def _renew(strategy: StrategyState, at: At) -> Changed:
    """Renew the lease each second."""
    due = strategy.written_epoch != at.epoch or at.now_us - strategy.written_at_us >= RENEW_US
    return send(strategy, at) if due else (strategy, ())
