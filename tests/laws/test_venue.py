"""Laws of the simulated venue: no look-ahead, no free liquidity, no favoured side."""

import math
from collections import defaultdict
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.markets import EXCERPT, altered_after, market, mirrored
from tradecanary.producers.simulation.market import Market
from tradecanary.producers.simulation.market_files import load_market
from tradecanary.producers.simulation.orders import (
    Execution,
    Fees,
    Fill,
    Latency,
    Luck,
    Order,
    Style,
)
from tradecanary.producers.simulation.synthetic import Shape, synthetic_market
from tradecanary.producers.simulation.venue import Venue
from tradecanary.schemas.execution import OrderStatus, Side

DYADIC = Shape(tick=0.25, mid_ticks=400, lot=1, size_lots=20.0)
"""Prices without rounding, so that equality is exact; small sizes, so that they run out."""
MARKETS = [synthetic_market(seed, 10_000_000, shape=DYADIC) for seed in range(4)]
NO_LUCK = Luck(fade_bp=0, reject_bp=0)
FAR = Latency(entry_median_us=150_000, response_median_us=1_000)
"""So slow that most orders meet another quote than the one they were decided on."""
AT_ONCE = Latency(entry_median_us=10, response_median_us=5, sigma_milli=0)

orders = st.builds(
    Order,
    order_id=st.just("A-1"),
    side=st.sampled_from(Side),
    qty=st.sampled_from([0.5, 7.0, 40.0, 300.0]),
    submitted_at_us=st.integers(0, 9_000_000),
    style=st.sampled_from(Style),
    cap_ticks=st.integers(0, 4),
    ttl_us=st.sampled_from([1, 200_000, 1_000_000]),
)


@given(st.sampled_from(MARKETS), orders, st.integers(0, 99))
def test_an_execution_is_deaf_to_the_future(made: Market, order: Order, seed: int) -> None:
    """Whatever happens after `known_at_us`, the execution is the same."""
    fees = Fees(maker_milli_bp=-100, taker_milli_bp=250)
    known = Venue(made, fees, FAR, markout_us=300_000).execute(order, Random(seed))
    other = Venue(altered_after(made, known.known_at_us), fees, FAR, markout_us=300_000)

    assert known == other.execute(order, Random(seed))


@given(st.sampled_from(MARKETS), orders, st.integers(0, 99))
def test_the_future_up_to_known_at_matters(made: Market, order: Order, seed: int) -> None:
    """The law above has teeth: the mark-out is read at `known_at_us`, and not a moment before."""
    execution = Venue(made, luck=NO_LUCK).execute(order, Random(seed))
    assume(execution.fills)

    assert execution.markout_price == made.mid_at(execution.markout_at_us)
    assert execution.known_at_us == execution.markout_at_us
    assert execution.markout_at_us >= execution.fills[-1].time_us


def _fill_sizes(made: Market, executions: list[Execution]) -> dict[tuple[int, float], float]:
    """Sum what takers got by quote met and price."""
    sums: dict[tuple[int, float], float] = defaultdict(float)
    for execution in executions:
        for fill in execution.fills:
            quote = made.quote_at(fill.time_us)
            assert quote is not None
            sums[quote.index, fill.price] += fill.qty
    return sums


