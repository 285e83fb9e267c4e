"""Delivery over real HTTP: the receiver refuses, hangs, is away and comes back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typing_extensions import override

from tests.alerted import HANG, T0_US, Answer, Receiver, routes_to
from tests.alerting_lives import FAST, GIVEN_UP, SENT, delivered, everything_to, pending
from tradecanary.processors.runtime.alert_http import (
    AlertHttp,
    Finished,
    asked_wait_s,
)

TOKEN = "s3cret-token"


def test_a_webhook_gets_the_alert_its_name_and_the_token(
    receiver: Receiver, problems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request: JSON, the delivery's name as Idempotency-Key, the token from its place."""
    monkeypatch.setenv("RISK_TOKEN", f"{TOKEN}\n")
    found = delivered(everything_to(receiver, "token: env:RISK_TOKEN"), problems)
    (request,) = receiver.requests

    assert Finished(SENT, 1, "") == found
    assert "/hook" == request.path
    assert f"Bearer {TOKEN}" == request.headers["Authorization"]
    name = "momentum/1/roll_back:loss_budget/trigger/1/risk"
    assert name == request.headers["Idempotency-Key"] == pending().id
    assert ("momentum/1/roll_back:loss_budget", False) == (
        request.body["key"],
        request.body["may_be_repeat"],
    )


@pytest.mark.parametrize("status", [500, 503, 429, 404, 403])
def test_what_may_pass_is_tried_again(receiver: Receiver, problems: list[str], status: int) -> None:
    """After errors that pass it arrives, once; every failed attempt is told."""
    receiver.plan = [Answer(status, body="not now"), Answer(status)]
    found = delivered(everything_to(receiver), problems)

    assert Finished(SENT, 3, "") == found
    assert 1 == len(receiver.taken())
    assert [f"HTTP {status}: not now", f"HTTP {status}: ok"] == problems


@pytest.mark.parametrize("status", [400, 413, 422, 302])
def test_what_is_refused_for_good_is_given_up_at_once(
    receiver: Receiver, problems: list[str], status: int
) -> None:
    """It would be refused for ever, and those behind it wait."""
    receiver.plan = [Answer(status, body="invalid_blocks")]
    found = delivered(everything_to(receiver), problems)

    assert Finished(GIVEN_UP, 1, f"HTTP {status}: invalid_blocks") == found
    assert 1 == len(receiver.requests)


@given(st.one_of(st.text(), st.floats().map(str)))
@example("1 Jan 99999999999 0:0:0 -0000")
@example("nan")
def test_whatever_a_receiver_asks_for_is_a_wait(asked: str) -> None:
    """Five minutes at most, whatever the text: the stage tells others, too."""
    assert 0 <= asked_wait_s(asked) <= 300


def test_retry_after_is_obeyed(receiver: Receiver, problems: list[str]) -> None:
    """Seconds or a date: the next attempt does not come before."""
    date = datetime.fromtimestamp(0, UTC) + timedelta(days=365 * 400)  # capped by the deadline
    receiver.plan = [
        Answer(429, (("Retry-After", "0.3"),)),
        Answer(429, (("Retry-After", "nonsense"),)),
        Answer(429, (("Retry-After", format_datetime(date, usegmt=True)),)),
    ]
    waits = _Stopwatch()
    http = AlertHttp(
        everything_to(receiver, "deadline_s: 30").senders["risk"],
        stopping=waits,
        failed=problems.append,
        back_off=FAST,
    )
    found = http.deliver(pending(), again=False, now_us=T0_US)

    assert Finished(SENT, 4, "") == found
    assert 0.3 == waits.waited_s[0]
    assert waits.waited_s[1] < 0.1
    assert 10 < waits.waited_s[2] <= 30


