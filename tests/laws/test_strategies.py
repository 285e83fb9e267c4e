"""Laws of strategies: versions are content, and a bot asks the router for every order."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradecanary.producers.strategies.bot import Account, TradingBot, order_intent
from tradecanary.producers.strategies.interface import (
    HOLD,
    MarketSnapshot,
    SignalKind,
    TradingStrategy,
)
from tradecanary.producers.strategies.momentum_v1 import MomentumV1
from tradecanary.producers.strategies.momentum_v2 import MomentumV2
from tradecanary.producers.strategies.version import StrategyVersion
from tradecanary.schemas.execution import Side

STRATEGIES: list[TradingStrategy] = [MomentumV1(), MomentumV2()]
numbers = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(
    lambda parts: ".".join(map(str, parts))
)
versions = st.builds(
    StrategyVersion,
    st.sampled_from(["momentum", "mean-reversion", "twap_2", "x-1"]),
    numbers,
    st.integers(0, 2**32 - 1).map(lambda number: f"{number:08x}"),
)
snapshots = st.builds(
    MarketSnapshot, st.floats(0.01, 1e6, allow_nan=False), st.floats(0, 1e5, allow_nan=False)
)


@given(versions)
def test_a_version_survives_its_text(version: StrategyVersion) -> None:
    """`parse(str(version))` is the version, dashes in the name included."""
    assert version == StrategyVersion.parse(str(version))


@given(versions, versions)
def test_versions_are_ordered_number_by_number(a: StrategyVersion, b: StrategyVersion) -> None:
    """The order is total, and that of name, then numbers as integers, then hash."""
    key = [(v.name, [int(part) for part in v.number.split(".")], v.hash8) for v in (a, b)]

    assert (key[0] < key[1]) == (a < b)
    assert (key[0] == key[1]) == (a == b)
    assert (a < b) + (a == b) + (b < a) == 1


def test_version_ten_follows_version_nine() -> None:
    """The order is not that of strings."""
    nine, ten = (StrategyVersion.parse(f"momentum-1.{n}.0-00000000") for n in (9, 10))

    assert nine < ten
    assert str(ten) < str(nine)


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_the_hash_is_over_content(first: bytes, second: bytes) -> None:
    """Equal content, equal version; other content, another one.

    Also with the same characters in another sequence, which a sum would not see.
    """
    of = StrategyVersion.of_content

    assert (first == second) == (of("m", "1.0", first) == of("m", "1.0", second))
    assert of("m", "1.0", b"1.2").hash8 != of("m", "1.0", b"2.1").hash8


def test_the_hash_is_sha256() -> None:
    """Eight digits of SHA-256, as anyone can compute them from the artefact."""
    assert "momentum-1.0.0-ba7816bf" == str(StrategyVersion.of_content("momentum", "1.0.0", b"abc"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "momentum",
        "momentum-1.0.0",
        "momentum-1.0.0-9F2C41AA",
        "momentum-1.0.0-9f2c41a",
        "momentum-1..0-9f2c41aa",
        "momentum-01.0-9f2c41aa",
        "-1.0-9f2c41aa",
        "mo mentum-1.0-9f2c41aa",
        "momentum-1.0-9f2c41aa\n",
    ],
)
def test_a_text_that_is_no_version_is_refused(text: str) -> None:
    """The error shows the form."""
    with pytest.raises(ValueError, match="must be NAME-VERSION-HASH8"):
        StrategyVersion.parse(text)


def test_both_momentum_versions_are_builds_of_one_strategy() -> None:
    """Same name, other number, other content."""
    first, second = (strategy.version for strategy in STRATEGIES)

    assert {"momentum"} == {strategy.name for strategy in STRATEGIES}
    assert first < second
    assert first.hash8 != second.hash8


@given(snapshots, st.floats(0, 1e9, allow_nan=False))
def test_signals_are_sane(snapshot: MarketSnapshot, balance: float) -> None:
    """A BUY aims above the price and gives up below it, a SELL the other way round.

    Strength and size lie within their bounds; HOLD is worth nothing.
    """
    for strategy, risk in zip(STRATEGIES, (0.01, 0.015), strict=True):
        signal = strategy.signal(snapshot)
        size = strategy.position_size(signal, balance)

        assert 0 <= size <= balance * risk
        if signal.kind is SignalKind.HOLD:
            assert (HOLD, 0.0) == (signal, size)
            continue
        assert signal.strength is not None
        assert signal.target is not None
        assert signal.stop_loss is not None
        assert 0 <= signal.strength <= 1
        up = signal.kind is SignalKind.BUY
        assert up == (signal.target > snapshot.price) == (signal.stop_loss < snapshot.price)


@pytest.mark.parametrize(("price", "volume"), [(0.0, 1.0), (-1.0, 1.0), (1.0, -1.0)])
def test_an_impossible_snapshot_is_refused(price: float, volume: float) -> None:
    """No strategy is asked about a price of zero."""
    with pytest.raises(ValueError, match="must hold"):
        MarketSnapshot(price, volume)


# --- the bot ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Route:
    variant: str
    version: str
    handler: TradingStrategy | None
    killed: bool = False


class _Asked:
    """A route call that remembers what it was asked, and answers by `pick` of the account."""

    def __init__(self, pick: Callable[[str], _Route]) -> None:
        self.pick = pick
        self.orders: list[tuple[str, str, str, str]] = []

    def __call__(self, *, order_id: str, account: str, region: str, venue: str) -> _Route:
        self.orders.append((order_id, account, region, venue))
        return self.pick(account)


ACCOUNTS = [Account("A1", 100_000.0), Account("A2", 50_000.0)]
BUSY = MarketSnapshot(price=50_000.0, volume=2_000.0)
STABLE = _Route("stable", "1", MomentumV1())
CANARY = _Route("canary", "2", MomentumV2())


def test_the_bot_asks_the_router_once_for_every_account() -> None:
    """Every account is one routed order with an id of its own, never used before."""
    asked = _Asked(lambda _: STABLE)
    bot = TradingBot(ACCOUNTS, asked, region="us", venue="XNYS", first_order=7)
    decisions = [*bot.decide(BUSY), *bot.decide(BUSY)]

    assert [
        ("A1-000007", "A1", "us", "XNYS"),
        ("A2-000007", "A2", "us", "XNYS"),
        ("A1-000008", "A1", "us", "XNYS"),
        ("A2-000008", "A2", "us", "XNYS"),
    ] == asked.orders
    assert [order[0] for order in asked.orders] == [decision.order_id for decision in decisions]


def test_the_version_that_was_routed_decides_signal_and_size() -> None:
    """Two accounts on two variants get the orders of two versions for the same market."""
    asked = _Asked(lambda account: STABLE if account == "A1" else CANARY)
    one, other = TradingBot(ACCOUNTS, asked, region="us", venue="XNYS").decide(BUSY)

    assert one.intent is not None
    assert other.intent is not None
    assert (Side.BUY, 1_000.0, 0.02, 51_000.0, 49_000.0) == (
        one.intent.side,
        one.intent.notional,
        one.intent.qty,
        one.intent.target,
        one.intent.stop_loss,
    )
    strength = MomentumV2().signal(BUSY).strength
    assert strength is not None
    assert other.intent.notional == pytest.approx(50_000.0 * 0.015 * strength)
    assert other.intent.target == pytest.approx(51_250.0)


def test_a_version_that_holds_sends_no_order() -> None:
    """HOLD leaves no intent, but the decision is there: the order was routed."""
    usual = MarketSnapshot(price=50_000.0, volume=1_000.0)
    bot = TradingBot(ACCOUNTS, _Asked(lambda _: STABLE), region="us", venue="XNYS")

    assert [(HOLD, None)] * 2 == [(d.signal, d.intent) for d in bot.decide(usual)]


@pytest.mark.parametrize(
    "route",
    [_Route("canary", "2", None), _Route("canary", "2", MomentumV2(), killed=True)],
)
def test_a_route_without_handler_or_killed_sends_no_order(route: _Route) -> None:
    """A killed strategy is not even asked for a signal."""
    bot = TradingBot(ACCOUNTS, _Asked(lambda _: route), region="us", venue="XNYS")

    assert [(None, None)] * 2 == [(d.signal, d.intent) for d in bot.decide(BUSY)]


@given(snapshots)
def test_an_intent_is_never_for_nothing(snapshot: MarketSnapshot) -> None:
    """No money, no order; else the quantity at the price is the money."""
    for strategy in STRATEGIES:
        signal = strategy.signal(snapshot)
        assert order_intent(signal, 0.0, snapshot.price) is None
        intent = order_intent(signal, 500.0, snapshot.price)
        if intent is not None:
            assert intent.qty * snapshot.price == pytest.approx(500.0)