@given(st.sampled_from(MARKETS), st.lists(orders, min_size=20, max_size=60), st.integers(0, 99))
def test_all_takers_together_get_no_more_than_is_displayed(
    made: Market, sent: list[Order], seed: int
) -> None:
    """At any price of any quote, the fills of all orders sum to at most the displayed size."""
    venue = Venue(made, luck=NO_LUCK)
    rng = Random(seed)
    crowded = [
        replace(order, style=Style.IOC, submitted_at_us=order.submitted_at_us // 20 * 3)
        for order in sent
    ]
    executions = [venue.execute(order, rng) for order in crowded]

    for (index, price), qty in _fill_sizes(made, executions).items():
        quote = made.quote(index)
        size = quote.ask_size if price >= quote.ask else quote.bid_size
        assert qty <= size * (1 + 1e-12)


def test_two_variants_share_the_book_until_the_quote_changes() -> None:
    """What one variant took the other does not find; a new quote shows new size."""
    made = market([(0, 10.0, 10.25, 50.0, 100.0), (1_000, 10.0, 10.25, 60.0, 100.0)])
    venue = Venue(made, latency=AT_ONCE, luck=NO_LUCK)
    order = Order("A-1", Side.BUY, 70.0, 0, cap_ticks=0)
    first = venue.execute(order, Random(1))
    second = venue.execute(order, Random(1))
    third = venue.execute(replace(order, submitted_at_us=990), Random(1))

    assert [70.0, 30.0, 70.0] == [first.filled_qty, second.filled_qty, third.filled_qty]
    assert second.status is OrderStatus.PARTIALLY_FILLED


@given(st.sampled_from(MARKETS), orders, st.integers(0, 99))
def test_buy_and_sell_are_mirror_images(made: Market, order: Order, seed: int) -> None:
    """A BUY fares as a SELL does in the market turned upside down: same fills, same P&L."""
    other_side = Side.SELL if order.side is Side.BUY else Side.BUY
    execution = Venue(made, Fees(), FAR).execute(order, Random(seed))
    image = Venue(mirrored(made), Fees(), FAR).execute(
        replace(order, side=other_side), Random(seed)
    )

    assert execution.status == image.status
    assert execution.pnl == pytest.approx(image.pnl, rel=1e-9, abs=1e-9)
    assert [(f.time_us, f.qty) for f in execution.fills] == [
        (f.time_us, f.qty) for f in image.fills
    ]


@given(st.sampled_from(MARKETS), orders, st.integers(0, 99))
def test_the_parts_of_an_execution_agree(made: Market, order: Order, seed: int) -> None:
    """Status, quantities, average, fees and P&L say the same thing, less fees and by side."""
    fees = Fees(maker_milli_bp=-100, taker_milli_bp=250)
    execution = Venue(made, fees=fees).execute(order, Random(seed))
    sign = 1 if order.side is Side.BUY else -1
    rate = fees.taker_milli_bp if order.style is Style.IOC else fees.maker_milli_bp
    filled = sum(fill.qty for fill in execution.fills)

    assert filled == pytest.approx(execution.filled_qty)
    assert (execution.status is OrderStatus.FILLED) == (execution.filled_qty == order.qty)
    assert (execution.status is OrderStatus.PARTIALLY_FILLED) == (0 < filled < order.qty)
    assert execution.ack_latency_us is not None
    assert execution.ended_after_us is not None
    assert 0 < execution.ack_latency_us <= execution.ended_after_us
    if not execution.fills:
        assert (None, 0.0, 0.0) == (execution.avg_price, execution.fees, execution.pnl)
        return
    traded = sum(fill.qty * fill.price for fill in execution.fills)
    assert execution.markout_price is not None
    assert traded / filled == pytest.approx(execution.avg_price)
    assert traded * rate / 1e7 == pytest.approx(execution.fees)
    gain = sign * (execution.markout_price * filled - traded)
    assert gain - execution.fees == pytest.approx(execution.pnl, abs=1e-9)


@given(orders, st.integers(0, 99))
def test_every_order_draws_the_same_numbers(order: Order, seed: int) -> None:
    """Two orders with equal seeds meet equal luck and leave the source in the same state."""
    rng, other_rng = Random(seed), Random(seed)
    first = Venue(MARKETS[0]).execute(order, rng)
    other = replace(order, side=Side.BUY, style=Style.IOC, qty=1.0, submitted_at_us=5_000_000)
    second = Venue(MARKETS[1]).execute(other, other_rng)

    assert first.ack_latency_us == second.ack_latency_us
    assert rng.random() == other_rng.random()


def test_a_taker_walks_the_book_to_its_cap_and_no_further() -> None:
    """It pays a tick more each level of the size met; the remainder is cancelled."""
    made = market([(0, 10.0, 10.25, 50.0, 100.0), (2_000, 10.5, 10.75, 50.0, 100.0)])
    venue = Venue(made, fees=Fees(), latency=AT_ONCE, luck=NO_LUCK, markout_us=1_000)
    execution = venue.execute(Order("A-1", Side.BUY, 250.0, 0, cap_ticks=1), Random(1))

    assert (Fill(10, 10.25, 100.0), Fill(10, 10.5, 100.0)) == execution.fills
    assert execution.status is OrderStatus.PARTIALLY_FILLED
    assert 200 * (10.125 - 10.375) == execution.pnl


def test_a_market_that_ran_away_leaves_a_taker_cancelled() -> None:
    """The cap is counted from the touch seen at submission, not from the one met."""
    made = market([(0, 10.0, 10.25, 50.0, 100.0), (5, 10.5, 10.75, 50.0, 100.0)])
    venue = Venue(made, latency=AT_ONCE, luck=NO_LUCK)
    order = Order("A-1", Side.BUY, 10.0, 0, cap_ticks=1)

    assert venue.execute(order, Random(1)).status is OrderStatus.CANCELED
    assert 10.75 == venue.execute(replace(order, cap_ticks=2), Random(1)).avg_price


def test_a_market_that_came_back_gives_a_taker_the_better_price() -> None:
    """Price improvement is kept."""
    made = market([(0, 10.0, 10.25, 50.0, 100.0), (5, 9.0, 9.25, 50.0, 100.0)])
    venue = Venue(made, latency=AT_ONCE, luck=NO_LUCK)

    assert 9.25 == venue.execute(Order("A-1", Side.BUY, 10.0, 0, cap_ticks=0), Random(1)).avg_price


def _rest(
    prints: list[tuple[int, float, float, int]],
    **changes: Any,  # noqa: ANN401 - any field
) -> Execution:
    """Execute a maker's BUY of 10 at 10.0 behind 50 displayed, resting for a second."""
    made = market([(0, 10.0, 10.25, 50.0, 100.0)], prints)
    venue = Venue(made, fees=Fees(), latency=AT_ONCE, luck=NO_LUCK)
    order = Order("A-1", Side.BUY, 10.0, 0, style=Style.POST_ONLY, ttl_us=1_000)
    return venue.execute(replace(order, **changes), Random(1))


def test_a_maker_waits_for_the_queue_ahead() -> None:
    """Prints at its price serve what was displayed first, then the maker."""
    served = [
        (90, 10.0, 20.0, -1),
        (100, 10.0, 30.0, -1),
        (200, 10.0, 4.0, -1),
        (300, 10.0, 20.0, 0),
    ]

    assert OrderStatus.EXPIRED is _rest(served[:2]).status
    assert (Fill(200, 10.0, 4.0),) == _rest(served[:3]).fills
    assert (Fill(200, 10.0, 4.0), Fill(300, 10.0, 6.0)) == _rest(served).fills
    assert OrderStatus.FILLED is _rest(served).status
    assert 305 == _rest(served).ended_after_us


def test_a_print_through_a_makers_price_fills_it() -> None:
    """Who traded at a worse price must have passed ours: all of the rest fills, at our price."""
    assert (Fill(100, 10.0, 10.0),) == _rest([(100, 9.75, 1.0, -1)]).fills
    assert () == _rest([(100, 10.25, 999.0, 1)]).fills


def test_a_print_of_our_own_side_does_not_fill_a_maker() -> None:
    """An aggressive buyer takes nothing from a resting buyer."""
    assert () == _rest([(100, 10.0, 999.0, 1)]).fills


def test_fills_until_the_cancel_arrives_still_count() -> None:
    """The order leaves at arrival + time to live + cancel latency, not before."""
    assert OrderStatus.FILLED is _rest([(1_020, 9.75, 1.0, -1)]).status
    assert OrderStatus.EXPIRED is _rest([(1_021, 9.75, 1.0, -1)]).status
    assert 1_025 == _rest([]).ended_after_us


def test_two_makers_share_a_print() -> None:
    """Orders of both variants at one price get no more than was printed there."""
    made = market([(0, 10.0, 10.25, 5.0, 100.0)], [(100, 10.0, 15.0, -1)])
    venue = Venue(made, latency=AT_ONCE, luck=NO_LUCK)
    order = Order("A-1", Side.BUY, 8.0, 0, style=Style.POST_ONLY)
    filled = [venue.execute(order, Random(1)).filled_qty for _ in range(3)]

    assert [8.0, 7.0, 0.0] == filled


def test_a_post_only_order_that_would_cross_is_rejected() -> None:
    """The book moved through its limit on the way: the venue answers with a reject."""
    made = market([(0, 10.0, 10.25, 50.0, 100.0), (5, 9.5, 9.75, 50.0, 100.0)])
    venue = Venue(made, latency=AT_ONCE, luck=NO_LUCK)
    execution = venue.execute(Order("A-1", Side.BUY, 1.0, 0, style=Style.POST_ONLY), Random(1))

    assert (OrderStatus.REJECTED, 15, 15) == (
        execution.status,
        execution.ack_latency_us,
        execution.ended_after_us,
    )
    assert "post-only would cross" == execution.reason


def test_a_closed_market_rejects() -> None:
    """Before the first quote, or on one older than a minute, nothing trades.

    The arrival mid is unknown rather than stale.
    """
    made = market([(1_000, 10.0, 10.25, 50.0, 100.0)])
    venue = Venue(made, latency=AT_ONCE, luck=NO_LUCK)
    for submitted_at_us in (0, 70_000_000):
        execution = venue.execute(Order("A-1", Side.BUY, 1.0, submitted_at_us), Random(1))

        assert (OrderStatus.REJECTED, None) == (execution.status, execution.arrival_mid)


def test_the_default_path_is_that_of_the_design() -> None:
    """Takers on the share: about 95 % filled, about 3.5 ms in the median, p99 below 10 ms."""
    made = load_market(EXCERPT, "us-share")
    venue = Venue(made)
    rng = Random(11)
    executions: list[Execution] = []
    for number in range(4_000):
        moment = made.at_open_time(number * made.open_duration_us // 4_000)
        side = Side.BUY if number % 2 else Side.SELL
        executions.append(venue.execute(Order(f"A-{number}", side, 5.0, moment), rng))
    latencies = sorted(execution.ack_latency_us or 0 for execution in executions)
    filled = sum(execution.status is OrderStatus.FILLED for execution in executions)

    assert 0.94 < filled / 4_000 < 0.965
    assert 3_300 < latencies[2_000] < 3_900
    assert 7_500 < latencies[3_960] < 10_000
    assert math.isfinite(sum(execution.pnl for execution in executions))
