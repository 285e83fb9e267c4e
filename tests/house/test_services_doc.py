"""The gateway of docs/services.md does what the page says, from the route to the mark-out."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.house.tracked import ROOT
from tradecanary.producers.route import Route
from tradecanary.schemas.codec import decode
from tradecanary.schemas.execution import ExecutionEvent, Kind, OrderStatus
from tradecanary.schemas.units import CANARY, STABLE

_DOC = (ROOT / "docs" / "services.md").read_text(encoding="utf-8")
_BUILD = "momentum-1.0.0-9f2c41aa"


@dataclass
class _Order:
    side: str = "BUY"
    qty: float = 2.0


@dataclass
class _Quote:
    mid: float = 5_000.0


class _Venue:
    def __init__(self) -> None:
        self.sent: list[str] = []
        self.cancelled: list[str] = []

    def send(self, order_id: str, _: object) -> None:
        self.sent.append(order_id)

    def cancel(self, order_id: str) -> None:
        self.cancelled.append(order_id)


@pytest.fixture
def gateway(tmp_path: Path) -> Any:  # noqa: ANN401 - the page's own class
    """The gateway of the page; only its spool lies elsewhere."""
    (text,) = re.findall(r"^```python\n(.*?)^```$", _DOC, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(text.replace("/var/lib/gateway", str(tmp_path)), names)
    made = names["Gateway"]({_BUILD: lambda quote: _Order() if quote.mid else None}, _Venue())
    yield made
    made.publisher.close()


def _published(gateway: Any) -> list[ExecutionEvent]:  # noqa: ANN401 - as above
    return [decode(ExecutionEvent, one.value) for one in gateway.publisher.take(10, 4)]


def test_an_order_goes_from_the_route_to_its_markout(gateway: Any) -> None:  # noqa: ANN401
    """One OUTCOME with the notional in the reporting currency, then one MARKOUT with the P&L."""
    gateway.signal("A17-1", "A17", _Quote())
    gateway.acknowledged("A17-1")
    gateway.filled("A17-1", 1.0, 5_000.25)
    gateway.filled("A17-1", 1.0, 5_000.75)
    gateway.ended("A17-1", "FILLED", fees=4.2)
    gateway.marked("A17-1", pnl=-12.5)
    outcome, markout = _published(gateway)

    assert ["A17-1"] == gateway.venue.sent
    assert (Kind.OUTCOME, OrderStatus.FILLED) == (outcome.kind, outcome.status)
    assert pytest.approx(2 * 5_000 * 50 * 0.92) == outcome.notional
    assert (2.0, 5_000.5, None) == (outcome.filled_qty, outcome.avg_price, outcome.pnl)
    assert outcome.ack_latency_us is not None
    assert (Kind.MARKOUT, -12.5) == (markout.kind, markout.pnl)


def test_an_order_that_the_version_lets_pass_ends_too(gateway: Any) -> None:  # noqa: ANN401
    """It is reported, and nothing was sent."""
    gateway.signal("A17-2", "A17", _Quote(mid=0.0))
    (event,) = _published(gateway)

    assert [] == gateway.venue.sent
    assert (OrderStatus.CANCELED, 0.0) == (event.status, event.notional)


def test_withdrawn_names_the_variant(gateway: Any) -> None:  # noqa: ANN401
    """What rests of the variant is cancelled, and nothing of the other."""
    gateway.signal("A17-3", "A17", _Quote())
    gateway.withdrawn(CANARY)
    assert [] == gateway.venue.cancelled

    gateway.withdrawn(STABLE)
    assert ["A17-3"] == gateway.venue.cancelled


def test_every_call_of_the_table_exists() -> None:
    """The table names all that a service calls on a route, and nothing else."""
    named = set(re.findall(r"^\| `Route\.(\w+)\(", _DOC, re.MULTILINE))
    used = {"terms", "acknowledged", "filled", "outcome", "markout"}

    assert used == named
    assert not [name for name in used if not callable(getattr(Route, name, None))]
