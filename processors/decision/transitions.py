"""The table of transitions: a rollout's status changes along it or not at all.

A trigger that has no row changes nothing, so a late verdict on a rolled-back rollout is harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from tradecanary.schemas.decisions import DecisionKind, RolloutStatus

_PENDING = RolloutStatus.PENDING
_ACTIVE = RolloutStatus.ACTIVE
_HALTED = RolloutStatus.HALTED
_WATCHING = RolloutStatus.WATCHING
_PROMOTED = RolloutStatus.PROMOTED
_ROLLED_BACK = RolloutStatus.ROLLED_BACK


class Trigger(Enum):
    """What can move a rollout."""

    ADMIT = auto()
    EXPIRE = auto()
    PHASE_PASSED = auto()
    RAMP_COMPLETED = auto()
    HARM = auto()
    HALT = auto()
    RESUME = auto()
    ABORT = auto()
    KILL = auto()
    UNKILL = auto()
    WATCH_OVER = auto()


TRANSITIONS: Mapping[tuple[RolloutStatus, Trigger], tuple[RolloutStatus, DecisionKind]] = {
    (_PENDING, Trigger.ADMIT): (_ACTIVE, DecisionKind.START),
    (_PENDING, Trigger.EXPIRE): (_ROLLED_BACK, DecisionKind.ROLL_BACK),
    (_PENDING, Trigger.ABORT): (_ROLLED_BACK, DecisionKind.ROLL_BACK),
    (_PENDING, Trigger.KILL): (_PENDING, DecisionKind.KILL),
    (_PENDING, Trigger.UNKILL): (_PENDING, DecisionKind.UNKILL),
    (_ACTIVE, Trigger.PHASE_PASSED): (_ACTIVE, DecisionKind.INCREASE),
    (_ACTIVE, Trigger.RAMP_COMPLETED): (_WATCHING, DecisionKind.PROMOTE),
    (_ACTIVE, Trigger.HARM): (_ROLLED_BACK, DecisionKind.ROLL_BACK),
    (_ACTIVE, Trigger.HALT): (_HALTED, DecisionKind.HALT),
    (_ACTIVE, Trigger.ABORT): (_ROLLED_BACK, DecisionKind.ROLL_BACK),
    (_ACTIVE, Trigger.KILL): (_HALTED, DecisionKind.KILL),
    (_HALTED, Trigger.RESUME): (_ACTIVE, DecisionKind.RESUME),
    (_HALTED, Trigger.HARM): (_ROLLED_BACK, DecisionKind.ROLL_BACK),
    (_HALTED, Trigger.ABORT): (_ROLLED_BACK, DecisionKind.ROLL_BACK),
    (_HALTED, Trigger.KILL): (_HALTED, DecisionKind.KILL),
    (_HALTED, Trigger.UNKILL): (_HALTED, DecisionKind.UNKILL),
    (_WATCHING, Trigger.HARM): (_ROLLED_BACK, DecisionKind.ROLL_BACK),
    (_WATCHING, Trigger.ABORT): (_ROLLED_BACK, DecisionKind.ROLL_BACK),
    (_WATCHING, Trigger.KILL): (_WATCHING, DecisionKind.KILL),
    (_WATCHING, Trigger.UNKILL): (_WATCHING, DecisionKind.UNKILL),
    (_WATCHING, Trigger.RESUME): (_WATCHING, DecisionKind.RESUME),
    (_WATCHING, Trigger.WATCH_OVER): (_PROMOTED, DecisionKind.FINISH),
}

ENDED = frozenset({_PROMOTED, _ROLLED_BACK})
CARRYING = frozenset({_ACTIVE, _HALTED, _WATCHING})
"""Statuses in which the canary may be given orders."""
NO_CANARY = "there is no canary to act on"
