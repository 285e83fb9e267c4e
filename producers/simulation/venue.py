"""What a venue does with an order, told from recorded quotes and prints.

Theory of operation. An order sent at t is decided on the quote of t and meets the quote of
t + entry latency. A taker (IOC) walks the displayed size from there, a tick worse each level,
down to its price cap; what it took is gone for everybody until the quote changes. A maker
(POST_ONLY) joins the back of the queue and is filled by other people's prints. The market is
never changed by us (no impact), so orders must be small against the displayed size.

Laws. Nothing after `Execution.known_at_us` can change an execution (no look-ahead). All orders
together never take more than a quote displays at a level, nor more than a print's size at its
price. BUY and SELL are mirror images. Every order draws the same numbers whatever happens to
it, so two variants with equal seeds meet equal luck.

After hftbacktest, docs/order_fill.rst, and NautilusTrader, docs/concepts/backtesting.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from tradecanary.producers.simulation.orders import (
    FEES,
    Execution,
    Fees,
    Fill,
    Latency,
    Luck,
    Order,
    Style,
)
from tradecanary.schemas.execution import OrderStatus, Side

if TYPE_CHECKING:
    from tradecanary.producers.simulation.market import Market, Quote, Rng

_MILLI_BASIS_POINTS = 10_000_000
_BASIS_POINTS = 10_000


@dataclass(frozen=True, slots=True)
class _Draws:
    """The luck of one order, drawn in a fixed sequence."""

    entry_us: int
    response_us: int
    cancel_us: int
    fate: float


class Venue:
    """One venue over one pass of a market; holds only what our own orders took from it.

    Give all variants the same venue: they share its book. Start a new one when market time
    starts again. `markout_us` is the age of an order at which its P&L is taken.
    """

    def __init__(
        self,
        market: Market,
        fees: Fees | None = None,
        latency: Latency | None = None,
        *,
        tick: float | None = None,
        markout_us: int = 1_000_000,
        luck: Luck | None = None,
    ) -> None:
        """Take the schedule of the market's venue for `fees`, and its tick, unless given."""
        self.market = market
        self.fees = FEES.get(market.venue, Fees()) if fees is None else fees
        self.latency = Latency() if latency is None else latency
        self.tick = market.tick if tick is None else tick
        self.markout_us = markout_us
        self.luck = Luck() if luck is None else luck
        self._taken_from_quotes: dict[tuple[int, int, int], float] = {}
        self._taken_from_prints: dict[int, float] = {}

    def execute(self, order: Order, rng: Rng) -> Execution:
        """Return what becomes of `order`. Draws four numbers from `rng`, always.

        Orders compete in the sequence of the calls. Total: never raises for a positive `qty`.
        """
        draws = self._draw(rng)
        decided_on = self.market.fresh_quote_at(order.submitted_at_us)
        arrival_us = order.submitted_at_us + draws.entry_us
        met = self.market.fresh_quote_at(arrival_us)
        if decided_on is None or met is None:
            return self._refused(order, decided_on, draws, "market closed")
        if draws.fate < self.luck.reject_bp / _BASIS_POINTS:
            return self._refused(order, decided_on, draws, "refused by the venue")
        match order.style:
            case Style.IOC:
                return self._take(order, decided_on, met, draws)
            case Style.POST_ONLY:
                return self._make(order, decided_on, met, draws)
            case _:
                assert_never(order.style)

    def _draw(self, rng: Rng) -> _Draws:
        model = self.latency
        sigma = model.sigma_milli / 1000

        def lognormal_us(median_us: int) -> int:
            return round(median_us * math.exp(sigma * rng.gauss(0.0, 1.0)))

        entry_us = lognormal_us(model.entry_median_us)
        response_us = lognormal_us(model.response_median_us)
        cancel_us = lognormal_us(model.entry_median_us)
        return _Draws(entry_us, response_us, cancel_us, rng.random())

    def _take(self, order: Order, decided_on: Quote, met: Quote, draws: _Draws) -> Execution:
        """Walk the book from the touch that the order meets, down to the price cap."""
        sign = _sign(order.side)
        touch = met.touch(sign)
        slack = round(sign * (decided_on.touch(sign) - touch) / self.tick) + order.cap_ticks
        luck = self.luck
        faded = draws.fate < (luck.reject_bp + luck.fade_bp) / _BASIS_POINTS
        arrival_us = order.submitted_at_us + draws.entry_us
        fills: list[Fill] = []
        rest = order.qty
        for level in range(0 if faded else slack + 1):
            # Only the touch is recorded; the levels behind it are guessed to be as deep.
            key = (met.index, sign, level)
            taken = self._taken_from_quotes.get(key, 0.0)
            qty = min(rest, met.touch_size(sign) - taken)
            if qty > 0:
                self._taken_from_quotes[key] = taken + qty
                price = touch if level == 0 else round(touch + sign * level * self.tick, 9)
                fills.append(Fill(arrival_us, price, qty))
                rest -= qty
            if rest <= 0:
                break
        return self._ended(order, decided_on, draws, fills, (arrival_us, OrderStatus.CANCELED))

    def _make(self, order: Order, decided_on: Quote, met: Quote, draws: _Draws) -> Execution:
        """Rest at the near touch, behind what is displayed there, until filled or cancelled.

        Cancellations ahead of us do not advance the queue (the risk-averse model).
        """
        sign = _sign(order.side)
        limit = decided_on.touch(-sign)
        if sign * (limit - met.touch(sign)) >= 0:
            return self._refused(order, decided_on, draws, "post-only would cross")
        ahead = met.touch_size(-sign) if math.isclose(limit, met.touch(-sign)) else 0.0
        arrival_us = order.submitted_at_us + draws.entry_us
        withdrawn_us = arrival_us + order.ttl_us + draws.cancel_us
        prints = self.market.prints
        fills: list[Fill] = []
        rest = order.qty
        for row in self.market.print_rows(arrival_us, withdrawn_us):
            ticks_through = round(sign * (limit - prints.price[row]) / self.tick)
            if ticks_through > 0:
                qty = rest
            elif ticks_through == 0 and prints.sign[row] != sign:
                free = max(0.0, prints.size[row] - ahead)
                ahead = max(0.0, ahead - prints.size[row])
                taken = self._taken_from_prints.get(row, 0.0)
                qty = min(rest, free, prints.size[row] - taken)
                self._taken_from_prints[row] = taken + max(0.0, qty)
            else:
                continue
            if qty > 0:
                fills.append(Fill(prints.time_us[row], limit, qty))
                rest -= qty
            if rest <= 0:
                break
        return self._ended(order, decided_on, draws, fills, (withdrawn_us, OrderStatus.EXPIRED))

    def _ended(
        self,
        order: Order,
        decided_on: Quote,
        draws: _Draws,
        fills: list[Fill],
        unfilled: tuple[int, OrderStatus],
    ) -> Execution:
        """Score what filled; `unfilled` is when and how the order ends if nothing did."""
        sent_us = order.submitted_at_us
        filled_qty = math.fsum(fill.qty for fill in fills)
        full = filled_qty >= order.qty * (1 - 1e-12)
        end_us, status = unfilled
        if fills:
            status = OrderStatus.FILLED if full else OrderStatus.PARTIALLY_FILLED
            end_us = fills[-1].time_us if full else end_us
        ack_us = draws.entry_us + draws.response_us
        execution = Execution(
            order=order,
            status=status,
            ack_latency_us=ack_us,
            ended_after_us=end_us - sent_us + draws.response_us,
            arrival_mid=decided_on.mid,
            known_at_us=end_us,
        )
        if not fills:
            return execution
        # An order is scored at a fixed age, but never before its last fill.
        markout_at_us = max(sent_us + self.markout_us, end_us)
        mark = self.market.mid_at(markout_at_us)
        assert mark is not None, "a quote stood when the order filled"
        maker = order.style is Style.POST_ONLY
        rate = self.fees.maker_milli_bp if maker else self.fees.taker_milli_bp
        traded = math.fsum(fill.price * fill.qty for fill in fills)
        fees = traded * rate / _MILLI_BASIS_POINTS
        moved = math.fsum((mark - fill.price) * fill.qty for fill in fills)
        return replace(
            execution,
            known_at_us=markout_at_us,
            fills=tuple(fills),
            filled_qty=order.qty if full else filled_qty,
            avg_price=traded / filled_qty,
            fees=fees,
            pnl=_sign(order.side) * moved - fees,
            markout_price=mark,
            markout_at_us=markout_at_us,
        )

    def _refused(
        self, order: Order, decided_on: Quote | None, draws: _Draws, reason: str
    ) -> Execution:
        answer_us = draws.entry_us + draws.response_us
        return Execution(
            order=order,
            status=OrderStatus.REJECTED,
            ack_latency_us=answer_us,
            ended_after_us=answer_us,
            arrival_mid=None if decided_on is None else decided_on.mid,
            known_at_us=order.submitted_at_us + draws.entry_us,
            reason=reason,
        )


def _sign(side: Side) -> int:
    return 1 if side is Side.BUY else -1
