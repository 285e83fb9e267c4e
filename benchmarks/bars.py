"""What `make bench` and `make bench-dashboard` must reach, as numbers that are compared."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from typing_extensions import override

_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure keeps it when `figure operator number`; the unit is that of the figure."""

    operator: str
    number: float
    unit: str = ""

    def kept(self, figure: object) -> bool:
        """Return whether the figure reaches it; what was not measured does not."""
        return isinstance(figure, int | float) and _HOLDS[self.operator](figure, self.number)

    @override
    def __str__(self) -> str:
        return f"{self.operator} {self.number:g} {self.unit}".rstrip()


BARS: Mapping[str, Bar] = {
    "aggregate_share_of_raw": Bar(">=", 0.6),
    "cost_per_event_growth": Bar("<=", 1.3),  # flat: 30 % is the noise of two runs
    "end_to_end_p50_ms": Bar("<", 300, "ms"),
    "end_to_end_p99_ms": Bar("<", 600, "ms"),
    "mature_cohort_to_zero_p50_ms": Bar("<", 300, "ms"),
    "mature_cohort_to_zero_p99_ms": Bar("<", 600, "ms"),
    "abort_to_zero_p99_ms": Bar("<", 1_000, "ms"),
    "restart_s": Bar("<", 11, "s"),
    "route_ns": Bar("<", 2_000, "ns"),
    "route_blocks_kept_per_1000": Bar("<", 1, "blocks"),
    "judge_us_per_look": Bar("<", 1_000, "us"),
    "watch_redraw_most_ms": Bar("<", 200, "ms"),
    "backtest_times_recorded_speed": Bar(">=", 20, "times"),
}
"""By the name of the figure."""

DASHBOARD_BARS: Mapping[str, Bar] = {
    "list_max_ms": Bar("<", 1_000, "ms"),
    "rollout_max_ms": Bar("<", 1_000, "ms"),
}
"""Of `make bench-dashboard`: the slowest transition of each page, as every one is to be seen."""


def missed(figures: Mapping[str, object], bars: Mapping[str, Bar] = BARS) -> list[str]:
    """Return the names of the figures that do not reach their bars, or are not there."""
    return [name for name, bar in bars.items() if not bar.kept(figures.get(name))]


def growth(costs: Mapping[str, float]) -> float:
    """Return the cost at the last size, as a multiple of the least one at a smaller size."""
    *smaller, last = costs.values()
    return last / min(smaller)
