"""MetricsBatch: one aggregator transaction's manifest with the partial sums it covers (4.2)."""

from __future__ import annotations

from dataclasses import dataclass

from tradecanary.schemas.execution import Mode


@dataclass(frozen=True, slots=True)
class SourceRange:
    """What one transaction read of one partition of `executions`.

    Law: events + duplicates + bad + skipped = next_offset - first_offset.
    """

    partition: int
    first_offset: int
    next_offset: int
    events: int
    duplicates: int
    missing: int
    bad: int
    skipped: int
    caught_up: bool


@dataclass(frozen=True, slots=True)
class PublisherProgress:
    """How far one publisher incarnation was heard on one source partition.

    `missing`: change of its missing numbers. `strategies`: those it serves (`strategy_set`).
    """

    partition: int
    source: str
    events: int
    top_seq: int
    live_max_event_time_us: int
    missing: int = 0
    strategies: int = 0


@dataclass(frozen=True, slots=True)
class MeasureSums:
    """Exact sums of one measure: count, total, total of squares and a sparse histogram."""

    name: str
    n: int
    total: int
    total_sq: int
    buckets: tuple[int, ...]
    bucket_counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PartialSums:
    """Sums of the events of one group: cell, variant, version, vector, mode, cohort, account."""

    strategy: str
    region: str
    venue: str
    variant: str
    version: str
    routing_revision: int
    weight_bp: int
    mode: Mode
    account: str
    cohort_us: int
    orders: int
    markouts: int
    status_counts: tuple[int, ...]
    late: int
    unbenchmarked: int
    unacknowledged: int
    error_accounts: int
    measures: tuple[MeasureSums, ...]


@dataclass(frozen=True, slots=True)
class MetricsBatch:
    """One part of a manifest, on one partition of `metrics`."""

    slot: str
    incarnation: int
    transaction: int
    part: int
    parts: int
    ranges: tuple[SourceRange, ...]
    publishers: tuple[PublisherProgress, ...]
    partials: tuple[PartialSums, ...]


@dataclass(frozen=True, slots=True)
class PublisherState:
    """Duplicate detection of one publisher on one source partition."""

    source: str
    next_seq: int
    holes: tuple[int, ...]
    events: int
    live_max_event_time_us: int
    last_event_time_us: int
    strategies: int = 0


@dataclass(frozen=True, slots=True)
class AggregationSnapshot:
    """All that the aggregator remembers of one source partition, as of `next_offset`."""

    partition: int
    next_offset: int
    from_start: bool
    max_event_time_us: int
    publishers: tuple[PublisherState, ...]
