"""Alerting where things change or go wrong: given up, first start, rebalances, bad bytes."""

from __future__ import annotations

import json

from tests.alerted import (
    HANG,
    WAIT_S,
    Answer,
    Receiver,
    decision,
    rolled_back,
    routes_to,
)
from tests.alerting_lives import (
    ARRIVE,
    DECISIONS_MADE,
    GIVEN_UP,
    SENT,
    Life,
    everything_to,
    pending_of,
    read,
    write,
    written_of,
)
from tests.counting import Clock
from tests.unlucky import UnluckyLog
from tradecanary.processors.runtime.alerting_task import (
    FIRST_LOOK_BACK_US,
    MOST_PENDING,
    AlertingTask,
)
from tradecanary.schemas.codec import decode
from tradecanary.schemas.decisions import DeadLetter, DecisionKind
from tradecanary.schemas.topics import DEAD_LETTERS, DECISIONS


def test_what_is_given_up_goes_to_dead_letters(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """With sender, reason and the alert; the next one goes out."""
    receiver.plan = [Answer(400, body="invalid_blocks")]
    write(log, clock, rolled_back(1), decision(2, DecisionKind.START, rollout="r2"))
    process = Life(log, clock, everything_to(receiver))
    process.run()
    process.die()
    (letter,) = (decode(DeadLetter, value) for value in read(log, DEAD_LETTERS.name))
    outcomes = [one.outcome for one in written_of(log)]

    assert "sender risk: gave up after 1 attempts: HTTP 400: invalid_blocks" == letter.reason
    assert ("alerting", "decisions", 0) == (letter.stage, letter.topic, letter.offset)
    assert "momentum/1/roll_back:loss_budget" == json.loads(letter.value or b"")["key"]
    assert [GIVEN_UP, SENT, SENT] == outcomes


def test_a_sender_that_is_gone_holds_nobody(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """The routes changed between two lives: what waited for it is given up, with the reason."""
    receiver.plan = [Answer(500)] * 10_000
    write(log, clock, rolled_back(1))
    first = Life(log, clock, everything_to(receiver))
    for _ in range(4):
        first.runner.step()
    receiver.until(lambda one: len(one.requests) > 2, "attempts")
    first.die()
    clock.us += 7_000_000
    second = Life(log, clock, routes_to(desk="{kind: slack, url: env:NONE}"))
    second.run()
    second.die()

    assert ["the routes file has no sender 'risk' any more"] == [w.problem for w in written_of(log)]


def test_the_first_start_does_not_tell_old_news(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """Of a long history the last ten minutes are told; from then on everything is."""
    write(log, clock, *(rolled_back(number) for number in range(1, 50)))
    clock.us += FIRST_LOOK_BACK_US + 1_000_000
    write(log, clock, decision(50, DecisionKind.START, rollout="r2"))
    first = Life(log, clock, everything_to(receiver))
    first.run()
    first.die()
    clock.us += 2 * FIRST_LOOK_BACK_US
    write(log, clock, rolled_back(51, rollout="r2"))
    clock.us += 2 * FIRST_LOOK_BACK_US
    second = Life(log, clock, everything_to(receiver))
    second.run()
    second.die()

    assert [50, 51] == [body["number"] for body in receiver.taken()]


def test_a_quiet_first_start_is_remembered(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """It told nobody anything; what is decided while it is away is told nevertheless."""
    first = Life(log, clock, everything_to(receiver))
    first.run()
    first.die()
    write(log, clock, rolled_back(1))
    clock.us += 3 * FIRST_LOOK_BACK_US
    second = Life(log, clock, everything_to(receiver))
    second.run()
    second.die()

    assert [1] == [body["number"] for body in receiver.taken()]


def test_a_group_without_offsets_tells_no_old_news(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """What was too old at the first start stays so, and what was told is known by its number."""
    write(log, clock, rolled_back(1, strategy="basket"), rolled_back(1))
    clock.us += FIRST_LOOK_BACK_US + 1_000_000
    write(log, clock, decision(2, DecisionKind.START, rollout="r2"))
    first = Life(log, clock, everything_to(receiver))
    first.run()
    first.die()
    clock.us += 2 * FIRST_LOOK_BACK_US
    write(log, clock, rolled_back(3, rollout="r2"), decision(1, strategy="btc"))
    log.reset(AlertingTask.name, {})
    second = Life(log, clock, everything_to(receiver))
    second.run()
    second.die()

    told = [(body["strategy"], body["number"]) for body in receiver.taken()]
    assert [("btc", 1), ("momentum", 2), ("momentum", 3)] == sorted(told)


def test_a_stop_in_good_order_repeats_nothing(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """What is under way is let end and written down; what waits is delivered by the next life."""
    write(log, clock, *DECISIONS_MADE)
    first = Life(log, clock, everything_to(receiver))
    for _ in range(4):
        first.runner.step()
    first.task.wind_down()
    first.runner.finish()
    first.runner.close()
    second = Life(log, clock, everything_to(receiver))
    second.run()
    second.die()

    assert ARRIVE == len(receiver.requests)
    assert ARRIVE == len(written_of(log))


def test_a_partition_that_goes_and_comes_back_is_not_told_twice(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """What was sent and not yet written down is remembered while the partition is elsewhere."""
    write(log, clock, *DECISIONS_MADE)
    process = Life(log, clock, everything_to(receiver))
    written = 0
    for _ in range(20):
        if len(receiver.requests) == ARRIVE:
            break
        written = len(written_of(log))
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

    assert ARRIVE == len(receiver.requests) == len(written_of(log))


def test_more_than_fit_are_given_up(log: UnluckyLog, clock: Clock, receiver: Receiver) -> None:
    """A receiver that hangs while hundreds wait: the oldest go to dead letters, no record grows."""
    receiver.plan = [HANG]
    many = [decision(n, command_id=f"c{n}") for n in range(1, MOST_PENDING + 51)]
    write(log, clock, *many)
    process = Life(log, clock, everything_to(receiver, "timeout_s: 6"))
    for _ in range(8):
        process.runner.step()
    assert MOST_PENDING == len(pending_of(log))
    receiver.close()
    process.die()
    letters = [decode(DeadLetter, value) for value in read(log, DEAD_LETTERS.name)]

    assert 50 == len(letters) == len(written_of(log))
    assert "more than 100 deliveries were waiting" in letters[0].reason


def test_bytes_that_are_no_decision_are_set_aside(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """They go to dead letters, and what follows is told."""
    log.append(DECISIONS.name, b"momentum", b"nonsense", timestamp_us=clock.us)
    write(log, clock, rolled_back(1))
    process = Life(log, clock, everything_to(receiver))
    process.run()
    process.die()
    (letter,) = (decode(DeadLetter, value) for value in read(log, DEAD_LETTERS.name))

    assert ("alerting", b"nonsense") == (letter.stage, letter.value)
    assert 1 == len(receiver.taken())


def test_a_partition_that_leaves_is_not_delivered_here(
    log: UnluckyLog, clock: Clock, receiver: Receiver
) -> None:
    """Two lives share the work: each alert arrives once."""
    first = Life(log, clock, everything_to(receiver))
    first.run()
    second = Life(log, clock, everything_to(receiver), slot="1")
    for _ in range(4):
        first.runner.step()
        second.runner.step()
    write(log, clock, *DECISIONS_MADE)
    for _ in range(10):
        for process in (first, second):
            process.runner.step()
            process.courier.wait(WAIT_S)
    for process in (first, second):
        process.die()

    assert {len(first.runner.assigned), len(second.runner.assigned)} == {1}
    assert ARRIVE == len(receiver.requests) == len(written_of(log))
    assert [] == pending_of(log)
