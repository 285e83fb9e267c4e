"""What looks name, read forward from the log as they name it: memory does not grow with the topics.

A decider takes records in the order of the log, so whoever goes through its looks finds them in
about that order; what it read twice (it crashed between) lies a few records back.
"""

from __future__ import annotations

from collections.abc import Iterator

from tradecanary.processors.decision.replay import ManifestName, Parts, name_of
from tradecanary.processors.decision.texts import kept
from tradecanary.processors.runtime.decision_recovery import command_of
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.routing import Command
from tradecanary.schemas.topics import COMMANDS, METRICS

_MANIFESTS_KEPT = 256
_COMMANDS_KEPT = 1_000


class Manifests:
    """The manifests of a metrics partition by name (`ByName`)."""

    def __init__(self, log: Log, partition: int) -> None:
        """Read nothing yet."""
        place = TopicPartition(METRICS.name, partition)
        self._records = log.read(place, log.start_offset(place))
        self._parts = Parts()
        self._kept: dict[ManifestName, MetricsBatch] = {}
        self._newest: dict[str, ManifestName] = {}

    def __getitem__(self, name: ManifestName, /) -> MetricsBatch:
        """Return the manifest; raise KeyError when it is not there.

        A slot numbers its manifests, so what lies behind the newest read of its slot is not there,
        and the rest need not be read to know it.
        """
        while name not in self._kept:
            if self._newest.get(name[0], name) > name:
                raise KeyError(name)
            whole = self._next()
            if whole is None:
                raise KeyError(name)
            read = name_of(whole)
            self._newest[whole.slot] = max(self._newest.get(whole.slot, read), read)
            self._kept[read] = whole
            if len(self._kept) > _MANIFESTS_KEPT:
                del self._kept[next(iter(self._kept))]
        return self._kept[name]

    def _next(self) -> MetricsBatch | None:
        for record in self._records:
            try:
                whole = self._parts.add(decode(MetricsBatch, record.value))
            except ContractViolation:
                continue  # the live decider sent it to dead letters
            if whole is not None:
                return whole
        return None


class Commands:
    """The commands of a partition by id (`ByName`); of two with one id the first was obeyed."""

    def __init__(self, log: Log, partition: int) -> None:
        """Read nothing yet."""
        self._commands = commands_of(log, partition)
        self._kept: dict[str, Command] = {}

    def __getitem__(self, name: str, /) -> Command:
        """Return the command; raise KeyError when it is not there."""
        while name not in self._kept:
            command = next(self._commands, None)
            if command is None:
                raise KeyError(name)
            self._kept.setdefault(command.id, command)
            if len(self._kept) > _COMMANDS_KEPT:
                del self._kept[next(iter(self._kept))]
        return self._kept[name]


def is_refusal(command: Command, answer: str) -> bool:
    """Return whether the reason of the decision that answered is that nothing changes.

    People's own words stand before it, and may say anything.
    """
    actor, reason = kept(command.actor), kept(command.reason)
    return answer.startswith(f"{command.kind.value} by {actor}: {reason}; refused: ")


def commands_of(log: Log, partition: int) -> Iterator[Command]:
    """Yield the commands of a partition; what cannot be read went to dead letters."""
    place = TopicPartition(COMMANDS.name, partition)
    for record in log.read(place, log.start_offset(place)):
        try:
            yield command_of(log, partition, record.value)
        except ContractViolation:
            continue
