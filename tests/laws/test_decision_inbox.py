"""What a decider makes of polls: whether it has seen all there is, and looks that fit a record."""

from __future__ import annotations

from tradecanary.processors.runtime.decision_task import IDLE_LOOK_US, DecisionTask
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import Polled, TopicPartition
from tradecanary.schemas.decisions import Look

NOW_US = 1_790_000_000_000_000
PLACES = frozenset(TopicPartition(topic, 0) for topic in DecisionTask.inputs)


class _Decider:
    """A DecisionTask that owns partition 0, and the time."""

    def __init__(self) -> None:
        self.now_us = NOW_US
        self.log = MemoryLog(lambda: self.now_us)
        self.task = DecisionTask()
        self.task.recover(PLACES, {}, self.log, self.now_us)

    def looks(self, polled: Polled, *, kills_at_end: bool = True) -> list[Look]:
        """Return the looks that follow a poll, a second after the last."""
        self.now_us += IDLE_LOOK_US
        self.task.absorb_side((), kills_at_end, self.now_us)
        self.task.absorb(polled, self.now_us)
        effects = self.task.flush(self.now_us)
        return [effect.record for effect in effects if isinstance(effect.record, Look)]


def test_an_end_is_as_of_the_last_poll() -> None:
    """When a poll no longer finds commands or kills at their end, leases are not renewed."""
    decider = _Decider()

    def at_end(*ends: TopicPartition, kills: bool = True) -> bool:
        (look,) = decider.looks(Polled((), frozenset(ends)), kills_at_end=kills)
        return look.at_end

    metrics, commands = (TopicPartition(topic, 0) for topic in DecisionTask.inputs[:2])
    assert not at_end(commands), "metrics were never read"
    assert at_end(commands, metrics)
    assert at_end(commands), "metrics flow all the time: their age is looked at"
    assert not at_end(metrics)
    assert at_end(commands)
    assert not at_end(commands, kills=False)
    assert at_end(commands)
