"""Alerting under the runner: whatever crashes, every alert arrives, and is written down once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.alerted import (
    DROP,
    HANG,
    WAIT_S,
    Answer,
    Receiver,
    decision,
    rolled_back,
    routes_to,
)
from tests.counting import Clock
from tests.unlucky import UnluckyLog
from tradecanary.processors.alerting.routes import Routes
from tradecanary.processors.runtime.alert_courier import Courier
from tradecanary.processors.runtime.alert_http import BackOff
from tradecanary.processors.runtime.alerting_task import (
    FIRST_LOOK_BACK_US,
    MOST_PENDING,
    AlertingTask,
)
from tradecanary.processors.runtime.log import Aborted, Doubt, Unavailable
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import CrashPoint, Runner, go_on
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.alerts import AlertDelivery, AlertingSnapshot, DeliveryOutcome
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.decisions import DeadLetter, Decision, DecisionKind
from tradecanary.schemas.topics import ALERTING_STATE, ALERTS, DEAD_LETTERS, DECISIONS

SENT, GIVEN_UP = DeliveryOutcome
FAST = BackOff(first_s=0.01, most_s=0.05)


class Crash(BaseException):
    """The process is gone: nothing of it is closed or finished."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a server that is closed in the end."""
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    """Give a clock that the test moves."""
    return Clock()


@pytest.fixture
def log(clock: Clock) -> UnluckyLog:
    """Give a log whose commits fail when told so."""
    return UnluckyLog(clock, control=2)


def _routes(receiver: Receiver, settings: str = "deadline_s: 20") -> Routes:
    return routes_to(risk=f"{{kind: webhook, url: '{receiver.url()}', {settings}}}")


class _Process:
    """One life of the stage: runner, task and courier."""

    def __init__(
        self,
        log: MemoryLog,
        clock: Clock,
        routes: Routes,
        crash_point: Callable[[CrashPoint], None] = go_on,
        slot: str = "0",
    ) -> None:
        self.log = log
        self.courier = Courier(routes, clock, lambda _, __: None, FAST)
        self.task = AlertingTask(routes, self.courier, commit_interval_us=0)
        self.runner = Runner(self.task, log, clock, slot=slot, crash_point=crash_point)

    def run(self) -> None:
        """Step until all decisions are read, and nothing is pending any more."""
        for _ in range(10):
            for _ in range(6):
                self.runner.step()
            if not _pending(self.log):
                return
            self.courier.wait(WAIT_S)
        pytest.fail(f"still pending: {_pending(self.log)}")

    def die(self) -> None:
        """End its threads as its death does: what they bring back, nobody hears."""
        self.courier.stop(WAIT_S)


def _write(log: MemoryLog, clock: Clock, *decisions: Decision) -> None:
    for one in decisions:
        key = one.strategy.encode()
        log.append(DECISIONS.name, key, encode(one), timestamp_us=clock.us)


def _read(log: MemoryLog, topic: str) -> Iterator[bytes]:
    for partition in range(log.partitions(topic)):
        for record in log.read(TopicPartition(topic, partition)):
            assert record.value is not None
            yield record.value


def _written(log: MemoryLog) -> list[AlertDelivery]:
    return [decode(AlertDelivery, value) for value in _read(log, ALERTS.name)]


def _pending(log: MemoryLog) -> list[str]:
    newest = {}
    for value in _read(log, ALERTING_STATE.name):
        snapshot = decode(AlertingSnapshot, value)
        newest[snapshot.strategy] = snapshot
    return [one.id for snapshot in newest.values() for one in snapshot.pending]


DECISIONS_MADE = [
    decision(number, kind, strategy=strategy)
    for strategy in ("momentum", "basket", "btc")
    for number, kind in enumerate(
        (DecisionKind.START, DecisionKind.INCREASE, DecisionKind.HALT, DecisionKind.RESUME), 1
    )
]
ARRIVE = len(DECISIONS_MADE) + 3  # each halt is resolved by its resume


def _name(body: dict[str, object]) -> tuple[object, ...]:
    return body["key"], body["action"], body["number"]


