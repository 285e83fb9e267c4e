"""Who may read and write what on Kafka: one row a role, from which access lists are made.

A role is what a process logs in as. Nobody here makes or deletes topics: that is the work of an
administrator (`tradecanary topics create`), before everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tradecanary.schemas.topics import (
    AGGREGATION_STATE,
    ALERTING_STATE,
    ALERTS,
    COMMANDS,
    DEAD_LETTERS,
    DECISION_INPUTS,
    DECISION_STATE,
    DECISIONS,
    EXECUTIONS,
    KILL_SWITCH,
    METRICS,
    ROUTER_STATUS,
    ROUTING_WEIGHTS,
    TOPICS,
    Topic,
)

READER_GROUP = "reader"
"""The group of all that read without one: nobody joins it, but the client asks for it."""
ROUTER_GROUP = "tradecanary-router"
"""The same in trading services, whatever the prefix."""


class Resource(StrEnum):
    """What access is given to."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"


class Operation(StrEnum):
    """What may be done with it; either lets one see that it is there."""

    READ = "Read"
    WRITE = "Write"


@dataclass(frozen=True, slots=True)
class Role:
    """One row. `stage`: its consumer group, and the beginning of its transactional ids.

    `reader`: the group that its client asks for where it reads without one.
    """

    name: str
    text: str
    writes: tuple[Topic, ...]
    reads: tuple[Topic, ...]
    stage: str = ""
    reader: str = READER_GROUP

    def reader_group(self, prefix: str) -> str:
        """Return the group that its client asks for, under a prefix of topics."""
        return self.reader if self.reader == ROUTER_GROUP else prefix + self.reader


@dataclass(frozen=True, slots=True)
class Grant:
    """One thing that one role may do; `is_prefix`: with everything whose name begins so."""

    role: str
    resource: Resource
    name: str
    operation: Operation
    is_prefix: bool = False


_STANDING = (
    METRICS, COMMANDS, ROUTER_STATUS, DECISION_INPUTS, DECISIONS, DECISION_STATE, ALERTS,
    ROUTING_WEIGHTS, KILL_SWITCH,
)  # fmt: skip
"""What tells how everything stands."""

ROLES: tuple[Role, ...] = (
    Role(
        "service",
        "a trading service with its router and its publisher",
        writes=(EXECUTIONS, ROUTER_STATUS),
        reads=(ROUTING_WEIGHTS, KILL_SWITCH),
        reader=ROUTER_GROUP,
    ),
    Role(
        "aggregation",
        "`tradecanary run aggregation`",
        writes=(METRICS, AGGREGATION_STATE, DEAD_LETTERS),
        reads=(EXECUTIONS, AGGREGATION_STATE),
        stage="aggregation",
    ),
    Role(
        "decision",
        "`tradecanary run decision`",
        writes=(DECISION_INPUTS, DECISIONS, DECISION_STATE, ROUTING_WEIGHTS, DEAD_LETTERS),
        reads=(
            METRICS,
            COMMANDS,
            ROUTER_STATUS,
            KILL_SWITCH,
            DECISION_INPUTS,
            DECISIONS,
            DECISION_STATE,
        ),
        stage="decision",
    ),
    Role(
        "alerting",
        "`tradecanary run alerting`",
        writes=(ALERTING_STATE, ALERTS, DEAD_LETTERS),
        reads=(DECISIONS, ALERTING_STATE),
        stage="alerting",
    ),
    Role(
        "operator",
        "who runs rollouts: the command line, CI/CD",
        writes=(COMMANDS, KILL_SWITCH),
        reads=(*_STANDING, EXECUTIONS),
    ),
    Role(
        "dashboard",
        "`tradecanary dashboard`",
        writes=(COMMANDS, KILL_SWITCH),
        reads=_STANDING,
    ),
    Role(
        "replay",
        "`tradecanary replay`, which publishes recorded executions again",
        writes=(EXECUTIONS,),
        reads=(EXECUTIONS, ROUTING_WEIGHTS, KILL_SWITCH),
        reader=ROUTER_GROUP,
    ),
    Role(
        "auditor",
        "who looks and changes nothing: `verify`, `report`, `backtest`",
        writes=(),
        reads=TOPICS,
    ),
)


def grants(prefix: str = "") -> Iterator[Grant]:
    """Yield all that is allowed, role by role; `prefix` is that of topics, groups and ids."""
    for role in ROLES:
        for operation, topics in ((Operation.WRITE, role.writes), (Operation.READ, role.reads)):
            for topic in topics:
                yield Grant(role.name, Resource.TOPIC, prefix + topic.name, operation)
        yield Grant(role.name, Resource.GROUP, role.reader_group(prefix), Operation.READ)
        if role.stage:
            yield Grant(role.name, Resource.GROUP, prefix + role.stage, Operation.READ)
            yield Grant(
                role.name,
                Resource.TRANSACTIONAL_ID,
                f"{prefix}{role.stage}-",  # and its slot
                Operation.WRITE,
                is_prefix=True,
            )
