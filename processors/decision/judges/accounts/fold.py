"""Folding mature orders by account, and a look whenever the phase's orders have doubled.

A phase is judged by its own orders only: accounts move when the weight rises. Orders are those of
the revision that routed them; what still comes of an earlier phase after the next one's first
mature orders is no longer looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tradecanary.processors.decision import keyed
from tradecanary.processors.decision.account_totals import AccountTotals, Book
from tradecanary.processors.decision.cohorts import Ripe, Stream
from tradecanary.processors.decision.judges.accounts import engine, words
from tradecanary.processors.decision.judges.accounts.state import AccountsState
from tradecanary.processors.decision.judges.judge import Terms
from tradecanary.processors.decision.keyed import Keyed
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE

_VARIANTS = (STABLE, CANARY)
_ORDERS = frozenset({Stream.ORDERS, Stream.LATE_ORDERS})


def fold(state: AccountsState, ripe: Iterable[tuple[Ripe, Terms]]) -> AccountsState:
    """Return the state with all that became ripe taken in, looked at whenever that is due.

    Orders without a control (weight 0 or 10000) are no evidence.
    """
    for found, terms in ripe:
        if 0 < terms.canary_bp < FULL_WEIGHT_BP and terms.phase >= state.phase:
            state = _looked(_taken(state, found, terms.phase), terms)
    return state


def _taken(state: AccountsState, ripe: Ripe, phase: int) -> AccountsState:
    if phase > state.phase:
        begun = state.looks.restarted(state.settings.first_orders)
        state = replace(state, phase=phase, orders=0, totals={}, looks=begun)
    is_orders = ripe.stream in _ORDERS
    totals = dict(state.totals)
    for variant in _VARIANTS:
        book = _part(ripe.cohort.accounts.get(variant, {}), is_orders=is_orders)
        if book:
            totals[variant] = _added(totals.get(variant, {}), book)
    new = sum(ripe.cohort.orders(variant) for variant in _VARIANTS) if is_orders else 0
    return replace(state, orders=state.orders + new, totals=totals)


def _part(book: Book, *, is_orders: bool) -> Book:
    if is_orders:
        return {name: totals.without_pnl() for name, totals in book.items() if totals.orders}
    return {name: totals.only_pnl() for name, totals in book.items() if totals.has_pnl}


def _added(known: Keyed[AccountTotals], book: Book) -> Keyed[AccountTotals]:
    changes = {}
    for account, totals in book.items():
        before = keyed.get(known, account)
        changes[account] = totals if before is None else before.plus(totals)
    return keyed.put(known, changes)


def _looked(state: AccountsState, terms: Terms) -> AccountsState:
    """The state after a look if one is due, else as it is."""
    if state.harm or state.orders < state.looks.next_orders:
        return state
    books = {name: dict(keyed.items(state.totals.get(name, {}))) for name in _VARIANTS}
    both = books[STABLE].keys() & books[CANARY].keys()  # a lapse of routers: neither variant's
    assignment = {
        account: variant
        for variant, book in books.items()
        for account in book
        if account not in both
    }
    now = books[STABLE] | books[CANARY]
    looks, answer = engine.look(
        now,
        terms.past.book(),
        assignment,
        state.settings,
        terms.salt,
        state.orders,
        state.looks,
    )
    if answer is None:
        return state
    shown = words.shown(answer, state.settings, len(both), looks.next_orders)
    harm = words.harm(answer, state.settings)
    return replace(state, looks=looks, shown=shown, harm=harm)
