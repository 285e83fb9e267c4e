"""What each trigger does to a rollout and its vector, along the table of transitions."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from tradecanary.processors.decision.chain import At, Cause, Changed, issue, record
from tradecanary.processors.decision.judges import judge_of
from tradecanary.processors.decision.model import (
    Burst,
    End,
    PhaseRun,
    RevisionFacts,
    Rollout,
    Silence,
    StrategyState,
)
from tradecanary.processors.decision.transitions import CARRYING, ENDED, TRANSITIONS, Trigger
from tradecanary.schemas.decisions import DecisionKind, Vector
from tradecanary.schemas.routing import CellWeights, VariantWeight
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE

_PAST_ROLLOUTS = 100


def apply(strategy: StrategyState, trigger: Trigger, cause: Cause, at: At) -> Changed | None:
    """Return the strategy after `trigger`, or None when the table has no row: nothing changes."""
    rollout = strategy.rollout
    row = TRANSITIONS.get((rollout.status, trigger)) if rollout else None
    if rollout is None or row is None:
        return None
    status, kind = row
    carried = rollout.status in CARRYING
    rollout = replace(rollout.unheld(), status=status)
    if trigger is Trigger.RESUME:
        rollout = replace(rollout, gap="")
    if status in ENDED:
        rollout = replace(rollout, ended_at_us=at.now_us, outcome=cause.reason, pending={})
        strategy = _remembered(strategy, rollout)
    match trigger:
        case Trigger.ADMIT:
            return _admit(strategy, rollout, cause, at)
        case Trigger.PHASE_PASSED | Trigger.RAMP_COMPLETED:
            index = (
                rollout.phase.index + 1
                if trigger is Trigger.PHASE_PASSED
                else len(rollout.spec.policy.ramp) - 1
            )
            rollout = frozen_reference(strategy, replace(rollout, phase=PhaseRun(index)), index)
            weight = rollout.spec.policy.ramp[index].weight_bp
            return _with_weight(strategy, rollout, weight, kind, cause, at)
        case Trigger.HARM | Trigger.ABORT | Trigger.EXPIRE if carried:
            return _with_weight(strategy, rollout, 0, kind, cause, at)
        case Trigger.WATCH_OVER:
            return _finish(strategy, rollout, cause, at)
        case _:
            return record(replace(strategy, rollout=rollout), kind, cause, at)


def must(changed: Changed | None) -> Changed:
    """Return what `apply` returned, where the table must have a row."""
    if changed is None:
        raise AssertionError("the table of transitions has no row for this status and trigger")
    return changed


def _remembered(strategy: StrategyState, rollout: Rollout) -> StrategyState:
    """Keep which rollouts ended, and how: ids are used once, and a START may come again."""
    past = (*strategy.past, rollout.spec.rollout)[-_PAST_ROLLOUTS:]
    ends = strategy.ends | {rollout.spec.rollout: End(rollout.spec.hash, rollout.status)}
    return replace(strategy, past=past, ends={name: ends[name] for name in past if name in ends})


def reissue(strategy: StrategyState, cause: Cause, at: At) -> Changed:
    """Return the strategy with the same weights under a new revision."""
    vector = strategy.vector
    if vector is None:
        raise AssertionError("a vector must have been issued before it is reissued")
    revision = strategy.revision + 1
    rollout = strategy.rollout
    if rollout is not None and strategy.revision in rollout.revisions:
        last = rollout.revisions[strategy.revision]
        facts = RevisionFacts(last.phase, last.canary_bp)
        rollout = replace(rollout, revisions=rollout.revisions | {revision: facts})
        strategy = replace(strategy, rollout=rollout)
    return issue(strategy, replace(vector, revision=revision), DecisionKind.REISSUE, cause, at)


def frozen_reference(strategy: StrategyState, rollout: Rollout, index: int) -> Rollout:
    """Return the rollout with stable's last orders frozen as the reference of phase `index`."""
    settings, stable = rollout.spec.policy.judge, strategy.history.of(rollout.spec.stable)
    before = rollout.references.get(index - 1)
    reference = judge_of(rollout.spec).freeze(settings, stable.sums(), before)
    if reference is None:
        return rollout
    return replace(rollout, references=rollout.references | {index: reference})


def _admit(strategy: StrategyState, rollout: Rollout, cause: Cause, at: At) -> Changed:
    seed = f"{strategy.strategy}/{rollout.spec.rollout}/{strategy.last_hash}"
    settings = rollout.spec.policy.judge
    rollout = replace(
        rollout,
        judge_state=judge_of(rollout.spec).start(settings, rollout.references.get(0)),
        started_at_us=at.now_us,
        canary_since_us=at.now_us,
        salt=hashlib.sha256(seed.encode()).hexdigest()[:16],
        phase=PhaseRun(),
        burst=Burst(since_us=at.now_us),
    )
    strategy = replace(strategy, unit=rollout.spec.unit)
    weight = rollout.spec.policy.ramp[0].weight_bp
    return _with_weight(strategy, rollout, weight, DecisionKind.START, cause, at)


def _with_weight(
    strategy: StrategyState,
    rollout: Rollout,
    canary_bp: int,
    kind: DecisionKind,
    cause: Cause,
    at: At,
) -> Changed:
    spec, revision = rollout.spec, strategy.revision + 1
    weights = (
        VariantWeight(STABLE, spec.stable, FULL_WEIGHT_BP - canary_bp),
        VariantWeight(CANARY, spec.canary, canary_bp),
    )
    cells = tuple(CellWeights(cell.region, cell.venue, weights) for cell in spec.scope)
    vector = Vector(revision, rollout.salt, spec.stable, cells)
    facts = RevisionFacts(rollout.phase.index, canary_bp)
    rollout = replace(rollout, revisions=rollout.revisions | {revision: facts}, silence=Silence())
    return issue(replace(strategy, rollout=rollout), vector, kind, cause, at)


def _finish(strategy: StrategyState, rollout: Rollout, cause: Cause, at: At) -> Changed:
    """The promoted version becomes the baseline, and the stable variant."""
    spec = rollout.spec
    weights = (VariantWeight(STABLE, spec.canary, FULL_WEIGHT_BP),)
    cells = tuple(CellWeights(cell.region, cell.venue, weights) for cell in spec.scope)
    vector = Vector(strategy.revision + 1, rollout.salt, spec.canary, cells)
    return issue(replace(strategy, rollout=rollout), vector, DecisionKind.FINISH, cause, at)
