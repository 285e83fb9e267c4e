"""Laws of the simulated market: it answers about a time from what was known then."""

import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.markets import EXCERPT, altered_after, market, print_rows, quote_rows, whole_market_data
from tradecanary.producers.simulation.market import SESSION_GAP_US, Market, MarketDataError
from tradecanary.producers.simulation.market_files import ALIASES, instruments_in, load_market
from tradecanary.producers.simulation.snapshots import snapshot_at
from tradecanary.producers.simulation.synthetic import Shape, synthetic_market
from tradecanary.producers.strategies.interface import SignalKind
from tradecanary.producers.strategies.momentum_v1 import MomentumV1
from tradecanary.producers.strategies.momentum_v2 import MomentumV2

GAPS_US = st.lists(
    st.one_of(st.integers(0, 3), st.integers(SESSION_GAP_US - 1, SESSION_GAP_US + 2)),
    max_size=12,
)


def _times(gaps_us: list[int]) -> list[int]:
    times = [100]
    for gap_us in gaps_us:
        times.append(times[-1] + gap_us)
    return times


def _market(times: list[int], print_times: list[int] | None = None) -> Market:
    quotes = [(t, 10.0 + i, 11.0 + i, 1.0, 1.0) for i, t in enumerate(times)]
    prints = [(t, 10.0, float(i + 1), 0) for i, t in enumerate(print_times or [])]
    return market(quotes, prints, tick=1.0)


def _moments(times: list[int]) -> list[int]:
    return [t + step for t in times for step in (-1, 0, 1)]


@given(GAPS_US)
def test_quote_at_is_the_last_quote_not_after(gaps_us: list[int]) -> None:
    """`quote_at(t)` is the last row with time <= t, and None before the first."""
    times = _times(gaps_us)
    made = _market(times)
    for moment in _moments(times):
        rows = [i for i, t in enumerate(times) if t <= moment]
        quote = made.quote_at(moment)

        assert (rows[-1] if rows else None) == (None if quote is None else quote.index)
        assert made.mid_at(moment) == (None if quote is None else quote.mid)


@given(GAPS_US)
def test_a_stale_quote_is_not_fresh(gaps_us: list[int]) -> None:
    """`fresh_quote_at` is `quote_at` up to the age of SESSION_GAP_US, and None beyond."""
    times = _times(gaps_us)
    made = _market(times)
    for moment in _moments([*times, times[-1] + SESSION_GAP_US]):
        quote = made.quote_at(moment)
        fresh = quote is not None and moment - quote.time_us <= SESSION_GAP_US

        assert made.fresh_quote_at(moment) == (quote if fresh else None)


@given(GAPS_US, st.lists(st.integers(90, 120), max_size=12), st.data())
def test_volume_between_is_open_at_the_left(
    gaps_us: list[int], print_times: list[int], data: st.DataObject
) -> None:
    """`volume_between(a, b)` is the size of the prints with a < time <= b."""
    print_times.sort()
    made = _market(_times(gaps_us), print_times)
    a, b = data.draw(st.integers(85, 125)), data.draw(st.integers(85, 125))

    assert made.volume_between(a, b) == sum(i + 1 for i, t in enumerate(print_times) if a < t <= b)


@given(GAPS_US)
def test_a_gap_of_more_than_a_minute_is_closed(gaps_us: list[int]) -> None:
    """The market is open at t exactly when no gap above 60 s, nor an end, lies around t."""
    times = _times(gaps_us)
    made = _market(times)
    for moment in _moments(times):
        around = any(a <= moment <= b and b - a <= SESSION_GAP_US for a, b in pairwise(times))

        assert (around or moment in times) == made.is_open(moment)


