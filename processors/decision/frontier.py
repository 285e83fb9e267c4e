"""How far the flow was folded: frontiers per source partition, watermark, age of the data.

A manifest that continues the frontier is accepted, one that lies behind it is ignored and counted,
a hole before it is a gap: the rollouts halt until an operator resumes.
Clocks count recorded time while a decider looked; its own absence ages nobody's data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from tradecanary.schemas.decisions import Frontier
from tradecanary.schemas.metrics import MetricsBatch, SourceRange
from tradecanary.schemas.units import US_PER_S

HEARD_US = 10 * US_PER_S
IDLE_US = 5 * US_PER_S


@dataclass(frozen=True, slots=True)
class Heard:
    """A publisher's newest LIVE event, and when the decider heard of a newer one."""

    live_max_us: int
    heard_at_us: int


@dataclass(frozen=True, slots=True)
class SourceProgress:
    """One partition of `executions` as the decider knows it.

    `events_at_us`: when a LIVE event newer than all of its publisher's was last heard of.
    `confirmed`: whether it was seen caught up since the present decider took over.
    """

    next_offset: int
    caught_up: bool
    caught_up_at_us: int
    events_at_us: int
    confirmed: bool = False
    watermark_us: int = -1
    publishers: dict[str, Heard] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flow:
    """All source partitions together. What was lost is counted by strategy: `losses`.

    `idle`: no partition has events, so that the watermark goes by recorded time. `read_at_us`:
    when a look last had all of commands, kill switch and metrics, -1 before any.
    """

    since_us: int
    partitions: dict[int, SourceProgress] = field(default_factory=dict)
    watermark_us: int = -1
    moved_at_us: int = -1
    idle: bool = False
    duplicates: int = 0
    behind: int = 0
    gaps: int = 0
    read_at_us: int = -1

    def data_age_us(self, now_us: int) -> int:
        """Return the time since every partition was last seen caught up."""
        oldest = min(
            (known.caught_up_at_us for known in self.partitions.values()), default=self.since_us
        )
        return max(0, now_us - oldest)

    def behind_us(self, now_us: int) -> int:
        """Return how far the watermark is behind, 0 while it goes by recorded time."""
        return 0 if self.idle else max(0, now_us - max(self.watermark_us, self.since_us))

    def slowest(self, now_us: int) -> str:
        """Return the publisher whose events hold the watermark back, for people."""
        marks = [
            (mark.live_max_us, f"{source} on partition {number}")
            for number, known in self.partitions.items()
            for source, mark in _recent(known.publishers, now_us).items()
        ]
        return min(marks, default=(0, "no publisher"))[1]

    def is_confirmed(self) -> bool:
        """Return whether every partition was caught up since the present decider took over."""
        return bool(self.partitions) and all(p.confirmed for p in self.partitions.values())

    def frontiers(self) -> tuple[Frontier, ...]:
        """Return the frontiers for a decision's evidence."""
        return tuple(
            Frontier(partition, known.next_offset, known.watermark_us)
            for partition, known in sorted(self.partitions.items())
        )


class Fit(Enum):
    """How a manifest lies to the frontier."""

    CONTINUES = auto()
    BEHIND = auto()
    GAP = auto()


def fit(flow: Flow, manifest: MetricsBatch) -> Fit:
    """Return how `manifest` lies to the frontier; torn (partly behind) counts as a gap."""
    known = [(part, flow.partitions.get(part.partition)) for part in manifest.ranges]
    if all(old is None or part.first_offset == old.next_offset for part, old in known):
        return Fit.CONTINUES
    if all(old is not None and part.next_offset <= old.next_offset for part, old in known):
        return Fit.BEHIND
    return Fit.GAP


