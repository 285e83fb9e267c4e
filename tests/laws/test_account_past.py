"""The accounts' past: stable's orders before a rollout, bounded, and fading."""

from __future__ import annotations

from tests.executions import partial
from tests.stories.teller import Teller
from tradecanary.processors.decision import keyed
from tradecanary.processors.decision.account_past import (
    MOST_ACCOUNTS,
    ORDERS_AN_ACCOUNT,
    Past,
    take_in,
)
from tradecanary.processors.decision.history import GENERATION_ORDERS
from tradecanary.schemas.metrics import PartialSums

BUILD = partial().version


def _group(account: str, orders: int = 1) -> PartialSums:
    return partial(account=account, orders=orders)


def test_only_stable_orders_of_an_account_count() -> None:
    """Not the canary's, not another version's, not those that name no account."""
    groups = [
        _group("a"),
        _group("a", 2),
        partial(account="a", variant="canary"),
        partial(account="a", version="other"),
        partial(),
    ]
    past = take_in(Past(), groups, BUILD)

    assert {"a": 3} == {name: totals.orders for name, totals in past.book().items()}
    assert {} == past.of("other").book()


def test_old_behaviour_fades() -> None:
    """A full generation becomes the older one; with the next it is gone."""
    past = take_in(Past(), [_group("old", GENERATION_ORDERS)], BUILD)
    assert ({"old"}, {}) == (set(past.book()), past.newer)
    past = take_in(past, [_group("new", GENERATION_ORDERS - 1)], BUILD)
    assert {"old", "new"} == set(past.book())
    past = take_in(past, [_group("new")], BUILD)

    assert {"new": GENERATION_ORDERS} == {n: totals.orders for n, totals in past.book().items()}


def test_a_generation_gives_its_accounts_time() -> None:
    """With many accounts it is full only when they sent enough orders on average."""
    accounts = [f"account-{number}" for number in range(100)]
    one = ORDERS_AN_ACCOUNT - 1
    past = take_in(Past(), [_group(account, one) for account in accounts], BUILD)
    assert (100, {}) == (keyed.count(past.newer), past.older)
    past = take_in(past, [_group(account) for account in accounts], BUILD)

    assert ({}, 100) == (past.newer, keyed.count(past.older))


def test_the_state_stays_flat() -> None:
    """No more than the limit in a generation; those known already go on."""
    groups = [_group(f"{number:06}") for number in range(MOST_ACCOUNTS + 5)]
    past = take_in(Past(), groups, BUILD)
    past = take_in(past, groups, BUILD)

    assert MOST_ACCOUNTS == keyed.count(past.newer) == len(past.book())
    assert {2} == {totals.orders for totals in past.book().values()}


def test_a_rollout_is_compared_with_what_was_before_it() -> None:
    """From START to its end the past stands still; then it goes on."""
    teller = Teller()
    teller.tell(
        """
        router g1 unit=account
        run 12s accounts=90 spread=1bp
        start policy=aggressive judge=sequential unit=account
        -> HOLD PENDING
        -> START Quick Test
        """
    )
    before = teller.state.strategies["momentum"].accounts
    teller.tell("run 5s accounts=90 spread=1bp")
    assert before is teller.state.strategies["momentum"].accounts
    teller.tell("abort\n-> ROLL_BACK abort\nrun 5s accounts=90 spread=1bp")

    assert before.orders < teller.state.strategies["momentum"].accounts.orders