@given(GAPS_US, st.integers(0, 10 * SESSION_GAP_US))
def test_open_time_leaves_out_what_is_closed(gaps_us: list[int], elapsed_us: int) -> None:
    """`at_open_time` is in a session and never falls in a pass; `open_before_us` inverts it."""
    made = _market(_times(gaps_us))
    moment = made.at_open_time(elapsed_us)

    assert made.is_open(moment)
    if made.open_duration_us:
        within = elapsed_us % made.open_duration_us
        assert within == made.open_before_us(moment)
        assert moment >= made.at_open_time(within // 2)


def test_bad_rows_are_refused_with_the_place() -> None:
    """A market without quotes, with time running backwards or crossed is refused in words."""
    with pytest.raises(MarketDataError, match="has no quotes"):
        market([])
    with pytest.raises(MarketDataError, match="quote 1 was at 5 us"):
        market([(6, 1.0, 2.0, 1.0, 1.0), (5, 1.0, 2.0, 1.0, 1.0)])
    with pytest.raises(MarketDataError, match=r"quote 0 was bid 2\.0, ask 2\.0"):
        market([(6, 2.0, 2.0, 1.0, 1.0)])


def test_a_synthetic_market_is_a_function_of_its_seed() -> None:
    """The same seed gives the same rows; another seed gives others."""
    first, again = synthetic_market(7, 20_000_000), synthetic_market(7, 20_000_000)

    assert quote_rows(first) == quote_rows(again)
    assert print_rows(first) == print_rows(again)
    assert quote_rows(first) != quote_rows(synthetic_market(8, 20_000_000))


@given(st.integers(0, 50))
def test_a_synthetic_market_is_one_open_session_within_its_duration(seed: int) -> None:
    """It has one session, starts and ends in time, and prints only between its quotes."""
    made = synthetic_market(seed, 5_000_000, start_us=1_000)
    first_us, last_us = made.span

    assert len(made.sessions) == 1
    assert first_us == 1_000
    assert last_us <= 5_001_000
    assert all(1_000 <= t <= 5_001_000 for t in made.prints.time_us)


def test_synthetic_volatility_clusters() -> None:
    """Sizes of neighbouring moves go together: their correlation is clearly positive."""
    made = synthetic_market(3, 1_200_000_000, shape=Shape(spread_ticks=2.0))
    mids = [made.mid_at(t) or 0.0 for t in range(0, made.span[1], 2_000_000)]
    moves = [abs(b - a) for a, b in pairwise(mids)]
    mean = sum(moves) / len(moves)
    spread = sum((move - mean) ** 2 for move in moves)

    assert sum((a - mean) * (b - mean) for a, b in pairwise(moves)) > 0.15 * spread


def test_the_excerpt_loads_by_alias() -> None:
    """The committed files load; the share has two sessions and only its own venue's prints."""
    share, btc = load_market(EXCERPT, "us-share"), load_market(EXCERPT, "btc")

    assert ("us-equity_XXX_2018-01-02", "XNYS", 0.01) == (share.instrument, share.venue, share.tick)
    assert (4_500, 2) == (len(share.quotes.bid), len(share.sessions))
    assert ("BITSTAMP", 2_227, 482) == (btc.venue, len(btc.quotes.bid), len(btc.prints.price))
    assert all(
        abs(price / (share.mid_at(t) or price) - 1) < 14e-4
        for t, price in zip(share.prints.time_us, share.prints.price, strict=True)
        if share.is_open(t)
    )


def test_the_whole_files_have_what_their_readme_counts() -> None:
    """All five instruments load; the share keeps the 11,185 prints one could have traded at."""
    directory = whole_market_data()
    if directory is None:
        pytest.skip("needs the whole market data: MARKET_DATA=DIR")
    share = load_market(directory, "us-share")

    assert (80_358, 11_185) == (len(share.quotes.bid), len(share.prints.price))
    assert set(instruments_in(directory)) <= set(ALIASES.values())


@pytest.mark.parametrize("name", ["us-share", "btc", "synthetic"])
def test_both_momentum_versions_find_every_signal(name: str) -> None:
    """BUY, SELL and HOLD all occur, for both versions, on the share, on BTC and made up."""
    made = synthetic_market(1, 600_000_000) if name == "synthetic" else load_market(EXCERPT, name)
    times = range(0, made.open_duration_us, made.open_duration_us // 300)
    snapshots = [snapshot_at(made, made.at_open_time(elapsed)) for elapsed in times]
    for strategy in (MomentumV1(), MomentumV2()):
        kinds = {strategy.signal(snapshot).kind for snapshot in snapshots if snapshot is not None}

        assert set(SignalKind) == kinds


def test_a_snapshot_does_not_look_ahead() -> None:
    """A snapshot is the same whatever happens after it."""
    made = synthetic_market(5, 60_000_000)
    moment = 30_000_000
    other = altered_after(made, moment)

    assert snapshot_at(other, moment, 5_000_000) == snapshot_at(made, moment, 5_000_000)


def test_a_missing_file_names_what_is_there(tmp_path: Path) -> None:
    """The error says which file was looked for, and which instruments the directory has."""
    with pytest.raises(MarketDataError, match=r"no gold_quotes\.csv\.gz.*BTCUSD.*\(btc\).*XXX"):
        load_market(EXCERPT, "gold")
    with pytest.raises(MarketDataError, match="no instrument at all"):
        load_market(tmp_path, "btc")
    with pytest.raises(MarketDataError, match="is not a directory"):
        load_market(tmp_path / "nowhere", "btc")


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("1000,,X,V,ten,11,1,1", "ten"),
        ("1000,,X,V", "float"),
        ("1000,,X,V,10,11,1,1\n2000,,X,W,10,11,1,1", "V, W"),
    ],
)
def test_a_broken_row_is_an_error_in_words(tmp_path: Path, row: str, found: str) -> None:
    """A row that cannot be read becomes a MarketDataError that names the file and the finding."""
    header = "timestamp_ns,exchange_timestamp_ns,symbol,venue,bid,ask,bid_size,ask_size"
    trades = "timestamp_ns,exchange_timestamp_ns,symbol,venue,price,size,side,trade_id,condition"
    (tmp_path / "x_quotes.csv.gz").write_bytes(gzip.compress(f"{header}\n{row}\n".encode()))
    (tmp_path / "x_trades.csv.gz").write_bytes(gzip.compress(f"{trades}\n".encode()))

    with pytest.raises(MarketDataError, match=rf"x_quotes\.csv\.gz.*{found}"):
        load_market(tmp_path, "x")


def test_a_file_that_is_cut_short_is_an_error_in_words(tmp_path: Path) -> None:
    """Half a gzip file is reported as such, with its name."""
    for kind in ("quotes", "trades"):
        name = f"bitstamp_BTCUSD_2015-05-01_{kind}.csv.gz"
        (tmp_path / name).write_bytes((EXCERPT / name).read_bytes()[:2_000])

    with pytest.raises(MarketDataError, match=r"quotes\.csv\.gz after line"):
        load_market(tmp_path, "btc")
