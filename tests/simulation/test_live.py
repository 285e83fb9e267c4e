"""Whoever follows a living decider sees the state that it has, at every look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulation.worlds import Rollout
from tradecanary.live import Live
from tradecanary.processors.runtime.decision_following import Following
from tradecanary.processors.runtime.decision_recovery import recover
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.topics import COMMANDS, METRICS


def test_following_equals_recovery_at_every_look() -> None:
    """From the start to the end of a rollout, look by look, and from any look on."""
    rollout = Rollout.begin()
    log = rollout.world.log
    early = Following(log, 0)
    for _ in range(12):
        rollout.world.run_for(1)
        assert early.refresh()
        assert recover(log, 0).state == early.state
        late = Following(log, 0)
        late.refresh()
        assert early.state == late.state
        assert not early.refresh()


def test_what_is_kept_does_not_grow_with_time() -> None:
    """Manifests are dropped once they are folded."""
    rollout = Rollout.begin()
    following = Following(rollout.world.log, 0)
    kept = []
    for _ in range(12):
        rollout.world.run_for(2)
        following.refresh()
        kept.append(len(following._manifests))

    assert max(kept) <= 2


def test_decisions_come_once_and_in_their_sequence() -> None:
    """However often it is refreshed."""
    rollout = Rollout.begin()
    live = Live(rollout.world.log)
    for _ in range(12):
        rollout.world.run_for(2)
        live.refresh()
        live.refresh()
    (decisions,) = live.decisions.values()

    assert list(range(decisions[0].number, decisions[-1].number + 1)) == [
        each.number for each in decisions
    ]
    assert [rollout.world.decision.states()[0]] == list(live.states)


class _Failing:
    """A log; the next read of one topic fails."""

    def __init__(self, log: Any) -> None:  # noqa: ANN401 - whatever the world has
        self._log = log
        self.fails = ""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the log has
        return getattr(self._log, name)

    def read(
        self, partition: TopicPartition, start: int = 0, end: int | None = None
    ) -> Iterator[LogRecord]:
        """Yield half of the records and then nothing more, where it fails."""
        records = list(self._log.read(partition, start, end))
        if partition.topic != self.fails:
            yield from records
            return
        self.fails = ""
        yield from records[: len(records) // 2]
        raise Unavailable("the log went away")


@pytest.mark.parametrize("topic", [METRICS.name, COMMANDS.name, "decision-inputs", "decisions"])
def test_an_outage_in_the_middle_loses_nothing(topic: str) -> None:
    """The next refresh goes on from where the last one was."""
    rollout = Rollout.begin()
    failing = _Failing(rollout.world.log)
    found: Any = failing
    live = Live(found)
    failing.fails = topic
    rollout.world.run_for(5)
    with pytest.raises(Unavailable):
        live.refresh()
    rollout.world.run_for(5)
    live.refresh()

    assert [rollout.world.decision.states()[0]] == list(live.states)
    (decisions,) = live.decisions.values()
    assert list(range(decisions[0].number, decisions[-1].number + 1)) == [
        each.number for each in decisions
    ]
