"""The commands that deciders heard, for whoever audits what became of them."""

from __future__ import annotations

from collections.abc import Iterator

from tradecanary.processors.runtime.decision_reading import command_of
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.codec import ContractViolation
from tradecanary.schemas.routing import Command
from tradecanary.schemas.topics import COMMANDS


def commands_of(log: Log, partition: int) -> Iterator[Command]:
    """Yield the commands of a partition; what cannot be read went to dead letters."""
    place = TopicPartition(COMMANDS.name, partition)
    for record in log.read(place, log.start_offset(place)):
        try:
            yield command_of(log, partition, record.value)
        except ContractViolation:
            continue