class _Stopwatch(threading.Event):
    """A stop that never comes, waits for nothing, and notes how long it was to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waited_s: list[float] = []

    @override
    def wait(self, timeout: float | None = None) -> bool:
        """Note it."""
        self.waited_s.append(timeout or 0.0)
        return False


def test_back_off_doubles_up_to_its_limit(receiver: Receiver, problems: list[str]) -> None:
    """1, 2, 4, ... 30 s: a receiver that is down is not hammered."""
    receiver.plan = [Answer(500)] * 7
    waits = _Stopwatch()
    sender = everything_to(receiver, "deadline_s: 600").senders["risk"]
    http = AlertHttp(sender, stopping=waits, failed=problems.append)
    found = http.deliver(pending(), again=False, now_us=T0_US)

    assert Finished(SENT, 8, "") == found
    assert [1, 2, 4, 8, 16, 30, 30] == waits.waited_s


def test_a_receiver_that_hangs_is_left_and_asked_again(
    receiver: Receiver, problems: list[str]
) -> None:
    """An attempt ends at its timeout."""
    receiver.plan = [HANG]
    found = delivered(everything_to(receiver, "timeout_s: 1.5"), problems)

    assert Finished(SENT, 2, "") == found
    assert 1 == len(problems)
    assert ["no whole answer within 1.5 s"] == problems


def test_a_receiver_that_was_away_gets_it_when_it_is_back(problems: list[str]) -> None:
    """Connections are refused at first; the one attempt that arrives is the only one."""
    away = Receiver()
    port, routes = away.port, everything_to(away)
    away.close()
    back: list[Receiver] = []

    class Returning(list[str]):
        """Bring the receiver back at the third failure."""

        @override
        def append(self, problem: str) -> None:
            super().append(problem)
            if len(self) == 3:
                back.append(Receiver(port))

    told = Returning()
    found = delivered(routes, told)
    back[0].close()

    assert Finished(SENT, 4, "") == found
    assert all(problem.startswith("ConnectError") for problem in told)
    assert 1 == len(back[0].taken())


def test_it_is_given_up_after_the_deadline(receiver: Receiver, problems: list[str]) -> None:
    """The deadline counts from when the alert was written down, also over a restart."""
    receiver.plan = [Answer(500, body="down")] * 1000
    found = delivered(everything_to(receiver, "deadline_s: 1"), problems)
    assert found is not None
    assert (GIVEN_UP, "HTTP 500: down") == (found.outcome, found.problem)
    assert 1 <= found.attempts < 100
    tried = len(receiver.requests)
    late = delivered(everything_to(receiver), problems, now_us=T0_US + 21_000_000)

    assert Finished(GIVEN_UP, 1, "HTTP 500: down") == late
    assert tried + 1 == len(receiver.requests)


def test_a_stop_ends_the_waiting_and_decides_nothing(
    receiver: Receiver, problems: list[str]
) -> None:
    """What is stopped between two attempts is neither sent nor given up."""
    receiver.plan = [Answer(500)] * 1000
    stopping = threading.Event()
    receiver.on_request = lambda _: stopping.set()

    assert delivered(everything_to(receiver), problems, stopping=stopping) is None
    assert 1 == len(receiver.requests)


def test_secrets_are_read_at_every_attempt(
    receiver: Receiver, problems: list[str], tmp_path: Path
) -> None:
    """A file that is not there yet, then a rotated one: the attempt that can, arrives."""
    place = tmp_path / "slack"
    routes = routes_to(desk=f"{{kind: slack, url: 'file:{place}'}}")

    class Mounting(list[str]):
        """Write the secret at the second failure."""

        @override
        def append(self, problem: str) -> None:
            super().append(problem)
            if len(self) == 2:
                place.write_text(receiver.url(f"/services/{TOKEN}\n"))

    told = Mounting()
    found = delivered(routes, told, again=True)

    assert Finished(SENT, 3, "") == found
    assert [f"secret file:{place}: No such file or directory"] * 2 == told
    assert f"/services/{TOKEN}" == receiver.requests[0].path
    assert "may have been sent before" in str(receiver.requests[0].body)
