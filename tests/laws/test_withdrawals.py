"""A service that takes its time over a withdrawal holds up no kill, vector or status."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.kafka.waiting import wait_until
from tradecanary.producers.follower import Follower
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.teller import Teller
from tradecanary.producers.withdrawals import Withdrawals
from tradecanary.schemas.codec import encode
from tradecanary.schemas.routing import EVERYWHERE, KillSwitch
from tradecanary.schemas.topics import KILL_SWITCH

SERVED = frozenset({("stable", "v1"), ("canary", "v2")})
ROLLED_BACK = frozenset({("stable", "v1")})


def router(strategy: str, on_withdrawn: Callable[[str], object] | None = None) -> OrderRouter:
    """Return a router at its baseline."""
    return OrderRouter(strategy, {"v1": "one"}, "v1", on_withdrawn=on_withdrawn)


def is_killed(one: OrderRouter) -> bool:
    """Return whether an order would not be traded."""
    return one.route("1", "A", "us", "XNAS").killed


def until(condition: Callable[[], bool], what: str) -> None:
    """Return when `condition` holds."""
    pause = threading.Event()
    wait_until(condition, what, step=lambda: pause.wait(0.005))


def kill(follower: Follower, strategy: str = EVERYWHERE, *, killed: bool = True) -> None:
    """Hand a record of `kill-switch` to the follower."""
    record = KillSwitch(strategy, killed, "anna", 0, "drill")
    assert not follower.on_record(KILL_SWITCH.name, strategy.encode(), encode(record), 0)


@contextmanager
def telling(one: OrderRouter) -> Iterator[None]:
    """Tell the router's service in a thread of its own."""
    teller = Teller(one)
    teller.start()
    yield
    teller.stop(60.0)


def test_all_obey_a_kill_before_any_service_is_told() -> None:
    """Even where the telling is inline: no router's kill waits for another's callback."""
    seen: list[bool] = []
    routers = [router("a", lambda _: seen.append(is_killed(routers[1]))), router("b")]
    kill(Follower(routers))
    assert seen == [True]


def test_a_callback_that_hangs_holds_nothing_up() -> None:
    """The kill is obeyed and noted at once, the next records too; acknowledged on return."""
    hangs = threading.Event()
    slow, other = router("a", lambda _: hangs.wait(60.0)), router("b")
    follower = Follower([slow, other])
    with telling(slow):
        kill(follower)
        assert is_killed(slow)
        assert is_killed(other)
        assert [one.acknowledged for one in slow.status().withdrawals] == [False]
        kill(follower, killed=False)
        kill(follower, "a")
        assert is_killed(slow)
        assert not is_killed(other)
        hangs.set()
        until(lambda: all(one.acknowledged for one in slow.status().withdrawals), "acknowledged")
        assert len(slow.status().withdrawals) == 2


@pytest.mark.parametrize("fault", [RuntimeError, SystemExit])
def test_a_callback_that_fails_leaves_its_thread_alive(fault: type[BaseException]) -> None:
    """It is not acknowledged, and the next withdrawal is told."""
    told: list[str] = []

    def fails_once(variant: str) -> None:
        told.append(variant)
        if len(told) == 1:
            raise fault(variant)

    one = router("a", fails_once)
    follower = Follower([one])
    with telling(one):
        kill(follower)
        until(lambda: len(told) == 1, "the first is told")
        kill(follower, killed=False)
        kill(follower)
        until(lambda: one.status().withdrawals[-1].acknowledged, "the second is acknowledged")
    assert [each.acknowledged for each in one.status().withdrawals] == [False, True]


def test_what_waits_is_told_at_the_end() -> None:
    """Stopping comes after what was withdrawn before."""
    told: list[str] = []
    one = router("a", told.append)
    with telling(one):
        kill(Follower([one]))
    assert told == ["stable"]


def test_while_a_callback_hangs_what_waits_is_bounded() -> None:
    """Each variant waits once, in order of its withdrawal, however often it flaps meanwhile."""
    told: list[str] = []
    withdrawals = Withdrawals(told.append, SERVED)
    withdrawals.now_served(frozenset(), "killed", 0)
    for n in range(1, 100):
        withdrawals.now_served(SERVED, "back", n)
        withdrawals.now_served(ROLLED_BACK, "slower", n)
    assert len(withdrawals.newest) == 16
    withdrawals.tell()
    assert told == ["canary", "stable"]
    assert all(one.acknowledged for one in withdrawals.newest)
