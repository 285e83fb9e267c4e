"""An order's way from its route to its one OUTCOME, and to its P&L."""

from dataclasses import replace

import pytest

from tests.laws.gateway import START_US, S, following
from tradecanary.producers.open_orders import OpenOrders
from tradecanary.producers.plan import Arm
from tradecanary.schemas.execution import ExecutionEvent, Kind, OrderStatus


def test_an_outcome_tells_all() -> None:
    """Times, latency, notional and P&L are the order's own."""
    service = following(10_000)
    route = service.order()
    service.wait(300)
    route.acknowledged()
    service.wait(700)
    route.acknowledged()
    event = route.outcome("FILLED", filled_qty=10, avg_price=100.5, fees=0.1)
    assert event is not None
    assert event.status is OrderStatus.FILLED
    assert (event.submitted_at, event.event_time) == (START_US, START_US + 1_000)
    assert (event.ack_latency_us, event.notional, event.pnl) == (300, 1_000.0, None)
    markout = route.markout(-5.0)
    assert markout is not None
    assert (markout.kind, markout.pnl) == (Kind.MARKOUT, -5.0)
    assert replace(markout, kind=Kind.OUTCOME, pnl=None) == event
    assert route.markout(-6.0) is None


def test_pnl_comes_once() -> None:
    """Known before the outcome it goes along; nothing filled is 0; neither has a MARKOUT."""
    service = following(10_000)
    early = service.order()
    assert early.markout(3.0) is None
    event = early.outcome("FILLED", filled_qty=1, avg_price=1.0)
    assert event is not None
    assert (event.pnl, early.markout(4.0)) == (3.0, None)
    unfilled = service.order()
    event = unfilled.outcome("CANCELED")
    assert event is not None
    assert (event.pnl, event.avg_price, unfilled.markout(4.0)) == (0.0, None, None)


@pytest.mark.parametrize("at_horizon", [True, False])
@pytest.mark.parametrize("filled_qty", [0.0, 4.0])
@pytest.mark.parametrize("told", [None, 7.0])
def test_pnl_comes_once_when_the_mark_out_meets_the_end(
    monkeypatch: pytest.MonkeyPatch, told: float | None, filled_qty: float, *, at_horizon: bool
) -> None:
    """A thread brings the mark-out when the end is fixed and the OUTCOME is not made yet."""
    service = following(10_000)
    route = service.order()
    route.filled(filled_qty, 100.0)
    markouts: list[ExecutionEvent | None] = []
    count = OpenOrders.count

    def interrupted(book: OpenOrders, arm: Arm[object], status: OrderStatus) -> None:
        count(book, arm, status)
        markouts.append(route.markout(-40.0))

    monkeypatch.setattr(OpenOrders, "count", interrupted)
    if at_horizon:
        service.wait(2 * S)
        (outcome,) = service.router.expired()
    else:
        ended = route.outcome("FILLED", filled_qty=filled_qty, pnl=told)
        assert ended is not None
        outcome = ended
    (markout,) = markouts

    assert (outcome.pnl is None) == (markout is not None)
    if markout is not None:
        assert (markout.kind, markout.pnl) == (Kind.MARKOUT, -40.0)
        assert replace(markout, kind=Kind.OUTCOME, pnl=None) == replace(
            outcome, event_time=markout.event_time
        )


def test_the_horizon_reports_what_stands() -> None:
    """TIMED_OUT without an answer, WORKING with one, with the fills so far, at a fixed age."""
    service = following(10_000)
    silent, working = service.order(), service.order()
    working.acknowledged()
    working.filled(4, 100.0)
    working.filled(2, 103.0)
    service.wait(2 * S + 5_000)
    events = service.router.expired()
    assert [event.status for event in events] == [OrderStatus.TIMED_OUT, OrderStatus.WORKING]
    assert {event.event_time for event in events} == {START_US + 2 * S}
    assert [event.pnl for event in events] == [0.0, None]
    assert (events[1].filled_qty, events[1].avg_price) == (6.0, 101.0)
    assert (silent.outcome("FILLED"), working.outcome("FILLED")) == (None, None)
    assert service.router.expired() == []


def test_at_the_end_of_the_service_what_is_open_ends_as_it_stands() -> None:
    """At the horizon when that was reached, else now: no event comes from the future."""
    service = following(10_000)
    service.order()
    service.wait(2 * S - 10)
    service.order().acknowledged()
    service.wait(20)
    events = service.router.rest()
    assert [event.status for event in events] == [OrderStatus.TIMED_OUT, OrderStatus.WORKING]
    assert [event.event_time for event in events] == [START_US + 2 * S, START_US + 2 * S + 10]
    assert (service.router.rest(), service.router.open_orders) == ([], 0)


def test_past_the_horizon_the_first_to_ask_gets_the_horizons_outcome() -> None:
    """A late answer of the venue counts neither as an answer nor as a fill."""
    service = following(10_000)
    route = service.order()
    service.wait(2 * S)
    route.acknowledged()
    route.filled(10, 100.0)
    event = route.outcome("FILLED", filled_qty=10, avg_price=100.0)
    assert event is not None
    assert (event.status, event.filled_qty) == (OrderStatus.TIMED_OUT, 0.0)
    assert event.event_time == START_US + 2 * S


def test_garbage_of_the_caller_raises_nothing() -> None:
    """Whatever the service hands in, the order goes on and is reported."""
    service = following(5_000)
    odd = service.router.route("\ud800", None, ["us"], 3, "mid", "LONG", "ten", None)  # type: ignore[arg-type]
    assert odd.revision == 0
    odd.filled("x", "y")  # type: ignore[arg-type]
    event = odd.outcome("DONE", filled_qty="many", fees=None)  # type: ignore[arg-type]
    assert event is not None
    assert event.status is OrderStatus.REJECTED
    named = service.router.route("1", "A", "us", "X")
    assert named.outcome("FILLED", filled_qty=2, avg_price=1.0) is not None


def test_an_order_is_due_when_it_was_never_told_anything() -> None:
    """The least a service can say is enough for an event within the contract."""
    service = following(10_000)
    service.router.route("1", "A", "us", "X")
    service.wait(2 * S)
    (event,) = service.router.expired()
    assert (event.order_qty, event.notional, event.arrival_mid) == (1.0, 0.0, None)
