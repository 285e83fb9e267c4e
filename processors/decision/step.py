"""The decision stage: one look in, decisions, weights and the recorded look out.

Theory of operation. A look folds what arrived (manifests with their partial sums, commands, router
statuses, kills) and weighs it, in this order: commands (abort and kill outrank everything), guards,
judge, data, phase. Whatever happens, a rollout moves along TRANSITIONS or not at all. The look
itself goes to `decision-inputs`: folding the recorded looks again gives the same decisions, to the
byte, and is how a restarted decider recovers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tradecanary.processors.decision import cohorts, evidence, frontier, routers
from tradecanary.processors.decision.chain import At, Cause, Changed, send
from tradecanary.processors.decision.commands import in_order, obey
from tradecanary.processors.decision.frontier import Fit, Flow
from tradecanary.processors.decision.judges import JUDGES
from tradecanary.processors.decision.model import LookEvent, PartitionState, Rollout, StrategyState
from tradecanary.processors.decision.moves import apply, reissue
from tradecanary.processors.decision.rollout_look import look
from tradecanary.processors.decision.transitions import CARRYING, ENDED, Trigger
from tradecanary.processors.stage import Emit
from tradecanary.schemas.decisions import Look, ManifestRange
from tradecanary.schemas.execution import Mode
from tradecanary.schemas.metrics import MetricsBatch, PartialSums
from tradecanary.schemas.routing import EVERYWHERE, KillSwitch
from tradecanary.schemas.topics import DECISION_INPUTS
from tradecanary.schemas.units import US_PER_S

RENEW_US = US_PER_S
RENEW_AGE_US = 15 * US_PER_S
_ORDERS_RECENT_US = 5 * US_PER_S


def initial(partition: int) -> PartitionState:
    """Return the state of a control partition that was never looked at."""
    return PartitionState(partition)


def step(state: PartitionState, event: LookEvent) -> tuple[PartitionState, tuple[Emit, ...]]:
    """Return the state after one look, and its effects: the Look, decisions, weights.

    Total: never raises for decoded records. The recorded time never runs backwards.
    """
    now_us = max(event.recorded_at_us, state.recorded_at_us)
    before = state.flow or Flow(since_us=now_us)
    if event.epoch != state.epoch:
        state, before = _taken_over(state, before, now_us)
    flow, partials, gap = _fold_manifests(before, event.manifests, now_us)
    flow = frontier.advance_watermark(flow, now_us)
    kills = dict(state.kills) | {kill.strategy: kill for kill in event.kills}
    at = At(state.partition, state.look + 1, event.epoch, now_us, flow)
    clock_us = frontier.clock_step_us(before, flow, now_us)
    recorded = _record(at, event)
    effects: list[Emit] = [recorded]
    strategies = dict(state.strategies)
    for name in sorted(_names(strategies, event, partials)):
        strategy = strategies.get(name) or StrategyState(name)
        facts = tuple(fact for fact in event.routers if fact.status.strategy == name)
        strategy = replace(strategy, routers=routers.take_in(strategy.routers, facts, now_us))
        strategy = _take_in(strategy, partials.get(name, ()), at, clock_us)
        strategy, sent = _decide(strategy, event, kills, gap, at)
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


def _taken_over(state: PartitionState, flow: Flow, now_us: int) -> tuple[PartitionState, Flow]:
    """Return state and flow with their clocks started anew.

    While no decider looked, nobody could be heard: its absence is not the data's or a router's.
    """
    strategies = {
        name: replace(one, routers=routers.heard_now(one.routers, now_us))
        for name, one in state.strategies.items()
    }
    return replace(state, strategies=strategies), frontier.heard_now(flow, now_us)


def _fold_manifests(
    flow: Flow, manifests: Iterable[MetricsBatch], now_us: int
) -> tuple[Flow, dict[str, list[PartialSums]], str]:
    partials: dict[str, list[PartialSums]] = {}
    gap = ""
    for manifest in manifests:
        before = flow
        flow, how = frontier.fold(flow, manifest, now_us)
        if how is Fit.BEHIND:
            continue
        if how is Fit.GAP:
            gap = _gap_text(before, manifest)
        for partial in manifest.partials:
            partials.setdefault(partial.strategy, []).append(partial)
    return flow, partials, gap


def _gap_text(flow: Flow, manifest: MetricsBatch) -> str:
    torn = [
        f"partition {part.partition}: expected offset {old.next_offset}, was {part.first_offset}"
        for part in manifest.ranges
        if (old := flow.partitions.get(part.partition)) and old.next_offset != part.first_offset
    ]
    return "metrics have a gap at " + "; ".join(torn) + ": look at the aggregation, then resume"


def _names(
    known: Mapping[str, StrategyState], event: LookEvent, partials: Mapping[str, object]
) -> set[str]:
    asked = {command.strategy for command in event.commands}
    return {*known, *asked, *partials, *(fact.status.strategy for fact in event.routers)}


def _take_in(
    strategy: StrategyState, partials: Iterable[PartialSums], at: At, clock_us: int
) -> StrategyState:
    live = [partial for partial in partials if partial.mode is Mode.LIVE]
    if any(partial.orders for partial in live):
        strategy = replace(strategy, orders_at_us=at.now_us)
    rollout = strategy.rollout
    if rollout is None or rollout.status not in CARRYING:
        return strategy
    rollout = evidence.fold(rollout, live, at.flow.watermark_us, at.now_us)
    ripened = evidence.ripen(rollout, at.flow.watermark_us)
    rollout = _judge_folds(ripened.rollout, ripened.cohorts)
    halted = rollout.status.value == "HALTED"
    paused = halted or strategy.killed or strategy.orders_at_us < at.now_us - _ORDERS_RECENT_US
    if clock_us and not paused:
        phase = replace(rollout.phase, time_us=rollout.phase.time_us + clock_us)
        rollout = replace(rollout, phase=phase, time_us=rollout.time_us + clock_us)
    return replace(strategy, rollout=rollout)


def _judge_folds(rollout: Rollout, ripe: Iterable[cohorts.Cohort]) -> Rollout:
    settings = rollout.spec.policy.judge
    state = rollout.judge_state
    for cohort in ripe:
        state = dict(JUDGES[settings.kind].fold(state, settings, cohort))
    return replace(rollout, judge_state=state)


def _decide(
    strategy: StrategyState,
    event: LookEvent,
    kills: Mapping[str, KillSwitch],
    gap: str,
    at: At,
) -> Changed:
    effects: tuple[Emit, ...] = ()
    strategy, sent = _kill(strategy, kills, at)
    effects += sent
    mine = tuple(c for c in event.commands if c.strategy == strategy.strategy)
    for command in in_order(mine):
        strategy, sent = obey(strategy, command, at)
        effects += sent
    if gap:
        halted = apply(strategy, Trigger.HALT, Cause(gap), at)
        if halted is not None:
            strategy, sent = halted
            effects += sent
    strategy, sent = look(strategy, at)
    effects += sent
    if routers.wait_for_reissue(strategy, at.now_us):
        cause = Cause("routers are back after a lapse: a new revision lets accounts move")
        strategy, sent = reissue(strategy, cause, at)
        effects += sent
    strategy, sent = _renew(strategy, event, at)
    return strategy, effects + sent


def _kill(strategy: StrategyState, kills: Mapping[str, KillSwitch], at: At) -> Changed:
    ruling = [k for k in (kills.get(EVERYWHERE), kills.get(strategy.strategy)) if k]
    kill = next((k for k in ruling if k.killed), None)
    if (kill is not None) == strategy.killed:
        return strategy, ()
    strategy = replace(strategy, killed=kill is not None)
    said = kill or max(ruling, key=lambda k: k.time_us)
    trigger = Trigger.KILL if kill else Trigger.UNKILL
    verb = "killed" if kill else "unkilled"
    cause = Cause(f"{verb} by {said.actor}: {said.reason}", actor=said.actor)
    rollout = strategy.rollout
    if rollout is None or rollout.status in ENDED:
        return strategy, ()
    return apply(strategy, trigger, cause, at) or (strategy, ())


def _renew(strategy: StrategyState, event: LookEvent, at: At) -> Changed:
    """Renew the lease each second, but only when commands, kills and metrics are fresh."""
    due = strategy.written_epoch != at.epoch or at.now_us - strategy.written_at_us >= RENEW_US
    fresh = event.at_end and at.flow.data_age_us(at.now_us) < RENEW_AGE_US
    return send(strategy, at) if due and fresh else (strategy, ())


def _record(at: At, event: LookEvent) -> Emit:
    seen = Look(
        partition=at.partition,
        number=at.look,
        epoch=at.epoch,
        recorded_at_us=at.now_us,
        manifests=manifest_ranges(event.manifests),
        commands=tuple(command.id for command in event.commands),
        routers=event.routers,
        kills=event.kills,
        at_end=event.at_end,
    )
    return Emit(DECISION_INPUTS.name, str(at.partition).encode(), seen, at.partition)


def manifest_ranges(manifests: Iterable[MetricsBatch]) -> tuple[ManifestRange, ...]:
    """Return the names of the manifests, runs of consecutive transactions joined, in order."""
    ranges: list[ManifestRange] = []
    for manifest in manifests:
        last = ranges[-1] if ranges else None
        if (
            last is not None
            and (last.slot, last.incarnation) == (manifest.slot, manifest.incarnation)
            and last.last_transaction + 1 == manifest.transaction
        ):
            ranges[-1] = replace(last, last_transaction=manifest.transaction)
        else:
            ranges.append(
                ManifestRange(
                    manifest.slot,
                    manifest.incarnation,
                    manifest.transaction,
                    manifest.transaction,
                )
            )
    return tuple(ranges)
