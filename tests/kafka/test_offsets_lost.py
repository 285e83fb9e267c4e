"""Brokers that have forgotten the decider's group, as they do after `offsets.retention.minutes`."""

from __future__ import annotations

import signal
from collections import Counter

from confluent_kafka.admin import AdminClient

from tests.kafka.pipeline import Pipeline
from tests.kafka.waiting import wait_until
from tradecanary.processors.runtime.decision_task import DecisionTask
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.routing import CommandKind
from tradecanary.schemas.topics import DECISIONS

STRATEGY = "momentum"
MORE_THAN_REMEMBERED = 120


def _answers(pipeline: Pipeline) -> Counter[str]:
    made = pipeline.every(DECISIONS.name, Decision)
    return Counter(one.command_id for one in made if one.command_id)


def _decided(pipeline: Pipeline, last: str) -> None:
    """Run a decider until a command is answered, and stop it."""
    stage = pipeline.stage("decision")
    wait_until(lambda: _answers(pipeline)[last], "the last answer", said=stage.said)
    stage.signal(signal.SIGTERM)
    assert 0 == stage.wait(), stage.said()


def test_every_command_is_answered_once(pipeline: Pipeline) -> None:
    """Also those that are beyond what a strategy remembers."""
    kinds = (CommandKind.FREEZE, CommandKind.UNFREEZE)
    told = [pipeline.command(STRATEGY, kinds[number % 2]) for number in range(MORE_THAN_REMEMBERED)]
    _decided(pipeline, told[-1])
    admin = AdminClient({"bootstrap.servers": pipeline.servers})
    group = pipeline.prefix + DecisionTask.name
    admin.delete_consumer_groups([group])[group].result(20)
    told.append(pipeline.command(STRATEGY, CommandKind.FREEZE))
    _decided(pipeline, told[-1])

    assert Counter(told) == _answers(pipeline)
