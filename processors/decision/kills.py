"""The kill switch as the decider sees it: routers obey it themselves; here rollouts halt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tradecanary.processors.decision.chain import At, Cause, Changed, record
from tradecanary.processors.decision.model import StrategyState
from tradecanary.processors.decision.moves import apply
from tradecanary.processors.decision.texts import kept
from tradecanary.processors.decision.transitions import NO_CANARY, Trigger
from tradecanary.processors.stage import Emit
from tradecanary.schemas.decisions import DecisionKind
from tradecanary.schemas.routing import EVERYWHERE, KillSwitch


def switched(
    strategy: StrategyState,
    known: Mapping[str, KillSwitch],
    news: Iterable[KillSwitch],
    at: At,
) -> Changed:
    """Return the strategy after the look's kill records, one by one: none is lost to another.

    `known` are the records in force before the look.
    """
    ruling = {name: known[name] for name in (EVERYWHERE, strategy.strategy) if name in known}
    killed = any(kill.killed for kill in ruling.values())
    effects: tuple[Emit, ...] = ()
    if killed and not strategy.killed:  # a strategy first seen while a kill was in force
        strategy = replace(strategy, killed=True)
    for kill in news:
        if kill.strategy not in {EVERYWHERE, strategy.strategy}:
            continue
        ruling[kill.strategy] = kill
        killed = any(one.killed for one in ruling.values())
        if killed != strategy.killed:
            strategy, sent = _switch(replace(strategy, killed=killed), kill, at)
            effects += sent
    return strategy, effects


def _switch(strategy: StrategyState, kill: KillSwitch, at: At) -> Changed:
    trigger, kind = (
        (Trigger.KILL, DecisionKind.KILL)
        if strategy.killed
        else (Trigger.UNKILL, DecisionKind.UNKILL)
    )
    verb = "killed" if strategy.killed else "unkilled"
    actor, reason = kept(kill.actor), kept(kill.reason)
    cause = Cause(f"{verb} by {actor}: {reason}", actor=actor)
    changed = apply(strategy, trigger, cause, at)
    if changed is not None:
        return changed
    if strategy.rollout is None and strategy.vector is None:
        return strategy, ()
    return record(strategy, kind, replace(cause, reason=f"{cause.reason}; {NO_CANARY}"), at)
