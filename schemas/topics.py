"""The table of topics: the only place with a topic's name in it.

`metrics`, `commands`, `router-status`, `decision-inputs`, `decisions` and `decision-state` share
one partition count and one partitioner (murmur2 of the strategy), so that one decider owns all
that concerns a strategy; `alerting-state` and `alerts` follow `decisions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tradecanary.schemas.alerts import AlertDelivery, AlertingSnapshot
from tradecanary.schemas.decisions import DeadLetter, Decision, DecisionSnapshot, Look
from tradecanary.schemas.execution import ExecutionEvent
from tradecanary.schemas.metrics import AggregationSnapshot, MetricsBatch
from tradecanary.schemas.routing import Command, KillSwitch, RouterStatus, RoutingWeights

_DAY_MS = 86_400_000
LARGEST_RECORD_BYTES = 8 << 20
"""What topics of stages take in one record: theirs are cut at 512 KiB, so this is a margin.

Kafka's own limit of 1 MiB would be no more than twice the cut; hosted Kafkas allow 8 MiB.
"""
_STAGES = frozenset({"aggregation", "decision", "alerting", "any stage"})


class Sizing(StrEnum):
    """Which setting gives the partition count."""

    EXECUTIONS = "executions"
    CONTROL = "control"
    SINGLE = "single"


@dataclass(frozen=True, slots=True)
class Topic:
    """One row: contract, key, clean-up, partitions, clock, who writes and who reads."""

    name: str
    contract: type[Any]
    key: str
    sizing: Sizing
    compacted: bool
    retention_ms: int
    append_time: bool
    writers: tuple[str, ...]
    readers: tuple[str, ...]

    @property
    def largest_record_bytes(self) -> int | None:
        """What a record may take; None: the broker's own limit."""
        return None if _STAGES.isdisjoint(self.writers) else LARGEST_RECORD_BYTES

    def config(self) -> dict[str, str]:
        """Return the broker's topic settings."""
        settings = {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "message.timestamp.type": "LogAppendTime" if self.append_time else "CreateTime",
            "compression.type": "producer",
        }
        if self.largest_record_bytes is not None:
            settings["max.message.bytes"] = str(self.largest_record_bytes)
        if self.compacted:
            settings |= {
                "segment.ms": "3600000",
                "segment.bytes": str(64 << 20),
                "min.cleanable.dirty.ratio": "0.1",
                "max.compaction.lag.ms": "3600000",
                "min.compaction.lag.ms": "60000",
                "delete.retention.ms": str(_DAY_MS),
            }
        else:
            settings["retention.ms"] = str(self.retention_ms)
        return settings


def _delete(
    name: str,
    contract: type[Any],
    key: str,
    sizing: Sizing,
    days: int,
    flow: str,
    *,
    append_time: bool = False,
) -> Topic:
    writers, readers = (tuple(side.split(", ")) for side in flow.split(" -> "))
    retention_ms = days * _DAY_MS if days else -1
    return Topic(
        name, contract, key, sizing, compacted=False, retention_ms=retention_ms,
        append_time=append_time, writers=writers, readers=readers,
    )  # fmt: skip


def _compact(
    name: str,
    contract: type[Any],
    key: str,
    sizing: Sizing,
    flow: str,
    *,
    append_time: bool = False,
) -> Topic:
    writers, readers = (tuple(side.split(", ")) for side in flow.split(" -> "))
    return Topic(
        name, contract, key, sizing, compacted=True, retention_ms=-1,
        append_time=append_time, writers=writers, readers=readers,
    )  # fmt: skip


EXECUTIONS = _delete(
    "executions", ExecutionEvent, "unit", Sizing.EXECUTIONS, 90,
    "services, replay -> aggregation, replay, backtest", append_time=True,
)  # fmt: skip
METRICS = _delete(
    "metrics", MetricsBatch, "explicit partition", Sizing.CONTROL, 90,
    "aggregation -> decision, dashboard",
)  # fmt: skip
AGGREGATION_STATE = _compact(
    "aggregation-state", AggregationSnapshot, "source partition", Sizing.SINGLE,
    "aggregation -> aggregation",
)  # fmt: skip
COMMANDS = _delete(
    "commands", Command, "strategy", Sizing.CONTROL, 3650, "cli, ci, dashboard -> decision"
)  # fmt: skip
ROUTER_STATUS = _delete(
    "router-status", RouterStatus, "strategy", Sizing.CONTROL, 7,
    "routers -> decision, dashboard", append_time=True,
)  # fmt: skip
DECISION_INPUTS = _delete(
    "decision-inputs", Look, "partition", Sizing.CONTROL, 90, "decision -> auditing, backtest"
)  # fmt: skip
DECISIONS = _delete(
    "decisions", Decision, "strategy", Sizing.CONTROL, 0,
    "decision -> auditing, alerting, dashboard",
)  # fmt: skip
DECISION_STATE = _compact(
    "decision-state", DecisionSnapshot, "partition and part", Sizing.CONTROL,
    "decision -> decision",
)  # fmt: skip
ALERTING_STATE = _compact(
    "alerting-state", AlertingSnapshot, "strategy", Sizing.CONTROL, "alerting -> alerting"
)  # fmt: skip
ALERTS = _delete(
    "alerts", AlertDelivery, "strategy", Sizing.CONTROL, 3650, "alerting -> people"
)  # fmt: skip
ROUTING_WEIGHTS = _compact(
    "routing-weights", RoutingWeights, "strategy", Sizing.SINGLE, "decision -> routers",
    append_time=True,
)  # fmt: skip
KILL_SWITCH = _compact(
    "kill-switch", KillSwitch, "strategy or *", Sizing.SINGLE, "cli, dashboard -> routers, decision"
)  # fmt: skip
DEAD_LETTERS = _delete(
    "dead-letters", DeadLetter, "source topic-partition", Sizing.SINGLE, 365,
    "any stage -> people",
)  # fmt: skip

TOPICS: tuple[Topic, ...] = (
    EXECUTIONS, METRICS, AGGREGATION_STATE, COMMANDS, ROUTER_STATUS, DECISION_INPUTS,
    DECISIONS, DECISION_STATE, ALERTING_STATE, ALERTS, ROUTING_WEIGHTS, KILL_SWITCH,
    DEAD_LETTERS,
)  # fmt: skip
