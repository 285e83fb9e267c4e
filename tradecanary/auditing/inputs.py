"""The commands that deciders heard, for whoever audits what became of them."""

from __future__ import annotations

from collections.abc import Iterator

from tradecanary.processors.decision.texts import kept
from tradecanary.processors.runtime.decision_reading import command_of
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.codec import ContractViolation
from tradecanary.schemas.routing import Command
from tradecanary.schemas.topics import COMMANDS


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
