"""Deciders on a log in memory, for tests: what reaches them, their lives, and what must hold.

Control partition by control partition a strategy trades; its orders obey the newest weights in the
log, whoever wrote them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.counting import Clock
from tests.laws.decision_input import BUILDS, spec
from tests.stories.flow import Flow
from tests.stories.router import Router
from tradecanary.processors.decision.model import PartitionState
from tradecanary.processors.runtime.decision_recovery import Recovered, recover
from tradecanary.processors.runtime.decision_task import DecisionTask
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import CrashPoint, Runner, go_on
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.decisions import Decision, Look, Vector
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.routing import Command, CommandKind, KillSwitch, RoutingWeights
from tradecanary.schemas.topics import (
    COMMANDS,
    DECISION_INPUTS,
    DECISIONS,
    KILL_SWITCH,
    METRICS,
    ROUTER_STATUS,
    ROUTING_WEIGHTS,
)
from tradecanary.schemas.units import US_PER_S

PARTITIONS = 2
NAMES = {partition_of(name.encode(), PARTITIONS): name for name in ("momentum", "reversal")}
"""A strategy a control partition."""
ABORTED_US = 7 * US_PER_S
"""After this a dead member's session and transaction are over."""


@dataclass
class Market:
    """All that is written for the strategy of one control partition."""

    log: MemoryLog
    clock: Clock
    partition: int
    flow: Flow = field(default_factory=Flow)
    router: Router = field(default_factory=lambda: Router("g1", BUILDS))
    sent: dict[str, Command] = field(default_factory=dict)
    events: int = 0

    @property
    def strategy(self) -> str:
        """The strategy that trades here."""
        return NAMES[self.partition]

    def trade(self) -> None:
        """A second's orders in one manifest, and the router's status."""
        self.write(self.manifest())
        status = replace(self.router.status(self.clock()), strategy=self.strategy)
        self._append(ROUTER_STATUS.name, encode(status))

    def manifest(self) -> MetricsBatch:
        """Return the next manifest: orders as the newest weights say."""
        weights = weights_of(self.log, self.strategy)
        vector = weights and Vector(weights.revision, weights.salt, weights.baseline, weights.cells)
        cohort_us = self.clock() - self.clock() % US_PER_S
        made = self.flow.manifest(vector or None, cohort_us, [])
        self.events += sum(one.events for one in made.ranges)
        return replace(
            made, partials=tuple(replace(one, strategy=self.strategy) for one in made.partials)
        )

    def write(self, manifest: MetricsBatch) -> int:
        """Append a manifest, or a part of one; return its offset."""
        return self.log.append(METRICS.name, b"a", encode(manifest), partition=self.partition)

    def command(self, kind: CommandKind, arguments: str = "{}", strategy: str = "") -> Command:
        """Append a command of ana."""
        name = f"{self.strategy}-{len(self.sent) + 1}"
        command = Command(
            name, strategy or self.strategy, "ana", self.clock(), kind, arguments, "as told"
        )
        self.sent[name] = command
        self._append(COMMANDS.name, encode(command))
        return command

    def start(self, policy: int = 0) -> Command:
        """Ask for the next rollout, under one of the quick policies."""
        weights = weights_of(self.log, self.strategy)
        stable = weights.baseline if weights else BUILDS[0]
        canary = next(build for build in BUILDS if build != stable)
        made = spec(f"r{len(self.sent)}", self.strategy, (stable, canary), policy)
        return self.command(CommandKind.START, canonical_json(made))

    def kill(self, *, killed: bool) -> None:
        """Throw the kill switch."""
        switch = KillSwitch(self.strategy, killed, "ana", self.clock(), "as told")
        self.log.append(KILL_SWITCH.name, self.strategy.encode(), encode(switch))

    def _append(self, topic: str, value: bytes) -> None:
        self.log.append(topic, self.strategy.encode(), value, partition=self.partition)


def new_decider(
    log: MemoryLog,
    clock: Clock,
    slot: str = "0",
    crash_point: Callable[[CrashPoint], None] = go_on,
) -> Runner:
    """Return a decider that has not read anything yet."""
    return Runner(DecisionTask(), log, clock, slot=slot, limit=20, crash_point=crash_point)


def settle(runner: Runner, clock: Clock, steps: int = 40) -> None:
    """Step until all is read and decided, and more."""
    for _ in range(steps):
        clock.us += 200_000
        runner.step()
    runner.finish()


def weights_of(log: MemoryLog, strategy: str) -> RoutingWeights | None:
    """Return the newest weights of a strategy that are committed."""
    found = None
    for record in log.read(TopicPartition(ROUTING_WEIGHTS.name, 0)):
        if record.key == strategy.encode() and record.value is not None:
            found = decode(RoutingWeights, record.value)
    return found


def decisions_of(log: MemoryLog, partition: int) -> list[Decision]:
    """Return the decisions that are committed."""
    return [decode(Decision, value) for value in _values(log, DECISIONS.name, partition)]


def looks_of(log: MemoryLog, partition: int) -> list[Look]:
    """Return the looks that are committed."""
    return [decode(Look, value) for value in _values(log, DECISION_INPUTS.name, partition)]


def _values(log: MemoryLog, topic: str, partition: int) -> list[bytes]:
    records = log.read(TopicPartition(topic, partition))
    return [record.value for record in records if record.value is not None]


def assert_recomputed(market: Market, live: PartitionState | None = None) -> PartitionState:
    """Compare all that was committed for a partition with a replay of its recorded looks.

    Each command was answered once, each event folded once, and the newest snapshot with the looks
    after it gives the very state of the replay, which is `live` where a decider still runs.
    """
    log, partition = market.log, market.partition
    again: Recovered = recover(log, partition, from_start=True)
    written = {
        topic: [encode(e.record) for e in again.effects if e.topic == topic]
        for topic in (DECISIONS.name, DECISION_INPUTS.name)
    }
    looks, decisions = looks_of(log, partition), decisions_of(log, partition)
    answers = Counter(one.command_id for one in decisions if one.command_id)

    assert {topic: _values(log, topic, partition) for topic in written} == written
    assert recover(log, partition).state == again.state
    assert live is None or live == again.state
    assert list(range(1, len(looks) + 1)) == [look.number for look in looks]
    assert [look.epoch for look in looks] == sorted(look.epoch for look in looks)
    assert Counter(dict.fromkeys(market.sent, 1)) == answers
    assert again.state.flow is not None
    read = sum(known.next_offset for known in again.state.flow.partitions.values())
    assert (market.events, 0) == (read, again.state.flow.gaps)
    return again.state
