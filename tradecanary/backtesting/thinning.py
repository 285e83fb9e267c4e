"""Thinning: recorded orders as evidence for another weight than the one that routed them.

**What the record gives.** An order's coin `u` was below `w` (the recorded canary weight, as a share
of 1) with probability `w`; then the canary traded it, else stable did. Both weights are in the
order: a canary's `weight_bp` is `w`, a stable order's is `1 - w`. A recorded order cannot be traded
again by the other version: all that a backtest can do is leave orders out.

**What is wanted.** Among the orders that are kept, each is the canary's with probability `v`, the
weight of the policy under test at the order's `submitted_at`, whatever the order is like.

**The rule.** Every stable order is kept; a canary order is kept with probability

    p(v, w) = odds(v) / odds(w) = v (1 - w) / (w (1 - v)),    0 < v <= w < 1.

A kept order is then the canary's with probability  w p / (w p + 1 - w) = v, exactly, because
w p = (1 - w) odds(v). No rule keeps more: to keep canary orders of probability c v and stable ones
of c (1 - v) out of 1 - w, c is at most (1 - w) / (1 - v), which is what this rule keeps. With v > w
the rule would have to keep a canary order more than once, with w = 1 there is no stable order to
compare with, with w = 0 no canary: such orders are not *served*, and are evidence for nobody.

**The second coin.** A canary order is kept when `t = xxh3_64(salt + 0x1f + unit)`, as an integer,
is below `p 2^64`. The salt is the backtest's own, so `t` is independent of the recorded coin, which
had another. `p` rises with `v`: under one recorded weight, raising the policy's weight never moves
a unit out. All policies of a backtest toss the same `t`, so what differs between them is the
policy. Where the unit is the account, all of an account's orders share one `t`.

**What is left out is still flow.** Such an order keeps its version and gets revision 0, as an order
that no coin decided: it counts for the throughput and the age of the data, never as evidence.
"""

from __future__ import annotations

from tradecanary.schemas.units import FULL_WEIGHT_BP

_SPAN = 1 << 64


def is_served(wanted_bp: int, recorded_bp: int) -> bool:
    """Return whether orders recorded at one canary weight can be evidence for another."""
    return 0 < wanted_bp <= recorded_bp < FULL_WEIGHT_BP


def keep_bound(wanted_bp: int, recorded_bp: int) -> int:
    """Return the smallest coin at which a canary order is left out, an integer in 1..2^64.

    `t < keep_bound` iff `t < p(v, w) 2^64`; the weights must be served.

    >>> keep_bound(2_500, 2_500) == 2**64, keep_bound(2_000, 5_000) == 2**62
    (True, True)
    """
    assert is_served(wanted_bp, recorded_bp), (wanted_bp, recorded_bp)
    numerator = wanted_bp * (FULL_WEIGHT_BP - recorded_bp)
    denominator = recorded_bp * (FULL_WEIGHT_BP - wanted_bp)
    return -(-numerator * _SPAN // denominator)
