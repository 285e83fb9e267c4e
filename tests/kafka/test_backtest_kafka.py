"""The topics of a run on Kafka are a record: what ran live is taken again, to the byte."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.kafka.checks import of
from tests.kafka.day import Day
from tests.kafka.scenarios import CRASHING, FAULTY, HEALTHY, PROMOTED, SECOND
from tradecanary.backtesting.backtest import Choice, backtest
from tradecanary.backtesting.live import folded
from tradecanary.backtesting.result import GRID, RECORDED_LOOKS
from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.runtime.kafka_log import KafkaLog
from tradecanary.schemas.codec import encode
from tradecanary.schemas.decisions import DecisionKind
from tradecanary.schemas.topics import DECISION_INPUTS, DECISIONS, EXECUTIONS, ROUTING_WEIGHTS

_STRATEGIES = (PROMOTED, SECOND, CRASHING.strategy, *(one.strategy for one in FAULTY))


@pytest.fixture(scope="module")
def log(day: Day) -> Iterator[KafkaLog]:
    """Give a log of its own on the day's topics."""
    assert day.pipeline is not None
    found = KafkaLog({"bootstrap.servers": day.pipeline.servers}, prefix=day.pipeline.prefix)
    yield found
    found.close()


def test_recounted_executions_give_the_live_bytes(day: Day, log: KafkaLog) -> None:
    """Every decision, look and weight of the day, over two lives of aggregator and decider."""
    looks = list(folded(log, 0))
    effects = [effect for look in looks for effect in look.effects]

    for topic in (DECISIONS, DECISION_INPUTS, ROUTING_WEIGHTS):
        made = [encode(one.record) for one in effects if one.topic == topic.name]
        assert [record.value for record in of(day.records, topic.name)] == made
    events = sum(len(of(day.records, EXECUTIONS.name, number)) for number in range(2))
    assert 0.9 * events < looks[-1].events <= events


@pytest.mark.parametrize("strategy", _STRATEGIES)
def test_every_strategys_policy_is_taken_again(day: Day, log: KafkaLog, strategy: str) -> None:
    """Its decisions are those of the topic; the outcome is that of the day.

    Up to its last decision: that none comes after it is in the bytes of the whole day, above.
    """
    live = day.decisions(strategy)
    found = backtest(log=log, choice=Choice(strategy=strategy, last_us=live[-1].time_us))

    assert found.same_as_live
    assert {RECORDED_LOOKS} == {one.how for one in found.policies}
    assert live == [made for one in found.policies for made in one.decided]


def test_another_policy_is_tried_on_the_grid(log: KafkaLog) -> None:
    """A slower ramp below the recorded weights, on what the topic holds of the healthy canary.

    How it ends is not asked: a hundred thinned orders of a live run differ from run to run.
    """
    ramp = [dict(phase) for phase in HEALTHY["ramp"]]
    ramp[0] |= {"weight_bp": 500}
    other = Policy.model_validate(HEALTHY | {"name": "smaller", "ramp": ramp})
    found = backtest([other], log=log, choice=Choice(strategy=PROMOTED))
    (one,) = found.policies

    assert GRID == one.how
    assert one.thinned > 0
    assert 0 == found.counts.bad
    (started,) = (made for made in one.decided if made.kind is DecisionKind.START)
    assert [9_500, 500] == [weight.weight_bp for weight in started.after.cells[0].weights]


def test_the_command_line_reads_the_topic(day: Day) -> None:
    """`--topic executions` without a policy: what ran live, and that it is the same."""
    assert day.pipeline is not None
    answer = day.pipeline.cli(
        "backtest", "--topic", "executions", "--strategy", SECOND, "--json", timeout_s=120
    )
    said = json.loads(answer.stdout)
    hashes = [made["hash"] for made in said["policies"][0]["decisions"]]

    assert 0 == answer.returncode, answer.stderr
    assert said["same_as_live"]
    assert [one.hash for one in day.decisions(SECOND)] == hashes
