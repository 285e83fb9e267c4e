"""A living pipeline as people watch it: states, decisions and kill switches, kept up to date."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from tradecanary.kill_switches import KillSwitches, overlaid
from tradecanary.processors.decision.model import PartitionState
from tradecanary.processors.runtime.decision_following import Following
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.codec import decode
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.topics import COMMANDS, DECISIONS

KEPT_DECISIONS = 100
"""A strategy's newest decisions are kept in memory, some 11 KiB each; `history` reads all."""
_FIRST_READ = 20_000
"""So far back in a partition of `decisions` a new reader begins."""


class Live:
    """Everything that a screen shows, read from topics alone; for one thread."""

    def __init__(self, log: Log) -> None:
        """Follow every partition of `log`; raises Unavailable when it does not answer."""
        self._log = log
        partitions = range(log.partitions(COMMANDS.name))
        self._following = [Following(log, number) for number in partitions]
        self._places = [TopicPartition(DECISIONS.name, number) for number in partitions]
        self._positions = {
            place: max(log.start_offset(place), log.end_offset(place) - _FIRST_READ)
            for place in self._places
        }
        self._decisions: dict[str, deque[Decision]] = {}
        self._switches = KillSwitches(log)

    @property
    def states(self) -> tuple[PartitionState, ...]:
        """The state of every partition as of its last recorded look, kills as they are written."""
        return tuple(overlaid(each.state, self._switches.newest) for each in self._following)

    @property
    def decisions(self) -> Mapping[str, tuple[Decision, ...]]:
        """Each strategy's newest decisions, oldest first, at most KEPT_DECISIONS of them."""
        return {strategy: tuple(kept) for strategy, kept in self._decisions.items()}

    def refresh(self) -> bool:
        """Take in what was recorded since the last call; return whether anything was.

        Raises Unavailable when the log does not answer; the next call goes on from there.
        """
        moved = [each.refresh() for each in self._following]
        decided = [self._read(place) for place in self._places]
        switched = self._switches.refresh()
        return any(moved) or any(decided) or switched

    def _read(self, place: TopicPartition) -> bool:
        start = self._positions[place]
        for record in self._log.read(place, start):
            decision = decode(Decision, record.value)
            kept = self._decisions.setdefault(decision.strategy, deque(maxlen=KEPT_DECISIONS))
            kept.append(decision)
            self._positions[place] = record.offset + 1
        return self._positions[place] > start
