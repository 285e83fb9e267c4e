"""The decision stage under the runner: looks from what was polled, snapshots, recovery.

Each transaction is one look per owned partition (more only when the statuses of routers would not
fit into its record). It carries the positions of all owned partitions and what changed of their
state every 10 s; the looks in between are folded again at a restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tradecanary.processors.dead_letters import dead_letter
from tradecanary.processors.decision.commands import other_user
from tradecanary.processors.decision.model import LookEvent, PartitionState
from tradecanary.processors.decision.replay import ManifestName, Parts, name_of
from tradecanary.processors.decision.snapshot import Written, key_of, snapshot
from tradecanary.processors.decision.step import step
from tradecanary.processors.decision.sums import shape_problem
from tradecanary.processors.decision.texts import kept
from tradecanary.processors.runtime.decision_reading import check_place, command_of
from tradecanary.processors.runtime.decision_recovery import begin_at, recover
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.runtime.router_facts import RouterFacts
from tradecanary.processors.stage import Batch, Emit, LogRecord, Polled, TopicPartition
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.decisions import RouterFact
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.routing import Command, KillSwitch, RouterStatus
from tradecanary.schemas.topics import (
    COMMANDS,
    DECISION_INPUTS,
    DECISION_STATE,
    DECISIONS,
    KILL_SWITCH,
    METRICS,
    ROUTER_STATUS,
)
from tradecanary.schemas.units import US_PER_S

SNAPSHOT_US = 10 * US_PER_S
IDLE_LOOK_US = US_PER_S


@dataclass(slots=True)
class _Inbox:
    """What was polled of one partition since its last look.

    `commands_at_end`: as of the last poll. `metrics_read`: once, since they flow all the time; that
    they go on flowing is asked of the data's age. `ahead_us`: by how much the recorded time was
    ahead of this host's clock when it took over.
    """

    state: PartitionState
    positions: dict[str, int]
    manifests: list[MetricsBatch] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    routers: RouterFacts = field(default_factory=RouterFacts)
    kills: list[KillSwitch] = field(default_factory=list)
    parts: Parts = field(default_factory=Parts)
    part_offsets: dict[ManifestName, int] = field(default_factory=dict)
    commands_at_end: bool = False
    metrics_read: bool = False
    looked_at_us: int = -1
    snapshot_at_us: int = -1
    written: Written = field(default_factory=dict)
    epoch: int = 0
    ahead_us: int = 0

    def is_due(self, now_us: int) -> bool:
        received = self.manifests or self.commands or self.routers or self.kills
        return bool(received) or now_us - self.looked_at_us >= IDLE_LOOK_US


class DecisionTask:
    """The Task of the decision stage: see `processors/runtime/task.py`."""

    name = "decision"
    inputs = (METRICS.name, COMMANDS.name, ROUTER_STATUS.name)
    side_inputs = (KILL_SWITCH.name,)

    def __init__(self, commit_interval_us: int = 50_000) -> None:
        """Remember nothing: all state comes from the log at the first assignment."""
        self.commit_interval_us = commit_interval_us
        self._inboxes: dict[int, _Inbox] = {}
        self._dead: list[Emit] = []
        self._kills: dict[str, KillSwitch] = {}
        self._kills_are_known = self._kills_at_end = False
        self._log: Log | None = None

    def recover(
        self,
        assigned: frozenset[TopicPartition],
        committed: Mapping[TopicPartition, int],
        log: Log,
        now_us: int,
    ) -> Mapping[TopicPartition, int]:
        """Fold snapshots and recorded looks; the epoch rises with this assignment.

        Raises OffsetLost where it cannot be told what was read before: nothing is obeyed twice.

        Where they were recorded by a clock ahead of ours, time goes on from there: until ours had
        caught up, nothing would be renewed.
        """
        owned = [sorted(p for topic, p in assigned if topic == name) for name in self.inputs]
        if any(partitions != owned[0] for partitions in owned):
            raise AssertionError(f"a decider must own equal partition sets, was {owned}")
        self._inboxes, self._dead, self._log = {}, [], log
        self._kills = {}
        self._kills_are_known = self._kills_at_end = False
        positions: dict[TopicPartition, int] = {}
        for number in owned[0]:
            found = recover(log, number)
            starts = begin_at(log, number, committed, found)
            self._inboxes[number] = _Inbox(
                found.state,
                starts,
                written=dict.fromkeys(found.parts),
                epoch=found.state.epoch + 1,
                ahead_us=max(0, found.state.recorded_at_us - now_us),
            )
            positions |= {TopicPartition(topic, number): o for topic, o in starts.items()}
        return positions

    def absorb(self, polled: Polled, now_us: int) -> None:  # noqa: ARG002 - a look has its own time
        """Take records into the inboxes of their partitions."""
        for batch in polled.batches:
            inbox = self._inboxes[batch.partition.partition]
            for index in range(len(batch.values)):
                try:
                    self._take(inbox, batch, index)
                except ContractViolation as broken:
                    self._dead.append(dead_letter(self.name, batch, index, str(broken)))
            inbox.positions[batch.partition.topic] = batch.last_offset + 1
        for number, inbox in self._inboxes.items():
            inbox.commands_at_end = TopicPartition(COMMANDS.name, number) in polled.ends
            inbox.metrics_read |= TopicPartition(METRICS.name, number) in polled.ends

    def absorb_side(self, records: Sequence[LogRecord], at_end: bool, now_us: int) -> None:  # noqa: ARG002, FBT001
        """Take kill-switch records: first what holds now, then every change, in order."""
        for record in records:
            try:
                kill = decode(KillSwitch, record.value)
            except ContractViolation:
                continue  # a kill that cannot be read must not stop the reader; routers report it
            kill = replace(kill, actor=kept(kill.actor), reason=kept(kill.reason))
            self._kills[kill.strategy] = kill
            if self._kills_are_known:
                for inbox in self._inboxes.values():
                    inbox.kills.append(kill)
        self._kills_at_end = at_end
        if at_end and not self._kills_are_known:
            self._kills_are_known = True
            for inbox in self._inboxes.values():
                known = inbox.state.kills
                inbox.kills += [k for name, k in self._kills.items() if known.get(name) != k]

    def flush(self, now_us: int) -> Sequence[Emit]:
        """Return a look of every partition when one has input, and at least once a second."""
        inboxes = self._inboxes.values()
        if not self._dead and not any(inbox.is_due(now_us) for inbox in inboxes):
            return ()
        emits = self._dead
        self._dead = []
        for inbox in inboxes:
            emits += self._look(inbox, now_us)
            while inbox.routers:  # those that did not fit into the record of one look
                emits += self._look(inbox, now_us)
            emits += self._snapshot(inbox, now_us)
        return emits

    def positions(self) -> Mapping[TopicPartition, int]:
        """Return the next offsets; never past a manifest that still misses parts."""
        return {
            TopicPartition(topic, number): offset
            for number, inbox in self._inboxes.items()
            for topic, offset in self._next_offsets(inbox).items()
        }

    def states(self) -> Mapping[int, PartitionState]:
        """Return the state of every owned partition, for telemetry and tests."""
        return {number: inbox.state for number, inbox in self._inboxes.items()}

    def _next_offsets(self, inbox: _Inbox) -> dict[str, int]:
        offsets = dict(inbox.positions)
        if inbox.part_offsets:
            offsets[METRICS.name] = min(inbox.part_offsets.values())
        return offsets

    def _take(self, inbox: _Inbox, batch: Batch, index: int) -> None:
        value = batch.values[index]
        match batch.partition.topic:
            case METRICS.name:
                self._take_part(inbox, decode(MetricsBatch, value), batch.offset(index))
            case COMMANDS.name:
                command = command_of(self._read_log(), batch.partition.partition, value)
                other = other_user(command, inbox.state.strategies.values(), inbox.commands)
                if other:
                    raise ContractViolation(f"command id {command.id!r} was used for {other!r}")
                inbox.commands.append(command)
            case _:
                status = decode(RouterStatus, value)
                check_place(self._read_log(), batch.partition, status.strategy)
                inbox.routers.add(RouterFact(status, batch.timestamps_ms[index]), len(value or b""))

    def _read_log(self) -> Log:
        assert self._log is not None, "recover comes first"
        return self._log

    def _take_part(self, inbox: _Inbox, part: MetricsBatch, offset: int) -> None:
        for partial in part.partials:
            problem = shape_problem(partial)
            if problem:
                raise ContractViolation(problem)
        whole = inbox.parts.add(part)
        if whole is None:
            inbox.part_offsets.setdefault(name_of(part), offset)
        else:
            inbox.manifests.append(whole)
        waiting = inbox.parts.waiting
        inbox.part_offsets = {n: at for n, at in inbox.part_offsets.items() if n in waiting}

    def _look(self, inbox: _Inbox, now_us: int) -> tuple[Emit, ...]:
        event = LookEvent(
            epoch=inbox.epoch,
            recorded_at_us=now_us + inbox.ahead_us,
            manifests=tuple(inbox.manifests),
            commands=tuple(inbox.commands),
            routers=inbox.routers.take(),
            kills=tuple(inbox.kills),
            at_end=inbox.commands_at_end and inbox.metrics_read and self._kills_at_end,
        )
        inbox.state, effects = step(inbox.state, event)
        for received in (inbox.manifests, inbox.commands, inbox.kills):
            received.clear()
        inbox.looked_at_us = now_us
        return effects

    def _snapshot(self, inbox: _Inbox, now_us: int) -> list[Emit]:
        if inbox.snapshot_at_us >= 0 and now_us - inbox.snapshot_at_us < SNAPSHOT_US:
            return []
        inbox.snapshot_at_us = now_us
        number = inbox.state.partition
        # the looks after this one, and what they decide, lie at or behind what are the ends now
        positions = self._next_offsets(inbox) | {
            topic: self._read_log().end_offset(TopicPartition(topic, number))
            for topic in (DECISION_INPUTS.name, DECISIONS.name)
        }
        made = snapshot(inbox.state, positions, inbox.written)
        inbox.written = made.written
        records: dict[str, object] = {part.part: part for part in made.changed}
        records |= dict.fromkeys(made.gone)
        return [
            Emit(DECISION_STATE.name, key_of(number, part), record, number)
            for part, record in records.items()
        ]
