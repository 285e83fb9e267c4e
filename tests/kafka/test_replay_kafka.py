"""The topics of a Kafka run tell everything: replayed in memory they give the same bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kafka.checks import of
from tests.kafka.day import Day
from tests.kafka.scenarios import SECOND
from tradecanary.processors.runtime.decision_recovery import Recovered, recover
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.rollout_view import strategy_view
from tradecanary.schemas.codec import encode
from tradecanary.schemas.topics import DECISION_INPUTS, DECISIONS, ROUTING_WEIGHTS, Topic
from tradecanary.states import states


@pytest.fixture(scope="module")
def replayed(day: Day) -> Recovered:
    """Give the fold of all looks of the day, on a log in memory."""
    log = MemoryLog(lambda: 0, executions=2, control=1)
    log.load(day.records)
    return recover(log, 0, from_start=True)


@pytest.mark.parametrize(
    "topic", [DECISIONS, DECISION_INPUTS, ROUTING_WEIGHTS], ids=lambda topic: topic.name
)
def test_replay_gives_the_same_bytes(day: Day, replayed: Recovered, topic: Topic) -> None:
    """Decisions, looks and weights are those on Kafka, over two lives of the decider."""
    made = [encode(effect.record) for effect in replayed.effects if effect.topic == topic.name]

    assert 2 == len({one.epoch for one in day.decisions(SECOND)})
    assert [record.value for record in of(day.records, topic.name)] == made


def test_snapshot_and_rest_equal_the_fold(day: Day, replayed: Recovered) -> None:
    """What a restarted decider (or `status`) recovers is the fold of everything."""
    assert [replayed.state] == list(states(day.operator.log))


def test_status_shows_the_fold(day: Day, replayed: Recovered) -> None:
    """`status --json`, after the day, shows each strategy as the replayed state has it."""
    assert day.pipeline is not None
    answer = day.pipeline.cli("status", "--json")
    shown = {one["strategy"]: one for one in map(json.loads, answer.stdout.splitlines())}
    state = replayed.state
    expected = {
        name: strategy_view(state, one, state.recorded_at_us)
        for name, one in state.strategies.items()
    }

    assert 0 == answer.returncode
    assert _lasting(expected) == _lasting(shown)


def _lasting(views: dict[str, Any]) -> dict[str, Any]:
    """The views as JSON has them, without what goes on with the clock."""
    plain: dict[str, Any] = json.loads(json.dumps(views))
    for view in plain.values():
        del view["data_age_s"], view["look_age_s"]
        for guard in view["rollout"]["guards"]:
            del guard["value"], guard["breached"]
    return plain
