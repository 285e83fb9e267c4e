"""Decisions as links of a hash chain per strategy, and the weight vectors that go out with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from tradecanary.processors.decision.frontier import Flow
from tradecanary.processors.decision.judges import judge_of
from tradecanary.processors.decision.model import Rollout, StrategyState
from tradecanary.processors.stage import Emit
from tradecanary.schemas.codec import encode, encode_as
from tradecanary.schemas.decisions import (
    Check,
    Decision,
    DecisionKind,
    Evidence,
    ReferenceSums,
    RolloutStatus,
    StreamEvidence,
    Vector,
)
from tradecanary.schemas.metrics import MeasureSums
from tradecanary.schemas.routing import RoutingWeights, UnitKind
from tradecanary.schemas.topics import DECISIONS, ROUTING_WEIGHTS
from tradecanary.schemas.units import CANARY, STABLE

LEASE_MS = 10_000


@dataclass(frozen=True, slots=True)
class At:
    """The look at which something is decided; `header` as in `LookEvent.decision_header`."""

    partition: int
    look: int
    epoch: int
    now_us: int
    flow: Flow
    header: bytes = b""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something is decided: the sentence, who asked for it, the comparisons behind it."""

    reason: str
    actor: str = "decider"
    command_id: str = ""
    checks: tuple[Check, ...] = ()


Changed = tuple[StrategyState, tuple[Emit, ...]]


def nothing_issued(baseline: str) -> Vector:
    """Return the vector of a strategy for which none was issued yet."""
    return Vector(revision=0, salt="", baseline=baseline, cells=())


def hash_of(decision: Decision, header: bytes = b"") -> str:
    """Return the SHA-256 (hex) over the decision's canonical bytes, its own hash left empty.

    `header`: of the older contract that wrote it, if it was not today's.
    """
    empty = replace(decision, hash="")
    return hashlib.sha256(encode_as(empty, header) if header else encode(empty)).hexdigest()


def evidence_of(strategy: StrategyState, cause: Cause, at: At, kind: DecisionKind) -> Evidence:
    """Return what the decision stands on: phase, both variants' sums, comparisons."""
    rollout = strategy.rollout
    if rollout is None:
        return Evidence(0, "", 0, 0, (), (), cause.checks, (), None)
    ramp = rollout.spec.policy.ramp
    return Evidence(
        phase=rollout.phase.index,
        phase_name=ramp[rollout.phase.index].name,
        phase_time_us=rollout.phase.time_us,
        rollout_time_us=rollout.time_us,
        variants=(rollout.stable.evidence(STABLE), rollout.canary.evidence(CANARY)),
        streams=streams_of(rollout),
        checks=cause.checks,
        # replays begin at START, so it says where the flow stood
        frontiers=at.flow.frontiers() if kind is DecisionKind.START else (),
        reference=reference_of(strategy, rollout) if kind in _FREEZING else None,
    )


_FREEZING = frozenset({DecisionKind.START, DecisionKind.INCREASE})


def streams_of(rollout: Rollout) -> tuple[StreamEvidence, ...]:
    """Return the judge's evidence stream by stream, as it stands."""
    settings = rollout.spec.policy.judge
    return (
        ()
        if rollout.started_at_us < 0
        else judge_of(rollout.spec).streams(rollout.judge_state, settings)
    )


def reference_of(strategy: StrategyState, rollout: Rollout) -> ReferenceSums | None:
    """Return stable's last orders as they were frozen for this phase, None without a reference."""
    frozen = rollout.references.get(rollout.phase.index)
    if frozen is None:
        return None
    sums = strategy.history.of(rollout.spec.stable).sums()
    measures = tuple(
        MeasureSums(
            name,
            total.n,
            total.total,
            total.total_sq,
            tuple(sorted(total.histogram)),
            tuple(count for _, count in sorted(total.histogram.items())),
        )
        for name, total in sorted(sums.measures.items())
        if total.histogram
    )
    return ReferenceSums(frozen.id, sums.orders, sums.filled, sums.errors, measures)


def record(
    strategy: StrategyState,
    kind: DecisionKind,
    cause: Cause,
    at: At,
    before: Vector | None = None,
) -> Changed:
    """Return the strategy with one more decision on its chain, and the record to write."""
    rollout = strategy.rollout
    after = strategy.vector or nothing_issued(rollout.spec.stable if rollout else "")
    decision = Decision(
        strategy=strategy.strategy,
        number=strategy.number + 1,
        rollout=rollout.spec.rollout if rollout else "",
        time_us=at.now_us,
        kind=kind,
        status=rollout.status if rollout else RolloutStatus.ROLLED_BACK,
        before=before or after,
        after=after,
        reason=cause.reason,
        evidence=evidence_of(strategy, cause, at, kind),
        partition=at.partition,
        look=at.look,
        epoch=at.epoch,
        policy_hash=rollout.spec.policy.hash if rollout else "",
        actor=cause.actor,
        command_id=cause.command_id,
        hold=rollout.hold if rollout else "",
        previous_hash=strategy.last_hash,
        hash="",
    )
    decision = replace(decision, hash=hash_of(decision, at.header))
    strategy = replace(strategy, number=decision.number, last_hash=decision.hash)
    return strategy, (Emit(DECISIONS.name, strategy.strategy.encode(), decision),)


def issue(
    strategy: StrategyState, vector: Vector, kind: DecisionKind, cause: Cause, at: At
) -> Changed:
    """Return the strategy with a new revision of its vector, the decision and the weights."""
    before = strategy.vector
    strategy = replace(strategy, vector=vector, revision=vector.revision)
    strategy, decided = record(strategy, kind, cause, at, before or nothing_issued(vector.baseline))
    strategy = replace(
        strategy,
        vector_rollout=strategy.rollout.spec.rollout if strategy.rollout else "",
        vector_reason=cause.reason,
        vector_hash=strategy.last_hash,
    )
    strategy, sent = send(strategy, at)
    return strategy, decided + sent


def send(strategy: StrategyState, at: At) -> Changed:
    """Return the record that carries the vector as it stands: a new one, or a lease renewal."""
    vector = strategy.vector
    if vector is None:
        return strategy, ()
    weights = RoutingWeights(
        strategy=strategy.strategy,
        epoch=at.epoch,
        revision=vector.revision,
        rollout=strategy.vector_rollout,
        cells=vector.cells,
        baseline=vector.baseline,
        salt=vector.salt,
        unit=UnitKind(strategy.unit),
        lease_ms=LEASE_MS,
        rearm=strategy.rearm,
        reason=strategy.vector_reason,
        decision_hash=strategy.vector_hash,
    )
    strategy = replace(strategy, written_at_us=at.now_us, written_epoch=at.epoch)
    return strategy, (Emit(ROUTING_WEIGHTS.name, strategy.strategy.encode(), weights),)
