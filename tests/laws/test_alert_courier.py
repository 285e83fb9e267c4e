"""The courier: deliveries of a sender in order, each once, and no sender holds another."""

from __future__ import annotations

import pytest

from tests.alerted import (
    DROP,
    HANG,
    T0_US,
    WAIT_S,
    Answer,
    Receiver,
    alerts_of,
    decision,
    routes_to,
)
from tests.alerting_lives import FAST, SENT, everything_to, pending
from tradecanary.processors.alerting.routes import Routes
from tradecanary.processors.runtime.alert_courier import Courier
from tradecanary.processors.runtime.alert_http import Finished
from tradecanary.schemas.alerts import PendingDelivery
from tradecanary.schemas.decisions import DecisionKind


def _courier(routes: Routes, problems: list[str]) -> Courier:
    return Courier(routes, lambda: T0_US, lambda name, text: problems.append(name + text), FAST)


def test_deliveries_of_a_sender_keep_their_order(receiver: Receiver, problems: list[str]) -> None:
    """The first one fails for a while; a resolve does not overtake its trigger."""
    receiver.plan = [Answer(500), DROP, Answer(500)]
    courier = _courier(everything_to(receiver), problems)
    alerts = alerts_of(
        decision(1, DecisionKind.HALT), decision(2, DecisionKind.RESUME, time_us=T0_US + 5)
    )
    courier.submit([PendingDelivery("risk", alert, 1, T0_US) for alert in alerts])
    assert courier.wait(WAIT_S)
    assert courier.stop(WAIT_S)

    taken = [(body["breach"], body["action"]) for body in receiver.taken()]
    assert [("halt", "trigger"), ("halt", "resolve"), ("resume", "trigger")] == taken


def test_a_sender_that_is_down_holds_no_other(receiver: Receiver, problems: list[str]) -> None:
    """Slack hangs; the page goes out."""
    receiver.plan = [HANG]
    address = receiver.url()
    routes = routes_to(
        slow=f"{{kind: webhook, url: '{address}', timeout_s: 6}}",
        fast=f"{{kind: webhook, url: '{address}'}}",
    )
    courier = _courier(routes, problems)
    courier.submit([pending(1, "slow")])
    receiver.until(lambda one: len(one.requests) == 1, "the one that hangs")
    courier.submit([pending(2, "fast")])
    receiver.until(lambda one: len(one.taken()) == 1, "the other one")

    assert {pending(2, "fast").id} >= courier.finished().keys()
    assert not courier.stop(0.0)
    receiver.close()
    assert courier.stop(WAIT_S)


def test_what_was_submitted_is_delivered_once(receiver: Receiver, problems: list[str]) -> None:
    """Submitted again while queued, under way or ended: it is left alone until it is forgotten."""
    courier = _courier(everything_to(receiver), problems)
    one = pending()
    for _ in range(3):
        courier.submit([one, one], again=True)
    assert courier.wait(WAIT_S)
    assert {one.id} == courier.keep(frozenset())
    courier.submit([one])
    assert courier.wait(WAIT_S)
    assert {one.id: Finished(SENT, 1, "")} == courier.finished()
    courier.forget([one.id])
    assert {} == courier.finished()
    courier.stop(WAIT_S)

    assert 1 == len(receiver.requests)


def test_a_bug_in_a_sender_ends_the_process(receiver: Receiver) -> None:
    """A thread that dies unseen would send nothing for ever."""

    def broken(_: str, __: str) -> None:
        raise ZeroDivisionError

    receiver.plan = [Answer(500)]
    courier = Courier(everything_to(receiver), lambda: T0_US, broken, FAST)
    courier.submit([pending()])
    receiver.until(lambda one: len(one.requests) == 1, "the attempt that fails")
    courier.stop(WAIT_S)

    with pytest.raises(ZeroDivisionError):
        courier.finished()
