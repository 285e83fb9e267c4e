"""What the decider did, why, and what it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tradecanary.schemas.metrics import MeasureSums
from tradecanary.schemas.routing import CellWeights, KillSwitch, RouterStatus


class DecisionKind(StrEnum):
    """Every kind of change a rollout or a vector can see."""

    START = "START"
    INCREASE = "INCREASE"
    PROMOTE = "PROMOTE"
    ROLL_BACK = "ROLL_BACK"
    HOLD = "HOLD"
    HALT = "HALT"
    RESUME = "RESUME"
    KILL = "KILL"
    UNKILL = "UNKILL"
    REISSUE = "REISSUE"
    FINISH = "FINISH"


class RolloutStatus(StrEnum):
    """Where a rollout is in its life."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    HALTED = "HALTED"
    WATCHING = "WATCHING"
    PROMOTED = "PROMOTED"
    ROLLED_BACK = "ROLLED_BACK"


@dataclass(frozen=True, slots=True)
class Vector:
    """A strategy's weights under one revision, with the salt of its coin."""

    revision: int
    salt: str
    baseline: str
    cells: tuple[CellWeights, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison behind a decision, by a judge, a guard or a criterion."""

    name: str
    value: float
    limit: float
    unit: str
    breached: bool


@dataclass(frozen=True, slots=True)
class VariantEvidence:
    """What one variant did since the start of the rollout, in exact sums."""

    variant: str
    orders: int
    filled: int
    errors: int
    latency_n: int
    latency_total_us: int
    slippage_n: int
    slippage_total_milli_bp: int
    pnl_n: int
    pnl_total_micros: int


@dataclass(frozen=True, slots=True)
class StreamEvidence:
    """One stream of a sequential judge; log e-values as integer micro-nats.

    By account: of the last look alone, its p-value calibrated, e = 1 / (2 sqrt(p)); the checks hold
    p and its limit. `low`, `high`: the largest float where nothing bounds the effect.
    """

    stream: str
    log_e_micro_nats: int
    effect: float
    low: float
    high: float
    margin: float
    orders: int


@dataclass(frozen=True, slots=True)
class Frontier:
    """How far one partition of `executions` was folded."""

    partition: int
    next_offset: int
    watermark_us: int


@dataclass(frozen=True, slots=True)
class ReferenceSums:
    """Stable's last orders as they were frozen: `id` names what the judge made of them."""

    id: str
    orders: int
    filled: int
    errors: int
    measures: tuple[MeasureSums, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a decision stood on; `reference` where one was frozen with it."""

    phase: int
    phase_name: str
    phase_time_us: int
    rollout_time_us: int
    variants: tuple[VariantEvidence, ...]
    streams: tuple[StreamEvidence, ...]
    checks: tuple[Check, ...]
    frontiers: tuple[Frontier, ...]
    reference: ReferenceSums | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """One link of a strategy's hash chain: what changed, why, on which evidence.

    `hold`: the code of what holds the rollout after it, empty when nothing does. `hash` stays last:
    it is made of all bytes before it.
    """

    strategy: str
    number: int
    rollout: str
    time_us: int
    kind: DecisionKind
    status: RolloutStatus
    before: Vector
    after: Vector
    reason: str
    evidence: Evidence
    partition: int
    look: int
    epoch: int
    policy_hash: str
    actor: str
    command_id: str
    hold: str
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class ManifestRange:
    """Consecutive aggregator transactions, named without offsets."""

    slot: str
    incarnation: int
    first_transaction: int
    last_transaction: int


@dataclass(frozen=True, slots=True)
class RouterFact:
    """A router's status as the decider read it, with the broker's append time."""

    status: RouterStatus
    appended_at_ms: int


@dataclass(frozen=True, slots=True)
class Look:
    """All that one decider transaction saw on one partition: replay folds Looks."""

    partition: int
    number: int
    epoch: int
    recorded_at_us: int
    manifests: tuple[ManifestRange, ...]
    commands: tuple[str, ...]
    routers: tuple[RouterFact, ...]
    kills: tuple[KillSwitch, ...]
    at_end: bool


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on reading a topic's partition."""

    topic: str
    offset: int


@dataclass(frozen=True, slots=True)
class DecisionSnapshot:
    """State of one part (a strategy, or `*` for the partition's own) as of one look."""

    partition: int
    part: str
    look: int
    positions: tuple[Position, ...]
    payload: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Bytes that broke a contract, with where they lay and why."""

    stage: str
    topic: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    value_length: int
