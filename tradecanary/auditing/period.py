"""What happened in a period, read from the topics: rollouts with all that concerns each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tradecanary.auditing.chains import Chains
from tradecanary.auditing.inputs import commands_of, is_refusal
from tradecanary.processors.auditing.findings import Finding
from tradecanary.processors.decision.policy import PolicyProblem
from tradecanary.processors.decision.spec import RolloutSpec, hash_of_arguments, read_spec
from tradecanary.processors.decision.transitions import ENDED
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.alerts import AlertAction, AlertDelivery
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.decisions import Decision, DecisionKind
from tradecanary.schemas.routing import Command, CommandKind, KillSwitch
from tradecanary.schemas.topics import ALERTS, COMMANDS, KILL_SWITCH

Row = dict[str, Any]
_SWITCHES = frozenset({DecisionKind.KILL, DecisionKind.UNKILL})


@dataclass(frozen=True, slots=True)
class Asked:
    """A command and the decision that answered it, None when none did."""

    command: Command
    answer: Decision | None

    @property
    def is_refused(self) -> bool:
        """Return whether the answer was that nothing changes."""
        return self.answer is not None and is_refusal(self.command, self.answer.reason)

    @property
    def result(self) -> str:
        """Return what came of it."""
        if self.answer is None:
            return "not answered"
        return "refused" if self.is_refused else "done"


@dataclass(slots=True)
class Rollout:
    """One rollout: its start, and its decisions and commands of the period, oldest first."""

    strategy: str
    rollout: str
    start: Command | None = None
    spec: RolloutSpec | None = None
    decisions: list[Decision] = field(default_factory=list)
    approvals: list[Asked] = field(default_factory=list)
    overrides: list[Asked] = field(default_factory=list)
    deliveries: list[AlertDelivery] = field(default_factory=list)

    @property
    def spec_hash(self) -> str | None:
        """Return the SHA-256 of the start command's arguments, None when it is not kept."""
        return hash_of_arguments(self.start.arguments) if self.start else None

    @property
    def outcome(self) -> Decision:
        """Return the decision that ended it, or the last one: an ended one may be asked again."""
        last = self.decisions[-1]
        ending = (one for one in self.decisions if one.status is last.status)
        return next(ending) if last.status in ENDED else last

    @property
    def kills(self) -> list[Decision]:
        """Return the decisions that the kill switch made."""
        return [one for one in self.decisions if one.kind in _SWITCHES]

    @property
    def alerts(self) -> set[tuple[str, AlertAction, int]]:
        """Return the alerts that were delivered or given up, one however many were to hear it."""
        alerts = (one.alert for one in self.deliveries)
        return {(alert.key, alert.action, alert.number) for alert in alerts}


@dataclass(slots=True)
class Period:
    """Everything of a period. `checked` counts all decisions that are kept, for the chain."""

    first_us: int
    until_us: int
    rollouts: dict[tuple[str, str], Rollout] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    switches: list[KillSwitch] = field(default_factory=list)
    deliveries: list[AlertDelivery] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    decisions: int = 0
    checked: int = 0

    def holds(self, time_us: int) -> bool:
        """Return whether a time lies in the period: from its first moment up to its end."""
        return self.first_us <= time_us < self.until_us


def read_period(
    log: Log, first_us: int, until_us: int, decided: Callable[[LogRecord, Decision], None]
) -> Period:
    """Return the period; `decided` is called with each of its decisions, oldest first a partition.

    Decisions are kept without the reference sums, which make most of their bytes.
    """
    period = Period(first_us, until_us)
    for partition in range(log.partitions(COMMANDS.name)):
        answers = _decisions(log, partition, period, decided)
        _commands(log, partition, period, answers)
        _deliveries(log, partition, period)
    period.switches = [one for one in _switches(log) if period.holds(one.time_us)]
    return period


def _decisions(
    log: Log, partition: int, period: Period, decided: Callable[[LogRecord, Decision], None]
) -> dict[str, Decision]:
    chains = Chains(log, partition)
    answers: dict[str, Decision] = {}
    for record, decision, found in chains.read():
        period.findings += found
        period.checked += 1
        if decision is None:
            continue
        light = replace(decision, evidence=replace(decision.evidence, reference=None))
        if light.command_id:
            answers.setdefault(light.command_id, light)
        if period.holds(light.time_us):
            decided(record, decision)
            period.decisions += 1
            key = light.strategy, light.rollout
            period.rollouts.setdefault(key, Rollout(*key)).decisions.append(light)
    period.findings += chains.finish()
    return answers


def _commands(log: Log, partition: int, period: Period, answers: dict[str, Decision]) -> None:
    seen: set[str] = set()
    for command in commands_of(log, partition):
        if command.id in seen:
            continue  # sent again; the first one was obeyed
        seen.add(command.id)
        asked = Asked(command, answers.get(command.id))
        if command.kind is CommandKind.START:
            _start(period, asked)
        if not period.holds(command.time_us):
            continue
        period.asked.append(asked)
        answer = asked.answer
        rollout = period.rollouts.get((command.strategy, answer.rollout)) if answer else None
        if rollout is None:
            continue
        if command.kind is CommandKind.APPROVE:
            rollout.approvals.append(asked)
        elif command.kind is not CommandKind.START:
            rollout.overrides.append(asked)


def _start(period: Period, asked: Asked) -> None:
    if asked.answer is None or asked.is_refused:
        return
    try:
        spec = read_spec(asked.command.arguments, asked.command.id)
    except PolicyProblem:
        return  # of an older version; the decision that answered it is there
    rollout = period.rollouts.get((asked.command.strategy, spec.rollout))
    if rollout is not None and rollout.start is None:
        rollout.start, rollout.spec = asked.command, spec


def _deliveries(log: Log, partition: int, period: Period) -> None:
    """Take in the alerts of the period's decisions, whenever their delivery ended."""
    place = TopicPartition(ALERTS.name, partition)
    for record in log.read(place, log.start_offset(place)):
        try:
            delivery = decode(AlertDelivery, record.value)
        except ContractViolation:
            continue  # only the alerting stage writes here, and nothing is decided by it
        alert = delivery.alert
        if not period.holds(alert.time_us):
            continue
        period.deliveries.append(delivery)
        rollout = period.rollouts.get((alert.strategy, alert.rollout))
        if rollout is not None:
            rollout.deliveries.append(delivery)


def _switches(log: Log) -> Iterator[KillSwitch]:
    """Yield what `kill-switch` holds: the newest of each, and what is not compacted yet."""
    place = TopicPartition(KILL_SWITCH.name, 0)
    for record in log.read(place, log.start_offset(place)):
        try:
            yield decode(KillSwitch, record.value)
        except ContractViolation:
            continue  # routers report it