def test_each_alert_arrives_once_and_is_written_down(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """Nothing fails: as many requests as alerts, and as many records."""
    _write(log, clock, *DECISIONS_MADE)
    process = _Process(log, clock, _routes(receiver))
    process.run()
    process.die()
    written = _written(log)

    assert ARRIVE == len(receiver.requests) == len({_name(body) for body in receiver.taken()})
    assert not any(body["may_be_repeat"] for body in receiver.taken())
    assert [(SENT, 1, "")] * ARRIVE == [(w.outcome, w.attempts, w.problem) for w in written]
    assert {one.key: one.strategy for one in (w.alert for w in written)} == {
        body["key"]: body["strategy"] for body in receiver.taken()
    }


@pytest.mark.parametrize("visit", [1, 2, 3, 5])
@pytest.mark.parametrize("point", list(CrashPoint))
def test_a_crash_between_any_two_steps_loses_nothing(
    log: UnluckyLog, clock: Clock, receiver: Receiver, point: CrashPoint, visit: int
) -> None:
    """Each alert arrives, and is written down once; one that came twice says that it may have."""
    visits = 0

    def crash(reached: CrashPoint) -> None:
        nonlocal visits
        visits += reached == point
        if (reached, visits) == (point, visit):
            raise Crash

    routes = _routes(receiver)
    _write(log, clock, *DECISIONS_MADE[:6])
    first = _Process(log, clock, routes, crash)
    crashed = False
    try:
        first.run()
        _write(log, clock, *DECISIONS_MADE[6:])
        first.run()
    except Crash:
        crashed = True
        _write(log, clock, *DECISIONS_MADE[max(6, log_length(log)) :])
    first.die()
    heard = {_name(body) for body in receiver.taken()}
    clock.us += 7_000_000
    second = _Process(log, clock, routes)
    second.run()
    second.die()
    came = Counter(_name(body) for body in receiver.taken())
    twice = {name for name, times in came.items() if times > 1}
    repeats = {_name(body) for body in receiver.taken() if body["may_be_repeat"]}

    assert crashed == (visits >= visit)
    assert ARRIVE == len(came)
    assert twice <= repeats & heard
    assert max(came.values()) <= 2
    assert Counter(dict.fromkeys(came, 1)) == Counter(
        (w.alert.key, w.alert.action.value, w.alert.number) for w in _written(log)
    )


def log_length(log: MemoryLog) -> int:
    """Return how many decisions were written."""
    return sum(1 for _ in _read(log, DECISIONS.name))


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("error", [Doubt("slow"), Aborted("rolled back"), Unavailable("away")])
def test_a_log_that_fails_sends_nothing_twice(
    log: UnluckyLog, clock: Clock, receiver: Receiver, error: Exception, applied: bool
) -> None:
    """Commits fail again and again, of alerts and of deliveries: the courier remembers."""
    _write(log, clock, *DECISIONS_MADE)
    process = _Process(log, clock, _routes(receiver))
    log.troubles += [(error, applied), (error, not applied), (error, applied)]
    for _ in range(12):
        process.runner.step()
        process.courier.wait(WAIT_S)
    process.die()

    assert [] == log.troubles
    assert ARRIVE == len(receiver.requests)
    assert ARRIVE == len(_written(log))


def test_nothing_is_sent_that_is_not_written_down(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """No transaction succeeds: nobody is told anything, or a restart would tell it again."""
    log.troubles = [(Aborted("no"), False)] * 5
    _write(log, clock, *DECISIONS_MADE)
    process = _Process(log, clock, _routes(receiver))
    for _ in range(40):
        if not log.troubles:
            break
        process.runner.step()
        assert process.courier.wait(WAIT_S)
    assert [] == log.troubles == receiver.requests
    process.run()
    process.die()

    assert ARRIVE == len(receiver.requests)


def test_a_receiver_that_is_away_for_a_while_gets_each_once(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """It refuses, hangs, refuses; then everything arrives in order."""
    receiver.plan = [Answer(500), DROP, Answer(503), Answer(429, (("Retry-After", "0"),))]
    _write(log, clock, *(one for one in DECISIONS_MADE if one.strategy == "momentum"))
    process = _Process(log, clock, _routes(receiver))
    process.run()
    process.die()
    names = [_name(body)[1:] for body in receiver.taken()]

    assert [("trigger", 1), ("trigger", 2), ("trigger", 3), ("resolve", 4), ("trigger", 4)] == names
    assert 5 == max(one.attempts for one in _written(log))


def test_what_is_given_up_goes_to_dead_letters(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """With sender, reason and the alert; the next one goes out."""
    receiver.plan = [Answer(400, body="invalid_blocks")]
    _write(log, clock, rolled_back(1), decision(2, DecisionKind.START, rollout="r2"))
    process = _Process(log, clock, _routes(receiver))
    process.run()
    process.die()
    (letter,) = (decode(DeadLetter, value) for value in _read(log, DEAD_LETTERS.name))
    outcomes = [one.outcome for one in _written(log)]

    assert "sender risk: gave up after 1 attempts: HTTP 400: invalid_blocks" == letter.reason
    assert ("alerting", "decisions", 0) == (letter.stage, letter.topic, letter.offset)
    assert "momentum/1/roll_back:loss_budget" == json.loads(letter.value or b"")["key"]
    assert [GIVEN_UP, SENT, SENT] == outcomes


def test_a_sender_that_is_gone_holds_nobody(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """The routes changed between two lives: what waited for it is given up, with the reason."""
    receiver.plan = [Answer(500)] * 10_000
    _write(log, clock, rolled_back(1))
    first = _Process(log, clock, _routes(receiver))
    for _ in range(4):
        first.runner.step()
    receiver.until(lambda one: len(one.requests) > 2, "attempts")
    first.die()
    clock.us += 7_000_000
    second = _Process(log, clock, routes_to(desk="{kind: slack, url: env:NONE}"))
    second.run()
    second.die()

    assert ["the routes file has no sender 'risk' any more"] == [w.problem for w in _written(log)]


def test_the_first_start_does_not_tell_old_news(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """Of a long history the last ten minutes are told; from then on everything is."""
    _write(log, clock, *(rolled_back(number) for number in range(1, 50)))
    clock.us += FIRST_LOOK_BACK_US + 1_000_000
    _write(log, clock, decision(50, DecisionKind.START, rollout="r2"))
    first = _Process(log, clock, _routes(receiver))
    first.run()
    first.die()
    clock.us += 2 * FIRST_LOOK_BACK_US
    _write(log, clock, rolled_back(51, rollout="r2"))
    clock.us += 2 * FIRST_LOOK_BACK_US
    second = _Process(log, clock, _routes(receiver))
    second.run()
    second.die()

    assert [50, 51] == [body["number"] for body in receiver.taken()]


def test_a_quiet_first_start_is_remembered(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """It told nobody anything; what is decided while it is away is told nevertheless."""
    first = _Process(log, clock, _routes(receiver))
    first.run()
    first.die()
    _write(log, clock, rolled_back(1))
    clock.us += 3 * FIRST_LOOK_BACK_US
    second = _Process(log, clock, _routes(receiver))
    second.run()
    second.die()

    assert [1] == [body["number"] for body in receiver.taken()]


def test_a_stop_in_good_order_repeats_nothing(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """What is under way is let end and written down; what waits is delivered by the next life."""
    _write(log, clock, *DECISIONS_MADE)
    first = _Process(log, clock, _routes(receiver))
    for _ in range(4):
        first.runner.step()
    first.task.wind_down()
    first.runner.finish()
    first.runner.close()
    second = _Process(log, clock, _routes(receiver))
    second.run()
    second.die()

    assert ARRIVE == len(receiver.requests)
    assert ARRIVE == len(_written(log))


def test_a_partition_that_goes_and_comes_back_is_not_told_twice(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """What was sent and not yet written down is remembered while the partition is elsewhere."""
    _write(log, clock, *DECISIONS_MADE)
    process = _Process(log, clock, _routes(receiver))
    for _ in range(20):
        if len(receiver.requests) == ARRIVE:
            break
        written = len(_written(log))
        process.runner.step()
        assert process.courier.wait(WAIT_S)
    assert written < ARRIVE == len(receiver.requests), "sent, and not all written down"
    other = log.consumer(AlertingTask.name, [DECISIONS.name])
    process.runner.step()
    process.runner.step()
    assert 1 == len(process.runner.assigned)
    other.close()
    process.run()
    process.die()

    assert ARRIVE == len(receiver.requests) == len(_written(log))


def test_more_than_fit_are_given_up(log: UnluckyLog, clock: Clock, receiver: Receiver) -> None:
    """A receiver that hangs while hundreds wait: the oldest go to dead letters, no record grows."""
    receiver.plan = [HANG]
    many = [decision(n, command_id=f"c{n}") for n in range(1, MOST_PENDING + 51)]
    _write(log, clock, *many)
    process = _Process(log, clock, _routes(receiver, "timeout_s: 6"))
    for _ in range(8):
        process.runner.step()
    assert MOST_PENDING == len(_pending(log))
    receiver.close()
    process.die()
    letters = [decode(DeadLetter, value) for value in _read(log, DEAD_LETTERS.name)]

    assert 50 == len(letters) == len(_written(log))
    assert "more than 100 deliveries were waiting" in letters[0].reason


def test_bytes_that_are_no_decision_are_set_aside(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """They go to dead letters, and what follows is told."""
    log.append(DECISIONS.name, b"momentum", b"nonsense", timestamp_us=clock.us)
    _write(log, clock, rolled_back(1))
    process = _Process(log, clock, _routes(receiver))
    process.run()
    process.die()
    (letter,) = (decode(DeadLetter, value) for value in _read(log, DEAD_LETTERS.name))

    assert ("alerting", b"nonsense") == (letter.stage, letter.value)
    assert 1 == len(receiver.taken())


def test_a_partition_that_leaves_is_not_delivered_here(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """Two lives share the work: each alert arrives once."""
    first = _Process(log, clock, _routes(receiver))
    first.run()
    second = _Process(log, clock, _routes(receiver), slot="1")
    for _ in range(4):
        first.runner.step()
        second.runner.step()
    _write(log, clock, *DECISIONS_MADE)
    for _ in range(10):
        for process in (first, second):
            process.runner.step()
            process.courier.wait(WAIT_S)
    for process in (first, second):
        process.die()

    assert {len(first.runner.assigned), len(second.runner.assigned)} == {1}
    assert ARRIVE == len(receiver.requests) == len(_written(log))
    assert [] == _pending(log)
