"""The decider's state of a partition, folded on as its looks are recorded; nothing is written.

Status, watch and dashboard follow a living decider so: the newest snapshot once, then each recorded
look with the records it names, each read once.
"""

from __future__ import annotations

from dataclasses import replace

from tradecanary.processors.decision.model import PartitionState
from tradecanary.processors.decision.replay import Unrecorded, event_of
from tradecanary.processors.decision.snapshot import restore
from tradecanary.processors.decision.step import initial, step
from tradecanary.processors.runtime.decision_reading import Commands, Manifests
from tradecanary.processors.runtime.decision_recovery import headers_of, parts_from
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.codec import decode
from tradecanary.schemas.decisions import Decision, Look
from tradecanary.schemas.topics import COMMANDS, DECISION_INPUTS, DECISIONS, METRICS


class Following:
    """One partition's state; `refresh` takes in what was recorded since."""

    def __init__(self, log: Log, partition: int) -> None:
        """Follow `partition` of `log` from its newest snapshot, or from its start without one."""
        self._log = log
        self._partition = partition
        self._begin()

    @property
    def state(self) -> PartitionState:
        """The state after the last look that was folded."""
        return self._state

    def refresh(self) -> bool:
        """Fold the looks recorded since the last call; return whether there were any.

        Raises Unavailable, and Unrecorded when a look names a record that no topic keeps.
        """
        try:
            return self._fold()
        except Unrecorded:
            # It fell behind retention, or a look names again what was read before: begin anew.
            self._begin()
            return self._fold()

    def _begin(self) -> None:
        parts = parts_from(self._log, self._partition)
        state, positions = restore(parts.values()) or (initial(self._partition), {})
        self._state = state
        self._positions = dict(positions)
        self._manifests = Manifests(self._log, self._partition, positions.get(METRICS.name))
        self._commands = Commands(self._log, self._partition, positions.get(COMMANDS.name))
        self._headers: dict[int, bytes] = {}
        self._looks: list[Look] = []  # read, and not folded yet: what they name may not answer

    def _fold(self) -> bool:
        self._looks += (decode(Look, record.value) for record in self._new(DECISION_INPUTS.name))
        looks = [look for look in self._looks if look.number > self._state.look]
        try:
            for look in looks:
                self._state = self._after(look)
        finally:
            self._manifests.pause()
            self._commands.pause()
        self._looks.clear()
        self._manifests.forget()
        self._commands.forget()
        return bool(looks)

    def _after(self, look: Look) -> PartitionState:
        event = event_of(look, self._manifests, self._commands)
        after, effects = step(self._state, event)
        if not any(isinstance(effect.record, Decision) for effect in effects):
            return after
        self._headers |= headers_of(self._new(DECISIONS.name))
        header = self._headers.pop(look.number, b"")
        return step(self._state, replace(event, decision_header=header))[0] if header else after

    def _new(self, topic: str) -> list[LogRecord]:
        """Return the records of a topic since the last call; its position moves only with all."""
        place = TopicPartition(topic, self._partition)
        start = self._positions.get(topic)
        if start is None:
            start = self._log.start_offset(place)
        records = list(self._log.read(place, start))
        self._positions[topic] = records[-1].offset + 1 if records else start
        return records
