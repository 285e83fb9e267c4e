"""What the plot shows of the past: bounded, whatever the length of the rollout.

A full series gives up every second point, and takes in half as many from then on: the whole rollout
stays visible, only less finely, and memory stays flat.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tradecanary.schemas.units import US_PER_S

MOST_POINTS = 480
_FIRST_STEP_US = US_PER_S


@dataclass(frozen=True, slots=True)
class Point:
    """One moment: weights in basis points, evidence in nats (None: not known)."""

    time_us: int
    set_bp: int
    actual_bp: int | None
    nats: float | None


@dataclass(slots=True)
class Series:
    """The points of one rollout, oldest first."""

    rollout: str
    most: int = MOST_POINTS
    step_us: int = _FIRST_STEP_US
    points: list[Point] = field(default_factory=list)

    def add(self, point: Point) -> bool:
        """Take in a point unless the last is too near; a new weight is always taken in."""
        if self.points:
            last = self.points[-1]
            near = point.time_us - last.time_us < self.step_us
            if point.time_us <= last.time_us or (near and point.set_bp == last.set_bp):
                return False
        self.points.append(point)
        if len(self.points) > self.most:
            self._thin()
        return True

    def _thin(self) -> None:
        """Keep the first, the last, every second, and where the weight changed if there is room."""
        self.step_us *= 2
        last = self.points[-1]
        kept = [
            point
            for index, point in enumerate(self.points[:-1])
            if index % 2 == 0 or point.set_bp != self.points[index - 1].set_bp
        ]
        self.points = [*kept[-self.most + 1 :], last]
