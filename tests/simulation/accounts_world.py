"""The world of sticky accounts in statistics.md 2.7: orders of one account are alike.

Accounts send orders at lognormal rates (sigma 1). Slippage is .3 bp + t(3) + .7 bp * normal of the
account: intraclass correlation .49 / (.49 + 3) = .14. What is sent before the rollout has the same
law; the canary adds `harm_bp` to every order of its accounts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradecanary.processors.decision.account_totals import AccountTotals, Moments
from tradecanary.processors.decision.judges.accounts import engine
from tradecanary.processors.decision.judges.accounts.settings import MeasureRule, Settings
from tradecanary.processors.decision.judges.judge import Verdict
from tradecanary.producers.assignment import assign
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE

SLIPPAGE = "slippage_milli_bp"
FIRST = 1_000
_Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class World:
    """One rollout: how many accounts, their weight, orders in all and before, and the harm."""

    accounts: int
    weight_bp: int
    orders: int = 128_000
    before: int = 0
    harm_bp: float = 0.0
    alpha: float = 0.01

    @property
    def settings(self) -> Settings:
        """One measure, with all of alpha, as in the table."""
        rule = MeasureRule(measure=SLIPPAGE, margin=500.0, weight=1.0)
        return Settings(measures=(rule,), alpha=self.alpha, first_orders=FIRST)

    def run(self, seed: int) -> int:
        """Return the canary orders at the look that found harm, 0 if none did."""
        random = np.random.default_rng([seed, self.accounts, self.weight_bp])
        names = [f"account-{index}" for index in range(self.accounts)]
        salt = f"rollout-{seed}"
        weights = {CANARY: self.weight_bp, STABLE: FULL_WEIGHT_BP - self.weight_bp}
        assignment = {name: assign(salt, name, weights) for name in names}
        canary = np.array([assignment[name] == CANARY for name in names])
        rates = random.lognormal(0.0, 1.0, self.accounts)
        usual = 0.3 + 0.7 * random.standard_normal(self.accounts)
        past = self.orders_of(self.before, rates, usual, random)
        book_before = book(names, *past)
        senders, values = self.orders_of(self.orders, rates, usual + self.harm_bp * canary, random)
        state, at = engine.begin(self.settings), FIRST
        while at <= self.orders:
            now = book(names, senders[:at], values[:at])
            state, answer = engine.look(
                now, book_before, assignment, self.settings, salt, at, state
            )
            assert answer is not None
            if answer.verdict is Verdict.HARMFUL:
                return int(np.count_nonzero(canary[senders[:at]]))
            at *= 2
        return 0

    @staticmethod
    def orders_of(
        count: int,
        rates: NDArray[np.float64],
        means: NDArray[np.float64],
        random: np.random.Generator,
    ) -> tuple[_Ints, _Ints]:
        """Return the sending account of each order, and its slippage in milli-bp."""
        senders = random.choice(len(rates), count, p=rates / rates.sum())
        slippage_bp = means[senders] + random.standard_t(3, count)
        return senders, np.rint(slippage_bp * 1_000).astype(np.int64)


def book(names: list[str], senders: _Ints, values: _Ints) -> dict[str, AccountTotals]:
    """Return the exact totals by account; values below 2^20 or so, so that int64 holds squares."""
    n, total, total_sq = (np.zeros(len(names), np.int64) for _ in range(3))
    np.add.at(n, senders, 1)
    np.add.at(total, senders, values)
    np.add.at(total_sq, senders, values * values)
    return {
        name: AccountTotals(count, measures={SLIPPAGE: Moments(count, int(a), int(b))})
        for name, count, a, b in zip(names, n.tolist(), total, total_sq, strict=True)
        if count
    }
