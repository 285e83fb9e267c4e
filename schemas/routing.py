"""What deciders, operators and routers tell each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

EVERYWHERE = "*"
"""Region, venue or strategy that stands for all of them."""


class UnitKind(StrEnum):
    """What the coin is tossed for: each order, or each account (sticky)."""

    ORDER = "order"
    ACCOUNT = "account"


class LeaseState(StrEnum):
    """Whether a router may follow its vector: none read yet, valid, or lapsed."""

    NONE = "NONE"
    VALID = "VALID"
    LAPSED = "LAPSED"


class BreakerState(StrEnum):
    """The router's latched breaker."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"


class CommandKind(StrEnum):
    """What an operator or CI/CD may ask of the decider."""

    START = "start"
    APPROVE = "approve"
    HALT = "halt"
    RESUME = "resume"
    INCREASE = "increase"
    PROMOTE = "promote"
    ABORT = "abort"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    REARM = "rearm"


@dataclass(frozen=True, slots=True)
class VariantWeight:
    """One variant's share of new orders in one cell."""

    variant: str
    version: str
    weight_bp: int


@dataclass(frozen=True, slots=True)
class CellWeights:
    """The weight vector of one cell; `*` as region or venue stands for all. Sums to 10000."""

    region: str
    venue: str
    weights: tuple[VariantWeight, ...]


@dataclass(frozen=True, slots=True)
class RoutingWeights:
    """The whole truth for the routers of one strategy; never a delta."""

    strategy: str
    epoch: int
    revision: int
    rollout: str
    cells: tuple[CellWeights, ...]
    baseline: str
    salt: str
    unit: UnitKind
    lease_ms: int
    rearm: int
    reason: str
    decision_hash: str


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """Kill (or unkill) of a strategy, or of all with `*`; obeyed however old."""

    strategy: str
    killed: bool
    actor: str
    time_us: int
    reason: str


@dataclass(frozen=True, slots=True)
class Command:
    """What a person or CI/CD asks; `arguments` is canonical JSON, its form depends on kind."""

    id: str
    strategy: str
    actor: str
    time_us: int
    kind: CommandKind
    arguments: str
    reason: str


@dataclass(frozen=True, slots=True)
class RevisionCounts:
    """Orders of one router incarnation by the vector and variant that decided them, cumulative."""

    revision: int
    variant: str
    routed: int
    reported: int
    open: int


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A variant taken out of service at this router, and whether the service acknowledged it."""

    variant: str
    cause: str
    time_us: int
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class RouterStatus:
    """What one router instance says of itself each second."""

    router: str
    incarnation: int
    strategy: str
    time_us: int
    versions: tuple[str, ...]
    unit: UnitKind
    baseline: str
    order_horizon_us: int
    markout_horizon_us: int
    epoch: int
    revision: int
    lease: LeaseState
    breaker: BreakerState
    rearm: int
    killed: bool
    lapses: int
    fallback: str
    counts: tuple[RevisionCounts, ...]
    withdrawals: tuple[Withdrawal, ...]
    backlog: int
    spooled: int
    dropped: int
