"""Alerting under the runner: whatever crashes, every alert arrives, and is written down once."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.alerted import (
    DROP,
    WAIT_S,
    Answer,
    Receiver,
)
from tests.alerting_lives import (
    ARRIVE,
    DECISIONS_MADE,
    SENT,
    Life,
    everything_to,
    name_of,
    read,
    write,
    written_of,
)
from tests.counting import Clock, Crash
from tests.unlucky import UnluckyLog
from tradecanary.processors.runtime.log import Aborted, Doubt, Unavailable
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import CrashPoint
from tradecanary.schemas.topics import ALERTING_STATE, DECISIONS


def test_each_alert_arrives_once_and_is_written_down(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """Nothing fails: as many requests as alerts, and as many records."""
    write(log, clock, *DECISIONS_MADE)
    process = Life(log, clock, everything_to(receiver))
    process.run()
    process.die()
    written = written_of(log)

    assert ARRIVE == len(receiver.requests) == len({name_of(body) for body in receiver.taken()})
    assert not any(body["may_be_repeat"] for body in receiver.taken())
    assert [(SENT, 1, "")] * ARRIVE == [(w.outcome, w.attempts, w.problem) for w in written]
    assert {one.key: one.strategy for one in (w.alert for w in written)} == {
        body["key"]: body["strategy"] for body in receiver.taken()
    }


def test_what_waits_is_told_from_the_start_on(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """A receiver that stays away is told of before the next life has written anything."""
    receiver.plan = [Answer(500)] * 10_000
    write(log, clock, *DECISIONS_MADE)
    first = Life(log, clock, everything_to(receiver))
    for _ in range(6):
        first.runner.step()
    waiting = first.waiting()
    first.die()
    records = len(list(read(log, ALERTING_STATE.name)))
    second = Life(log, clock, everything_to(receiver))
    second.runner.step()
    second.die()

    assert {"momentum": 5, "basket": 5, "btc": 5} == waiting == second.waiting()
    assert records == len(list(read(log, ALERTING_STATE.name)))


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

    routes = everything_to(receiver)
    write(log, clock, *DECISIONS_MADE[:6])
    first = Life(log, clock, routes, crash)
    crashed = False
    try:
        first.run()
        write(log, clock, *DECISIONS_MADE[6:])
        first.run()
    except Crash:
        crashed = True
        write(log, clock, *DECISIONS_MADE[max(6, log_length(log)) :])
    first.die()
    heard = {name_of(body) for body in receiver.taken()}
    clock.us += 7_000_000
    second = Life(log, clock, routes)
    second.run()
    second.die()
    came = Counter(name_of(body) for body in receiver.taken())
    twice = {name for name, times in came.items() if times > 1}
    repeats = {name_of(body) for body in receiver.taken() if body["may_be_repeat"]}

    assert crashed == (visits >= visit)
    assert ARRIVE == len(came)
    assert twice <= repeats & heard
    assert max(came.values()) <= 2
    assert Counter(dict.fromkeys(came, 1)) == Counter(
        (w.alert.key, w.alert.action.value, w.alert.number) for w in written_of(log)
    )


def log_length(log: MemoryLog) -> int:
    """Return how many decisions were written."""
    return sum(1 for _ in read(log, DECISIONS.name))


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("error", [Doubt("slow"), Aborted("rolled back"), Unavailable("away")])
def test_a_log_that_fails_sends_nothing_twice(
    log: UnluckyLog, clock: Clock, receiver: Receiver, error: Exception, applied: bool
) -> None:
    """Commits fail again and again, of alerts and of deliveries: the courier remembers."""
    write(log, clock, *DECISIONS_MADE)
    process = Life(log, clock, everything_to(receiver))
    log.troubles += [(error, applied), (error, not applied), (error, applied)]
    for _ in range(12):
        process.runner.step()
        process.courier.wait(WAIT_S)
    process.die()

    assert [] == log.troubles
    assert ARRIVE == len(receiver.requests)
    assert ARRIVE == len(written_of(log))


def test_nothing_is_sent_that_is_not_written_down(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """No transaction succeeds: nobody is told anything, or a restart would tell it again."""
    log.troubles = [(Aborted("no"), False)] * 5
    write(log, clock, *DECISIONS_MADE)
    process = Life(log, clock, everything_to(receiver))
    for _ in range(40):
        if not log.troubles:
            break
        process.runner.step()
        assert process.courier.wait(WAIT_S)
    assert [] == log.troubles
    assert [] == receiver.requests
    process.run()
    process.die()

    assert ARRIVE == len(receiver.requests)


def test_a_receiver_that_is_away_for_a_while_gets_each_once(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """It refuses, hangs, refuses; then everything arrives in order."""
    receiver.plan = [Answer(500), DROP, Answer(503), Answer(429, (("Retry-After", "0"),))]
    write(log, clock, *(one for one in DECISIONS_MADE if one.strategy == "momentum"))
    process = Life(log, clock, everything_to(receiver))
    process.run()
    process.die()
    names = [name_of(body)[1:] for body in receiver.taken()]

    assert [("trigger", 1), ("trigger", 2), ("trigger", 3), ("resolve", 4), ("trigger", 4)] == names
    assert 5 == max(one.attempts for one in written_of(log))