def fold(flow: Flow, manifest: MetricsBatch, now_us: int) -> tuple[Flow, Fit]:
    """Return the flow after `manifest`. At a gap it goes on from there, and the gap is counted."""
    how = fit(flow, manifest)
    if how is Fit.BEHIND:
        return replace(flow, behind=flow.behind + 1), how
    heard: dict[int, dict[str, Heard]] = {}
    for publisher in manifest.publishers:
        heard.setdefault(publisher.partition, {})[publisher.source] = Heard(
            publisher.live_max_event_time_us, now_us
        )
    partitions = dict(flow.partitions)
    for part in manifest.ranges:
        partitions[part.partition] = _advanced(
            partitions.get(part.partition), part, heard.get(part.partition, {}), now_us
        )
    return (
        replace(
            flow,
            partitions=partitions,
            duplicates=flow.duplicates + sum(part.duplicates for part in manifest.ranges),
            gaps=flow.gaps + (how is Fit.GAP),
        ),
        how,
    )


def _advanced(
    old: SourceProgress | None, part: SourceRange, heard: Mapping[str, Heard], now_us: int
) -> SourceProgress:
    before = old or SourceProgress(part.first_offset, part.caught_up, now_us, now_us)
    known = before.publishers
    # a publisher that sends only SHADOW or old events would hold the watermark for ever
    newer = {
        source: mark
        for source, mark in heard.items()
        if mark.live_max_us > (known[source].live_max_us if source in known else -1)
    }
    return SourceProgress(
        next_offset=max(before.next_offset, part.next_offset),
        caught_up=part.caught_up,
        caught_up_at_us=now_us if part.caught_up else before.caught_up_at_us,
        events_at_us=now_us if newer else before.events_at_us,
        confirmed=before.confirmed or part.caught_up,
        watermark_us=before.watermark_us,
        publishers={**_recent(known, now_us), **newer},
    )


def _recent(publishers: Mapping[str, Heard], now_us: int) -> dict[str, Heard]:
    return {
        source: mark for source, mark in publishers.items() if now_us - mark.heard_at_us < HEARD_US
    }


def advance_watermark(flow: Flow, now_us: int) -> Flow:
    """Return the flow with its watermark moved on, never backwards.

    Of a partition: the minimum over its publishers heard in the last 10 s. Overall: the minimum
    over partitions that are not caught up and idle for 5 s; with all idle, now - 5 s.
    """
    partitions: dict[int, SourceProgress] = {}
    marks: list[int] = []
    for number, known in flow.partitions.items():
        recent = _recent(known.publishers, now_us).values()
        mark = max(known.watermark_us, min((heard.live_max_us for heard in recent), default=-1))
        partitions[number] = (
            known if mark == known.watermark_us else replace(known, watermark_us=mark)
        )
        if not (known.caught_up and now_us - known.events_at_us >= IDLE_US):
            marks.append(mark)
    flow = replace(flow, partitions=partitions, idle=not marks)
    target = min(marks) if marks else now_us - IDLE_US
    if not partitions or target <= flow.watermark_us:
        return flow
    return replace(flow, watermark_us=target, moved_at_us=now_us)


def taken_over(flow: Flow, away_us: int) -> Flow:
    """Return the flow for a new decider: for `away_us` nobody looked, and nobody was to be heard.

    Nothing is confirmed before the new decider has itself seen it.
    """
    partitions = {
        number: replace(
            known,
            confirmed=False,
            caught_up_at_us=known.caught_up_at_us + away_us,
            events_at_us=known.events_at_us + away_us,
            publishers={
                source: Heard(mark.live_max_us, mark.heard_at_us + away_us)
                for source, mark in known.publishers.items()
            },
        )
        for number, known in flow.partitions.items()
    }
    return replace(
        flow,
        since_us=flow.since_us + away_us,
        read_at_us=flow.read_at_us + away_us if flow.read_at_us >= 0 else -1,
        partitions=partitions,
    )


def clock_step_us(before: Flow, after: Flow, now_us: int) -> int:
    """Return by how much phase clocks advance: event-driven steps of the watermark only, <= 5 s.

    min(watermark step, recorded time since the watermark last moved, 5 s).
    """
    if after.idle or before.watermark_us < 0 or after.watermark_us <= before.watermark_us:
        return 0
    return max(
        0,
        min(after.watermark_us - before.watermark_us, now_us - before.moved_at_us, IDLE_US),
    )
