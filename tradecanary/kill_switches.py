"""The kill switches as they are written: routers obey them, whether a decider has seen them or not.

The decider's recorded state knows of a kill from its next look on. Whoever looks while no decider
runs must see it all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tradecanary.processors.decision.model import PartitionState
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.routing import EVERYWHERE, KillSwitch
from tradecanary.schemas.topics import KILL_SWITCH


class KillSwitches:
    """Each strategy's newest switch, and that of all (`*`), read on from call to call."""

    def __init__(self, log: Log) -> None:
        """Begin before the first record; raises Unavailable when the log does not answer."""
        self._log = log
        self._next = {
            place: log.start_offset(place)
            for number in range(log.partitions(KILL_SWITCH.name))
            for place in [TopicPartition(KILL_SWITCH.name, number)]
        }
        self.newest: dict[str, KillSwitch] = {}

    def refresh(self) -> bool:
        """Take in what was written since; return whether anything was. Raises Unavailable."""
        moved = False
        for place, start in self._next.items():
            for record in self._log.read(place, start):
                moved, self._next[place] = True, record.offset + 1
                try:
                    switch = decode(KillSwitch, record.value)
                except ContractViolation:
                    continue  # the decider reports it
                self.newest[switch.strategy] = switch
        return moved


def ruling(switches: Mapping[str, KillSwitch], strategy: str) -> KillSwitch | None:
    """Return the switch that kills `strategy`: that of all before its own; None when none does."""
    for name in (EVERYWHERE, strategy):
        found = switches.get(name)
        if found is not None and found.killed:
            return found
    return None


def overlaid(state: PartitionState, switches: Mapping[str, KillSwitch]) -> PartitionState:
    """Return the state with the switches as they are written."""
    kills = {**state.kills, **switches}
    if kills == state.kills:
        return state
    strategies = {
        name: replace(known, killed=ruling(kills, name) is not None)
        for name, known in state.strategies.items()
    }
    return replace(state, kills=kills, strategies=strategies)
