"""Is the split what the vector says? An e-value against the commanded share of the canary.

When it is not, something decides who is compared with whom, and no increase can be trusted: hold
and alert (statistics.md 2.5, after Lindon and Malek). Orders from mature cohorts are
counted; by account, accounts.
"""

from __future__ import annotations

from math import lgamma, log

from tradecanary.processors.decision.keyed import count
from tradecanary.processors.decision.model import Rollout
from tradecanary.schemas.decisions import Check
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE

LIMIT = log(1000)
"""A right split passes it in at most one phase of a thousand, however often it is looked at."""
_PRIOR = 100


def log_e(canary: int, stable: int, canary_bp: int) -> float:
    """Return the log e-value against a share of `canary_bp` after these counts.

    betaln(k pi + n, k (1 - pi) + n') - betaln(k pi, k (1 - pi)) - n log(pi) - n' log(1 - pi).
    """
    share = canary_bp / FULL_WEIGHT_BP
    a, b = _PRIOR * share, _PRIOR * (1 - share)
    grown = _log_beta(a + canary, b + stable) - _log_beta(a, b)
    return grown - canary * log(share) - stable * log(1 - share)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def sample_ratio(rollout: Rollout) -> tuple[Check, str] | None:
    """Return the comparison with its sentence, None where there is nothing to compare."""
    canary_bp = rollout.canary_bp
    if not 0 < canary_bp < FULL_WEIGHT_BP:
        return None
    counts, units = rollout.phase.mature, "orders"
    if rollout.spec.unit == "account":
        counts = {name: count(seen) for name, seen in rollout.phase.accounts.items()}
        units = "accounts"
    canary, stable = counts.get(CANARY, 0), counts.get(STABLE, 0)
    if not canary + stable:
        return None
    # rounded, because the last digits of lgamma differ between machines
    found = round(log_e(canary, stable, canary_bp), 6)
    check = Check("sample_ratio", found, round(LIMIT, 6), "log e", found > LIMIT)
    share, commanded = canary * 100 / (canary + stable), canary_bp / 100
    return check, (
        f"sample ratio: canary has {share:.2f} % of {canary + stable} {units}, commanded are "
        f"{commanded:g} % (log e-value {found:.1f}, limit {LIMIT:.1f}): find out what splits"
    )
