"""Who obeys a kill switch: the routers heard shortly before it was written, and any heard since.

Shortly before is counted back from the newest status of any router, in the broker's time: the
switch bears only the time of the host that wrote it, whose clock may be wrong by hours. So where
every router is gone, those that were there last are named.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.routing import EVERYWHERE, KillSwitch, RouterStatus
from tradecanary.schemas.topics import ROUTER_STATUS
from tradecanary.schemas.units import US_PER_MS, US_PER_S

HEARD_US = 10 * US_PER_S
"""A router says how it stands each second; one silent so much longer is not waited for."""
_LOOK_BACK = 20_000
"""At most so many statuses of a partition are read to know who was there."""
_NAMED = 10


@dataclass(frozen=True, slots=True)
class KillAnswer:
    """Routers heard, and those that do not say that they obey, as `strategy/router`, sorted.

    `problem`: why they could not be asked, empty when they could; the switch is written all the
    same.
    """

    heard: int
    missing: tuple[str, ...] = ()
    problem: str = ""

    @property
    def obeying(self) -> int:
        """How many say that they obey."""
        return self.heard - len(self.missing)

    @property
    def is_obeyed(self) -> bool:
        """Return whether any was heard, and all that were obey."""
        return self.heard > 0 and not self.missing


def said_of(answer: KillAnswer) -> str:
    """Return it in words: how many obey, and who does not."""
    if answer.problem:
        return f"nobody could be asked who obeys: {answer.problem}"
    obey = f"{answer.obeying} of {answer.heard} routers obey"
    if not answer.missing:
        return obey
    rest = len(answer.missing) - _NAMED
    names = ", ".join(answer.missing[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
    return f"{obey}, not (yet): {names}"


class RollCall:
    """Asks the routers by reading what they say of themselves; make it after the switch is written.

    A status that was written before the switch was does not tell whether its router obeys.
    """

    def __init__(self, log: Log, switch: KillSwitch) -> None:
        """Find who was there; raises Unavailable when the log does not answer."""
        self._log = log
        self._switch = switch
        self._obeys: dict[str, bool] = {}
        self._next = {
            place: log.end_offset(place)
            for number in range(log.partitions(ROUTER_STATUS.name))
            for place in [TopicPartition(ROUTER_STATUS.name, number)]
        }
        recent: list[LogRecord] = []
        for place, end in self._next.items():
            first = max(log.start_offset(place), end - _LOOK_BACK)
            recent += _newest(log.read(place, first, end))
        for record in _newest(sorted(recent, key=lambda one: one.timestamp_ms)):
            self._note(record, obeys=False)

    def poll(self) -> KillAnswer:
        """Take in what routers said since; return how it stands. Raises Unavailable."""
        for place, start in self._next.items():
            for record in self._log.read(place, start):
                self._next[place] = record.offset + 1
                self._note(record, obeys=True)
        missing = sorted(name for name, obeys in self._obeys.items() if not obeys)
        return KillAnswer(len(self._obeys), tuple(missing))

    def _note(self, record: LogRecord, *, obeys: bool) -> None:
        try:
            status = decode(RouterStatus, record.value)
        except ContractViolation:
            return  # the decider reports it
        if self._switch.strategy in {EVERYWHERE, status.strategy}:
            name = f"{status.strategy}/{status.router}"
            self._obeys[name] = obeys and status.killed == self._switch.killed


def _newest(records: Iterable[LogRecord]) -> Iterable[LogRecord]:
    """Return those at most HEARD_US older than the last one, by the broker's append time."""
    kept: deque[LogRecord] = deque()
    for record in records:
        kept.append(record)
        while record.timestamp_ms - kept[0].timestamp_ms > HEARD_US // US_PER_MS:
            kept.popleft()
    return kept
