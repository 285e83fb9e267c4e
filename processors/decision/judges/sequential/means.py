"""Stratified mean differences and their confidence sequences (statistics.md 2.3).

Canary and stable are compared within each closed window, so a regime that hits both alike cancels.
The test is the one-sided normal mixture: asymptotic (Waudby-Smith et al. 2024; delayed start:
Bibaut, Kallus and Lindon), with the larger of both variances, which keeps it below its level.
One matrix holds, for each stream (lines), the sums of FIELDS (columns); phases are kept apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

FIELDS = ("canary", "stable", "omega", "a", "b", "ssw_c", "ssw_s", "df_c", "df_s", "n_c", "n_s")
"""Sums over windows of: w * mean of each arm, w, w^2/n, w^2/n', squares within each arm, their
degrees of freedom, orders; w = n n' / (n + n')."""
_WIDTH_EXACT_BELOW = -20.0
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


def sums_of(window: Doubles) -> Doubles:
    """Return what one closed window adds to the matrix (streams x FIELDS).

    `window` has a line for each stream: orders, mean and squared deviations, each of canary and
    stable. With one arm only it tells nothing of the difference, but of that arm's variance.
    """
    n = window[:, :2]
    orders = np.maximum(n, 1)
    w = (n[:, :1] * n[:, 1:]) / np.maximum(n.sum(axis=1, keepdims=True), 1)
    return np.concatenate(
        [w * window[:, 2:4], w, w * w / orders, window[:, 4:], np.maximum(n - 1, 0), n], axis=1
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """Sums over all phases of one stream: S's parts, the weight, and both variances' parts."""

    canary: float
    stable: float
    omega: float
    variance_c: float
    variance_s: float
    orders: int
    control: int

    @property
    def effect(self) -> float:
        """Return canary's mean less stable's."""
        return (self.canary - self.stable) / self.omega

    def variance(self, ratio: float = 1.0) -> float:
        """Return V of S = sum of w (mean_c - ratio * mean_s)."""
        return self.variance_c + ratio * ratio * self.variance_s


def difference(phases: Doubles) -> Difference:
    """Return the difference of one stream from its sums in each phase (phases x FIELDS).

    The variance of a phase is its own: volatility may change between phases.
    """
    sums = [0.0] * 7
    for canary, stable, omega, a, b, ssw_c, ssw_s, df_c, df_s, n_c, n_s in phases.tolist():
        vs = ssw_s / max(df_s, 1)
        vc = max(ssw_c / max(df_c, 1), vs)
        parts = (canary, stable, omega, vc * a, vs * b, n_c, n_s)
        sums = [old + new for old, new in zip(sums, parts, strict=True)]
    canary, stable, omega, variance_c, variance_s, n_c, n_s = sums
    return Difference(canary, stable, omega, variance_c, variance_s, int(n_c), int(n_s))


def differences(phases: Doubles, streams: Iterable[int]) -> dict[int, Difference]:
    """Return the difference of each of `streams` that has orders of both arms in one window.

    `phases` is (phases x streams x FIELDS).
    """
    found = {index: difference(phases[:, index]) for index in streams}
    return {index: shift for index, shift in found.items() if shift.omega}


def log_half_normal(s: float, variance: float, rho: float) -> float:
    """Return the log of the mixture of exp(l s - l^2 variance / 2) over l ~ |N(0, rho^2)|."""
    u = 1 + rho * rho * variance
    return math.log(2) - 0.5 * math.log(u) + _log_scaled_ndtr(rho * s / math.sqrt(u))


def half_width(variance: float, rho: float, alpha: float) -> float:
    """Return the one-sided radius of the confidence sequence of S at level `alpha`."""
    grown = math.sqrt(rho * rho * variance + 1) / (2 * alpha)
    return math.sqrt(2 * (variance + rho**-2) * math.log1p(grown))


def _log_scaled_ndtr(x: float) -> float:
    """Return x^2 / 2 + log of the normal distribution function at x, without cancellation."""
    if x > _WIDTH_EXACT_BELOW:
        return 0.5 * x * x + math.log(0.5 * math.erfc(-x / math.sqrt(2)))
    y = 1 / (x * x)
    return -math.log(-x) - _LOG_SQRT_2PI + math.log1p(-y + 3 * y**2 - 15 * y**3)
