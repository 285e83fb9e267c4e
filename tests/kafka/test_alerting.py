"""Alerting as a process on a real Kafka: killed, without its broker, without its receivers."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.alerted import WAIT_S, Receiver, decision
from tests.kafka.broker import Broker
from tests.kafka.pipeline import TRADECANARY, Pipeline
from tests.kafka.process import Process
from tests.kafka.waiting import wait_until
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.schemas.alerts import AlertDelivery, DeliveryOutcome
from tradecanary.schemas.codec import encode
from tradecanary.schemas.decisions import Decision, DecisionKind
from tradecanary.schemas.topics import ALERTS, DECISIONS

_DEADLINE_S = 60.0
_OUTAGE_S = float(os.environ.get("ALERT_OUTAGE_S", "0"))
"""So long both are away at least: 60 takes two minutes more, and shows the same."""
_SECRET = "s3cret-of-the-page"
_KINDS = (DecisionKind.START, DecisionKind.HALT, DecisionKind.RESUME)
_TELLS = {"hook": 4, "desk": 3, "page": 2}
"""Alerts of these three decisions: the webhook hears all, Slack no resolve of its own beside the
resume, PagerDuty the incident alone."""


def _alerting(pipeline: Pipeline, receiver: Receiver) -> Process:
    file = pipeline.folder / "routes.yaml"
    file.write_text(
        "senders:\n"
        f"  hook: {{kind: webhook, url: '{receiver.url('/hook')}', timeout_s: 6}}\n"
        "  desk: {kind: slack, url: env:DESK_URL, timeout_s: 6}\n"
        f"  page: {{kind: pagerduty, routing_key: env:KEY, url: '{receiver.url('/page')}',"
        " timeout_s: 6}\n"
        "routes: [{name: all, senders: [hook, desk, page]}]\n"
    )
    return pipeline.process(
        "alerting",
        [*TRADECANARY, "run", "alerting", "--routes", str(file)],
        DESK_URL=receiver.url("/desk"),
        KEY=_SECRET,
    )


def _decisions(*strategies: str) -> list[Decision]:
    now_us = time.time_ns() // 1000
    return [
        decision(number, kind, strategy=strategy, time_us=now_us)
        for strategy in strategies
        for number, kind in enumerate(_KINDS, 1)
    ]


def _write(pipeline: Pipeline, decisions: list[Decision]) -> None:
    for one in decisions:
        pipeline.append(DECISIONS.name, one.strategy.encode(), encode(one))


def _written(pipeline: Pipeline) -> list[AlertDelivery]:
    return pipeline.every(ALERTS.name, AlertDelivery)


def _await_written(pipeline: Pipeline, total: int) -> None:
    """Return when there is a record of every delivery."""

    def is_written() -> bool:
        try:
            return len(_written(pipeline)) == total
        except Unavailable:
            return False  # its broker is just back

    wait_until(is_written, "a record of every delivery", said=pipeline.said, deadline_s=_DEADLINE_S)


def _names(receiver: Receiver, path: str) -> list[tuple[Any, ...]]:
    """What arrived and was answered, each as what makes it the same for its receiver."""
    taken = [one for one in receiver.requests if one.path == path and one.answered == 200]
    if path == "/page":
        return [(one.body["dedup_key"], one.body["event_action"]) for one in taken]
    return [(one.headers["Idempotency-Key"],) for one in taken]


def _check_arrived(receiver: Receiver, strategies: int) -> dict[str, Counter[tuple[Any, ...]]]:
    came = {name: Counter(_names(receiver, f"/{name}")) for name in _TELLS}
    assert {name: count * strategies for name, count in _TELLS.items()} == {
        name: len(counter) for name, counter in came.items()
    }
    return came


def test_killed_in_the_middle_every_alert_arrives(pipeline: Pipeline, receiver: Receiver) -> None:
    """Kill -9 while a receiver holds a request: the next process goes on, and says what it repeats.

    The same PagerDuty event twice is one to PagerDuty, so none is twice there.
    """
    held, killed = threading.Event(), threading.Event()
    strategies = [f"s{number}" for number in range(6)]
    before = 5

    def hold(_: object) -> None:
        if len(receiver.requests) >= before and not killed.is_set():
            held.set()
            assert killed.wait(WAIT_S)

    receiver.on_request = hold
    first = _alerting(pipeline, receiver)
    _write(pipeline, _decisions(*strategies))
    assert held.wait(_DEADLINE_S), pipeline.said()
    first.kill()
    killed.set()
    second = _alerting(pipeline, receiver)
    total = len(strategies) * sum(_TELLS.values())
    _await_written(pipeline, total)
    assert 0 == second.stop()
    came = _check_arrived(receiver, len(strategies))
    repeats = {
        name
        for one in receiver.requests
        if one.body.get("may_be_repeat")
        for name in [(one.headers["Idempotency-Key"],)]
    }
    twice = {name for name, times in came["hook"].items() if times > 1}

    assert [DeliveryOutcome.SENT] * total == [one.outcome for one in _written(pipeline)]
    assert twice <= repeats
    assert all(times <= 2 for counter in came.values() for times in counter.values())
    assert _SECRET not in first.out.read_text() + second.out.read_text() + second.err.read_text()


def test_stopped_and_started_tells_nothing_twice(pipeline: Pipeline, receiver: Receiver) -> None:
    """A restart in good order in the middle of traffic: each alert arrives once, everywhere."""
    strategies = [f"s{number}" for number in range(4)]
    first = _alerting(pipeline, receiver)
    _write(pipeline, _decisions(*strategies[:2]))
    receiver.until(lambda one: len(one.requests) >= 3, "the first alerts")
    code = first.stop()
    _write(pipeline, _decisions(*strategies[2:]))
    second = _alerting(pipeline, receiver)
    total = len(strategies) * sum(_TELLS.values())
    _await_written(pipeline, total)
    assert (0, 0) == (code, second.stop())
    came = _check_arrived(receiver, len(strategies))

    assert {1} == {times for counter in came.values() for times in counter.values()}


def test_without_broker_and_receiver_each_alert_arrives_once(
    own_broker: Broker, tmp_path: Path, topic_prefix: str
) -> None:
    """Receivers away, then the broker too; the receivers come back first, then the broker."""
    away = Receiver()
    away.close()
    servers = own_broker.bootstrap_servers
    with ExitStack() as stack:
        pipeline = Pipeline(servers, topic_prefix, tmp_path, executions=1, control=2)
        stack.callback(pipeline.close)
        process = _alerting(pipeline, away)
        _write(pipeline, _decisions("s0", "s1"))
        failed = "alert not delivered"
        wait_until(
            lambda: (
                _TELLS.keys()
                <= {one["sender"] for one in process.lines() if one["event"] == failed}
            ),
            "attempts that fail",
            said=pipeline.said,
            deadline_s=_DEADLINE_S,
        )
        own_broker.kill()
        threading.Event().wait(_OUTAGE_S)
        back = Receiver(away.port)
        stack.callback(back.close)
        total = 2 * sum(_TELLS.values())
        if not _OUTAGE_S:  # after long, each next alert waits for one more try to reach the broker
            back.until(lambda one: len(one.taken()) == total, "all alerts, no broker", _DEADLINE_S)
        own_broker.start()
        _await_written(pipeline, total)
        assert process.running
        assert 0 == process.stop()
    came = _check_arrived(back, 2)

    assert {1} == {times for counter in came.values() for times in counter.values()}
