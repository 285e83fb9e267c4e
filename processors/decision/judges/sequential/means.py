"""Stratified mean differences and their confidence sequences (statistics.md 2.3).

Canary and stable are compared within each closed window, so a regime that hits both alike cancels.
The test is the one-sided normal mixture: asymptotic (Waudby-Smith et al. 2024; delayed start:
Bibaut, Kallus and Lindon), with the larger of both variances, which keeps it below its level.
One matrix holds, for each stream (lines), the sums of FIELDS (columns); phases are kept apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

FIELDS = ("canary", "stable", "omega", "a", "b", "ssw_c", "ssw_s", "df_c", "df_s", "n_c", "n_s")
"""Sums over windows of: w * mean of each arm, w, w^2/n, w^2/n', squares within each arm, their
degrees of freedom, orders; w = n n' / (n + n')."""
_WIDTH_EXACT_BELOW = -20.0
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, slots=True)
class Window:
    """One closed window of some streams: orders, mean and squared deviations of each arm."""

    n_c: Doubles
    n_s: Doubles
    mean_c: Doubles
    mean_s: Doubles
    ssw_c: Doubles
    ssw_s: Doubles


def sums_of(window: Window) -> Doubles:
    """Return what the window adds to the matrix (streams x FIELDS).

    A window with one arm only tells nothing of the difference, but of that arm's variance.
    """
    n_c, n_s = window.n_c, window.n_s
    w = n_c * n_s / np.maximum(n_c + n_s, 1)
    return np.stack(
        [
            w * window.mean_c,
            w * window.mean_s,
            w,
            w * w / np.maximum(n_c, 1),
            w * w / np.maximum(n_s, 1),
            window.ssw_c,
            window.ssw_s,
            np.maximum(n_c - 1, 0),
            np.maximum(n_s - 1, 0),
            n_c,
            n_s,
        ],
        axis=1,
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
        """Return canary's mean less stable's, 0 before there is one."""
        return (self.canary - self.stable) / self.omega if self.omega else 0.0

    def variance(self, ratio: float = 1.0) -> float:
        """Return V of S = sum of w (mean_c - ratio * mean_s)."""
        return self.variance_c + ratio * ratio * self.variance_s


def differences(phases: Doubles) -> list[Difference]:
    """Return the difference of every stream; `phases` is (phases x streams x FIELDS).

    The variance of a phase is its own: volatility may change between phases.
    """
    col = {name: phases[:, :, index] for index, name in enumerate(FIELDS)}
    vs = col["ssw_s"] / np.maximum(col["df_s"], 1)
    vc = np.maximum(col["ssw_c"] / np.maximum(col["df_c"], 1), vs)
    columns = (
        col["canary"].sum(axis=0),
        col["stable"].sum(axis=0),
        col["omega"].sum(axis=0),
        (vc * col["a"]).sum(axis=0),
        (vs * col["b"]).sum(axis=0),
        col["n_c"].sum(axis=0),
        col["n_s"].sum(axis=0),
    )
    return [
        Difference(canary, stable, omega, var_c, var_s, int(n_c), int(n_s))
        for canary, stable, omega, var_c, var_s, n_c, n_s in np.stack(columns, axis=1).tolist()
    ]


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
