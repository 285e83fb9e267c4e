"""Route: what the router decided for one order, and the order's way to its one OUTCOME.

Nothing here raises into the trading service: what it is told and cannot use is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradecanary.schemas.execution import FOREIGN_SEQ, ExecutionEvent, Kind, OrderStatus, Side

if TYPE_CHECKING:
    from tradecanary.producers.open_orders import OpenOrders
    from tradecanary.producers.plan import Arm

_NS_PER_US = 1_000
_SIDES = frozenset(Side)
_FILLS = frozenset({OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED})


class Route:
    """The variant, version and handler of one order (None when it must not be traded).

    The clock runs from `OrderRouter.route`: a version that thinks long is a slow version.
    """

    __slots__ = (
        "_ack_ns",
        "_arm",
        "_arrival_mid",
        "_avg_price",
        "_book",
        "_ended_at",
        "_fees",
        "_filled_qty",
        "_filled_value",
        "_order_qty",
        "_pnl",
        "_side",
        "_status",
        "_submitted_at",
        "_symbol",
        "_value_per_unit",
        "account",
        "order_id",
        "region",
        "submitted_ns",
        "venue",
    )

    def __init__(  # noqa: PLR0913, PLR0917 -- called once an order, by route() alone
        self,
        book: OpenOrders,
        arm: Arm[Any],
        submitted_ns: int,
        order_id: str,
        account: str,
        region: str,
        venue: str,
        arrival_mid: float | None,
        side: Side | str | None,
        order_qty: float | None,
        symbol: str,
    ) -> None:
        self._book = book
        self._arm = arm
        self.submitted_ns = submitted_ns
        self.order_id = order_id
        self.account = account
        self.region = region
        self.venue = venue
        self._arrival_mid = arrival_mid
        self._side = side
        self._order_qty = order_qty
        self._symbol = symbol
        self._value_per_unit = 1.0
        self._ack_ns = -1
        self._filled_qty = 0.0
        self._filled_value = 0.0
        self._avg_price: float | None = None
        self._status: OrderStatus | None = None
        self._pnl: float | None = None

    @property
    def variant(self) -> str:
        """The tag of the order: `stable` or `canary`."""
        return self._arm.variant

    @property
    def version(self) -> str:
        """The build that decides the order."""
        return self._arm.version

    @property
    def handler(self) -> Any:  # noqa: ANN401 -- whatever the service gave for the version
        """The service's handler of `version`; None: do not trade (killed, or not loaded)."""
        return self._arm.handler

    @property
    def revision(self) -> int:
        """The vector that decided; 0 when no coin did."""
        return self._arm.revision

    @property
    def weight_bp(self) -> int:
        """The weight of the order's own variant in that vector."""
        return self._arm.weight_bp

    @property
    def killed(self) -> bool:
        """Whether the kill switch is on."""
        return self._arm.killed

    def terms(
        self,
        *,
        side: Side | str | None = None,
        order_qty: float | None = None,
        symbol: str | None = None,
        arrival_mid: float | None = None,
        value_per_unit: float | None = None,
    ) -> None:
        """Say what order the version made of it, where `route()` did not know yet.

        `value_per_unit` is contract multiplier x exchange rate to the reporting currency.
        """
        if side is not None:
            self._side = side
        if order_qty is not None:
            self._order_qty = order_qty
        if symbol is not None:
            self._symbol = symbol
        if arrival_mid is not None:
            self._arrival_mid = arrival_mid
        if value_per_unit is not None:
            self._value_per_unit = value_per_unit

    def acknowledged(self) -> None:
        """Note the venue's first answer. Only the first counts, and only within the horizon."""
        now_ns = self._book.monotonic_ns()
        if self._ack_ns < 0 and not self._book.over(self, now_ns):
            self._ack_ns = now_ns

    def filled(self, qty: float, price: float) -> None:
        """Note a fill, in base units; fills after the horizon come too late for the OUTCOME."""
        book = self._book
        now_ns = book.monotonic_ns()
        try:
            with book.lock:
                if self._status is None and not book.over(self, now_ns):
                    self._filled_qty += qty
                    self._filled_value += qty * price
                    if self._ack_ns < 0:
                        self._ack_ns = now_ns
        except TypeError:
            book.faults += 1

    def outcome(
        self,
        status: OrderStatus | str,
        *,
        filled_qty: float | None = None,
        avg_price: float | None = None,
        fees: float = 0.0,
        pnl: float | None = None,
        side: Side | str | None = None,
        order_qty: float | None = None,
        symbol: str | None = None,
        arrival_mid: float | None = None,
    ) -> ExecutionEvent | None:
        """Return the order's one OUTCOME for the publisher, which numbers it.

        None when the order was reported before (then the horizon came first) or has no handler;
        counted. Fills noted by `filled()` serve where none are named. Past the horizon it is
        what stood at the horizon, whoever comes first. `pnl` (less fees, reporting currency) is
        None when not known yet: bring it with `markout()`.
        """
        book = self._book
        if not book.take_out(self):
            book.unmatched += 1
            return None
        now_ns = book.monotonic_ns()
        if book.over(self, now_ns):
            return self.unended(now_ns)
        self.terms(side=side, order_qty=order_qty, symbol=symbol, arrival_mid=arrival_mid)
        try:
            named = OrderStatus(status)
            if filled_qty is not None:
                self._filled_qty, self._filled_value = float(filled_qty), 0.0
            self._avg_price = None if avg_price is None else float(avg_price)
            fees, pnl = float(fees), None if pnl is None else float(pnl)
        except (TypeError, ValueError):  # an end nobody can read is an error of who reports it
            book.faults += 1
            named, self._filled_qty, fees, pnl = OrderStatus.REJECTED, 0.0, 0.0, None
        if named in _FILLS and self._ack_ns < 0:
            self._ack_ns = now_ns
        return self._end(named, now_ns, fees, pnl)

    def markout(self, pnl: float) -> ExecutionEvent | None:
        """Return the MARKOUT with the P&L (less fees) that the OUTCOME could not know.

        None when the OUTCOME had a P&L or is yet to come (then it takes this one along).
        """
        book = self._book
        with book.lock:
            if self._pnl is not None or self._arm.handler is None:
                return None
            self._pnl = pnl
            if self._status is None:
                return None
        return self._report(Kind.MARKOUT, book.wall_us(book.monotonic_ns()), pnl)

    def unended(self, now_ns: int) -> ExecutionEvent:
        """Return the OUTCOME of an order that did not end; for who took it out.

        As it stands at the horizon, or at `now_ns` when its service ends before.
        """
        status = OrderStatus.TIMED_OUT if self._ack_ns < 0 else OrderStatus.WORKING
        horizon_ns = self.submitted_ns + self._book.horizon_ns
        return self._end(status, min(now_ns, horizon_ns), 0.0, None)

    def _end(
        self, status: OrderStatus, ended_ns: int, fees: float, pnl: float | None
    ) -> ExecutionEvent:
        """Fix what the order came to, once; the MARKOUT repeats it.

        The OUTCOME's P&L is fixed with it: a mark-out may come before the event is made.
        """
        book = self._book
        with book.lock:
            self._submitted_at = book.wall_us(self.submitted_ns)
            self._ended_at = book.wall_us(ended_ns)
            self._fees = fees
            if not self._filled_qty:
                self._avg_price = None
            elif self._avg_price is None and self._filled_value:
                self._avg_price = self._filled_value / self._filled_qty
            if self._pnl is not None:
                pnl = self._pnl
            elif pnl is None and not self._filled_qty:
                pnl = 0.0
            self._pnl = pnl
            self._status = status
        book.count(self._arm, status)
        return self._report(Kind.OUTCOME, self._ended_at, pnl)

    def _report(self, kind: Kind, event_time: int, pnl: float | None) -> ExecutionEvent:
        """Return the event; without the order's terms when they are no numbers."""
        try:
            return self._event(kind, event_time, pnl)
        except (TypeError, ValueError, ArithmeticError):
            self._book.faults += 1
            self._order_qty = self._arrival_mid = self._side = None
            return self._event(kind, event_time, pnl)

    def _event(self, kind: Kind, event_time: int, pnl: float | None) -> ExecutionEvent:
        book, arm, ack_ns = self._book, self._arm, self._ack_ns
        status = self._status
        assert status is not None, "an order is reported after its end is fixed"
        side = _side(self._side)
        # Without its side an order cannot be benchmarked, so it goes without a mid.
        mid = None if side is None else self._arrival_mid
        filled_qty = self._filled_qty
        order_qty = self._order_qty or filled_qty or 1.0
        return ExecutionEvent(
            source="",
            source_seq=FOREIGN_SEQ,
            kind=kind,
            mode=book.mode,
            strategy=book.strategy,
            version=arm.version,
            variant=arm.variant,
            routing_revision=arm.revision,
            weight_bp=arm.weight_bp,
            unit=self.account if book.by_account else self.order_id,
            account=self.account,
            region=self.region,
            venue=self.venue,
            symbol=self._symbol,
            order_id=self.order_id,
            side=side or Side.BUY,
            status=status,
            order_qty=order_qty,
            filled_qty=filled_qty,
            arrival_mid=mid,
            avg_price=self._avg_price,
            notional=0.0 if mid is None else abs(order_qty * mid * self._value_per_unit),
            fees=self._fees,
            pnl=pnl,
            submitted_at=self._submitted_at,
            event_time=max(event_time, self._submitted_at),
            ack_latency_us=None if ack_ns < 0 else (ack_ns - self.submitted_ns) // _NS_PER_US,
        )


def _side(side: Side | str | None) -> Side | None:
    """Return the side, None when it was not told or is none."""
    return Side(side) if side in _SIDES else None
