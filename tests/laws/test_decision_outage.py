"""A decider that was away for long: its way back takes no longer, and it catches up unarmed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.counting import Clock
from tests.deciding import (
    NAMES,
    PARTITIONS,
    Market,
    assert_recomputed,
    decisions_of,
    looks_of,
    new_decider,
    settle,
)
from tradecanary.processors.decision.replay import named
from tradecanary.processors.runtime.decision_following import Following
from tradecanary.processors.runtime.decision_recovery import recover
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.router_facts import LOOK_BYTES
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.decisions import DecisionKind, RolloutStatus
from tradecanary.schemas.routing import CommandKind
from tradecanary.schemas.topics import COMMANDS, DECISION_INPUTS, METRICS
from tradecanary.schemas.units import US_PER_S

HERE = min(NAMES)
RISING = {
    DecisionKind.START,
    DecisionKind.INCREASE,
    DecisionKind.PROMOTE,
    DecisionKind.FINISH,
}


class _Counted:
    """A log that counts which topics' records were read without a group."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.read_of: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the log has
        return getattr(self._log, name)

    def read(
        self, partition: TopicPartition, start: int = 0, end: int | None = None
    ) -> Iterator[LogRecord]:
        """Yield what the log has."""
        for record in self._log.read(partition, start, end):
            self.read_of[partition.topic] += 1
            yield record


class Outage:
    """A rollout that runs, and a decider that dies without a word."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog(self.clock, control=PARTITIONS)
        self.market = Market(self.log, self.clock, HERE)
        runner = new_decider(self.log, self.clock)
        self.trade(4)
        settle(runner, self.clock, 4)
        self.market.start()
        for _ in range(13):
            self.trade(1)
            runner.step()
            runner.step()

    def trade(self, seconds: int) -> None:
        """Let the market go on, with no decider to look."""
        for _ in range(seconds):
            self.clock.us += US_PER_S
            self.market.trade()

    def counted(self) -> Any:  # noqa: ANN401 - stands for a log
        """Return the log with a count of what is read from now on."""
        return _Counted(self.log)


def test_the_way_back_does_not_grow_with_the_outage() -> None:
    """Of what came after the last look nothing is read, by a new decider or by who follows it."""
    outage = Outage()
    read = []
    states = []
    for away_s in (0, 10, 300):
        outage.trade(away_s)
        outage.market.command(CommandKind.FREEZE)
        for way_back in (lambda log: recover(log, HERE).state, _followed):
            log = outage.counted()
            states.append(way_back(log))
            read.append((log.read_of[METRICS.name], log.read_of[COMMANDS.name]))
    since_snapshot = [name for look in looks_of(outage.log, HERE) for name in named(look)]

    assert 1 == len(set(read)), "the same records, however long it was"
    assert 0 < read[0][0] <= len(since_snapshot)
    assert states[:1] * 6 == states
    assert recover(outage.log, HERE, from_start=True).state == states[0]


def _followed(log: Any) -> object:  # noqa: ANN401 - stands for a log
    following = Following(log, HERE)
    following.refresh()
    return following.state


@pytest.mark.parametrize("away_s", [60, 400])
def test_nothing_rises_while_it_catches_up(away_s: int) -> None:
    """Looks are as small as ever, and the rollout goes on only when all was read."""
    outage = Outage()
    before = looks_of(outage.log, HERE)[-1].number
    outage.trade(away_s)
    for _ in range(60):
        outage.market.command(CommandKind.REARM)
    settle(new_decider(outage.log, outage.clock), outage.clock, away_s + 60)
    looks = {look.number: look for look in looks_of(outage.log, HERE) if look.number > before}
    behind = [look for look in looks.values() if not look.at_end]
    made = [one for one in decisions_of(outage.log, HERE) if one.look in looks]
    records = outage.log.read(TopicPartition(DECISION_INPUTS.name, HERE))

    assert len(behind) > 3, "it took several looks to catch up"
    assert max(len(record.value or b"") for record in records) < 2 * LOOK_BYTES
    assert not [one for one in made if one.kind in RISING and not looks[one.look].at_end]
    assert [one for one in made if one.kind in RISING], "and then it went on"
    assert RolloutStatus.HALTED not in {one.status for one in made}
    assert_recomputed(outage.market)
