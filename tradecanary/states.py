"""What the decider knew at its last recorded look, and kill switches as written; read once.

Apart from the operator's hands: those must move at once, and this takes the whole stage with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tradecanary.kill_switches import KillSwitches, overlaid
from tradecanary.processors.decision.model import PartitionState, StrategyState
from tradecanary.processors.runtime.decision_recovery import recover
from tradecanary.processors.runtime.log import Log
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.routing import KillSwitch
from tradecanary.schemas.topics import COMMANDS


def states(log: Log) -> Iterator[PartitionState]:
    """Yield the decider's state of every control partition; raises Unavailable."""
    switches = _switches(log)
    for number in range(log.partitions(COMMANDS.name)):
        yield overlaid(recover(log, number).state, switches)


def state_of(log: Log, strategy: str) -> tuple[PartitionState, StrategyState | None]:
    """Return the state of the strategy's partition, and the strategy's if it is known."""
    partition = partition_of(strategy.encode(), log.partitions(COMMANDS.name))
    state = overlaid(recover(log, partition).state, _switches(log))
    return state, state.strategies.get(strategy)


def _switches(log: Log) -> dict[str, KillSwitch]:
    found = KillSwitches(log)
    found.refresh()
    return found.newest
