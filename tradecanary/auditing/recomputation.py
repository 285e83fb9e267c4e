"""Every look of a control partition taken again: what must stand in `decisions`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tradecanary.auditing.past import Past
from tradecanary.processors.auditing.findings import Finding, What
from tradecanary.processors.auditing.support import ALWAYS, Made, Support, as_written, facts_of
from tradecanary.processors.decision.model import PartitionState
from tradecanary.processors.decision.replay import Unrecorded, event_of
from tradecanary.processors.decision.step import initial, step
from tradecanary.processors.runtime.decision_reading import Commands, Manifests
from tradecanary.processors.runtime.decision_recovery import headers_of
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.decisions import Decision, Look
from tradecanary.schemas.topics import COMMANDS, DECISION_INPUTS, DECISIONS, METRICS

Progress = Callable[[int], None]
"""Told the offset that was reached."""


@dataclass(slots=True)
class Recomputation:
    """What taking the looks below offset `end` of one partition again gave.

    `first_look`: the first one that could be taken again, and `first_us` when it was taken.
    `stopped`: why it ended before the last look, an empty text if it did not. `is_gone`: retention
    has taken every look there was.
    """

    support: Support
    end: int
    looks: int = 0
    first_look: int = 0
    first_us: int = 0
    stopped: str = ""
    is_gone: bool = False
    findings: list[Finding] = field(default_factory=list)


def recompute(log: Log, partition: int, end: int, progress: Progress) -> Recomputation:
    """Take the looks below offset `end` of `decision-inputs` again.

    The caller takes `end` before anything else is read: what a look names was written before it.
    """
    return _Fold(log, partition, end).run(progress)


class _Fold:
    def __init__(self, log: Log, partition: int, end: int) -> None:
        self._log = log
        self._partition = partition
        self._manifests = Manifests(log, partition)
        self._commands = Commands(log, partition)
        self._headers = headers_of(log.read(TopicPartition(DECISIONS.name, partition)))
        self._found = Recomputation(Support(partition), end)
        self._past: Past | None = None

    def run(self, progress: Progress) -> Recomputation:
        found = self._found
        place = TopicPartition(DECISION_INPUTS.name, self._partition)
        start = self._log.start_offset(place)
        state: PartitionState | None = None
        for record in self._log.read(place, start, found.end):
            try:
                look = decode(Look, record.value)
            except ContractViolation as broken:
                self._stop(What.UNREADABLE, record, state, "a look", str(broken))
                break
            if state is None:
                state = self._begin(look)
            if look.number != state.look + 1:
                self._stop(
                    What.INPUT_REMOVED,
                    record,
                    state,
                    f"look {state.look + 1}",
                    f"look {look.number}",
                )
                break
            after = self._look(state, look, record)
            if after is None:
                break
            state = after
            progress(record.offset + 1)
        support = found.support
        found.is_gone = state is None and start > 0 and not found.stopped
        support.last = state.look if state is not None else 0
        # the last look's decisions may not show yet: a log ends topic after topic
        support.until = support.last if found.stopped else support.last - 1
        return found

    def _begin(self, look: Look) -> PartitionState:
        found, number = self._found, self._partition
        found.first_look, found.first_us = look.number, look.recorded_at_us
        state = initial(number)
        if look.number == 1 and not any(
            self._log.start_offset(TopicPartition(topic, number))
            for topic in (METRICS.name, COMMANDS.name)
        ):
            found.support.since_all = ALWAYS
            return state
        self._past = Past(self._log, number)
        return self._past.settle(_moved(state, look, look.number - 1), {})

    def _look(self, state: PartitionState, look: Look, record: LogRecord) -> PartitionState | None:
        """Return the state after the look, None when it cannot be taken again."""
        found = self._found
        try:
            event = event_of(look, self._manifests, self._commands, self._headers)
        except Unrecorded as missing:
            if self._past is None or self._past.known:
                texts = ("every record that the look names", str(missing))
                self._stop(What.INPUT_REMOVED, record, state, *texts)
                return None
            return self._past.settle(_moved(state, look, look.number), {})
        if not found.looks:
            found.first_look, found.first_us = look.number, look.recorded_at_us
        found.looks += 1
        after, effects = step(state, event)
        made: dict[str, list[Decision]] = {}
        for effect in effects:
            if isinstance(effect.record, Decision):
                decision = as_written(effect.record, event.decision_header)
                made.setdefault(decision.strategy, []).append(decision)
        if self._past is not None:
            before = set(self._past.known)
            after = self._past.settle(after, made)
            for name in self._past.known - before:
                found.support.since[name] = look.number
            made = {name: decided for name, decided in made.items() if name in self._past.known}
        for name, decided in made.items():
            found.support.made[name, look.number] = [
                Made(record.offset, facts_of(one)) for one in decided
            ]
        return after

    def _stop(
        self, what: What, record: LogRecord, state: PartitionState | None, expected: str, was: str
    ) -> None:
        place = (record.topic, record.partition, record.offset)
        self._found.findings.append(Finding(what, *place, "", expected, was))
        reached = state.look if state is not None else 0
        self._found.stopped = f"after look {reached}: {was}"


def _moved(state: PartitionState, look: Look, number: int) -> PartitionState:
    """Return the state of a decider that was there all along but saw nothing."""
    return replace(state, look=number, epoch=look.epoch, recorded_at_us=look.recorded_at_us)
