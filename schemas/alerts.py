"""What people are told of decisions, and what became of telling them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tradecanary.schemas.decisions import Check, RolloutStatus


class Severity(StrEnum):
    """How bad it is, in PagerDuty's words; the order is `RANKS`."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


RANKS = {severity: rank for rank, severity in enumerate(Severity)}
"""Higher is worse."""


class AlertAction(StrEnum):
    """What an alert does to the incident that its key names."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


class Until(StrEnum):
    """What ends an incident. NOTHING: it opens none, it is told and that is all."""

    NOTHING = "nothing"
    HOLD_OVER = "hold_over"
    RESUMED = "resumed"
    UNKILLED = "unkilled"
    NEXT_START = "next_start"


class DeliveryOutcome(StrEnum):
    """How the delivery of an alert ended."""

    SENT = "sent"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to tell people.

    `key` names the incident: strategy, number of the decision that opened it, and breach. `number`
    and `time_us` are of the decision that this alert tells of.
    """

    key: str
    strategy: str
    rollout: str
    number: int
    time_us: int
    action: AlertAction
    severity: Severity
    until: Until
    breach: str
    title: str
    reason: str
    next_action: str
    checks: tuple[Check, ...]
    status: RolloutStatus
    phase: str
    stable: str
    canary: str
    weight_bp: int
    actor: str


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An incident that no decision has ended yet; `alerted_us`: when it was last told."""

    key: str
    rollout: str
    number: int
    severity: Severity
    until: Until
    breach: str
    title: str
    alerted_us: int
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class PendingDelivery:
    """An alert that a sender still has to deliver; `offset` is that of its decision."""

    sender: str
    alert: Alert
    offset: int
    since_us: int

    @property
    def id(self) -> str:
        """The delivery's name for ever: the same alert to the same sender has the same."""
        alert = self.alert
        return f"{alert.key}/{alert.action.value}/{alert.number}/{self.sender}"


@dataclass(frozen=True, slots=True)
class AlertingSnapshot:
    """All that alerting knows of one strategy after its decision `number`."""

    partition: int
    strategy: str
    number: int
    incidents: tuple[OpenIncident, ...]
    pending: tuple[PendingDelivery, ...]


@dataclass(frozen=True, slots=True)
class AlertDelivery:
    """How one delivery ended, after how many attempts; `problem` is the last one's, if any."""

    sender: str
    alert: Alert
    outcome: DeliveryOutcome
    attempts: int
    time_us: int
    problem: str
