"""What must hold of the topics of any run, whatever died in it: laws as functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from tests.executions import Bad, feed, merged
from tradecanary.processors.aggregation.folding import empty_snapshot
from tradecanary.processors.aggregation.oracle import PlainFold
from tradecanary.processors.decision.replay import ManifestName, name_of
from tradecanary.processors.stage import LogRecord
from tradecanary.schemas.codec import decode
from tradecanary.schemas.decisions import DeadLetter, Decision, Look
from tradecanary.schemas.metrics import MetricsBatch, PartialSums, SourceRange
from tradecanary.schemas.routing import RoutingWeights
from tradecanary.schemas.topics import (
    DEAD_LETTERS,
    DECISION_INPUTS,
    DECISIONS,
    EXECUTIONS,
    METRICS,
    ROUTING_WEIGHTS,
)

Records = Sequence[LogRecord]


def of(records: Records, topic: str, partition: int | None = None) -> list[LogRecord]:
    """Return the records of a topic (or of one partition), in log order."""
    return [
        record
        for record in records
        if record.topic == topic and partition in {None, record.partition}
    ]


def manifests(records: Records) -> dict[int, dict[ManifestName, list[MetricsBatch]]]:
    """Return the manifests by metrics partition and name: their parts, in order."""
    found: dict[int, dict[ManifestName, list[MetricsBatch]]] = {}
    for record in of(records, METRICS.name):
        part = decode(MetricsBatch, record.value)
        found.setdefault(record.partition, {}).setdefault(name_of(part), []).append(part)
    return found


def ranges(records: Records) -> dict[int, list[SourceRange]]:
    """Return the committed ranges by source partition, in the order of offsets."""
    by_source: dict[int, list[SourceRange]] = {}
    for parts in manifests(records)[0].values():
        for part in parts:
            for one in part.ranges:
                by_source.setdefault(one.partition, []).append(one)
    for source in by_source.values():
        source.sort(key=lambda one: (one.first_offset, one.next_offset))
    return by_source


def check_sums(records: Records) -> int:
    """Merged sums equal a plain recomputation of `executions`, to the bit; return the events.

    The counts of events, duplicates, missing and bad records are those of one process that read
    everything at once.
    """
    counted: list[PartialSums] = [
        partial
        for partition in manifests(records).values()
        for parts in partition.values()
        for part in parts
        for partial in part.partials
    ]
    plain: list[PartialSums] = []
    bad, events = dict[int, list[Bad]](), 0
    for partition, source in sorted(ranges(records).items()):
        fold = PlainFold()
        fold.restore(empty_snapshot(partition, 0, from_start=True))
        bad[partition] = feed(fold, partition, of(records, EXECUTIONS.name, partition))
        drained = fold.drain()
        plain += drained.partials
        tally = drained.tallies[partition]
        assert (tally.events, tally.duplicates, tally.missing, len(bad[partition])) == (
            sum(one.events for one in source),
            sum(one.duplicates for one in source),
            sum(one.missing for one in source),
            sum(one.bad for one in source),
        )
        events += tally.events
    assert merged(plain) == merged(counted)
    return events


def check_ranges(records: Records) -> int:
    """Law (3): every offset lies in exactly one committed manifest; return the manifests.

    Every manifest lies on every metrics partition, whole, with the same ranges.
    """
    for partition, source in ranges(records).items():
        assert 0 == source[0].first_offset
        for one in source:
            counted = one.events + one.duplicates + one.bad + one.skipped
            assert counted == one.next_offset - one.first_offset, one
        for one, other in pairwise(source):
            assert one.next_offset == other.first_offset, (partition, one, other)
        assert source[-1].next_offset == of(records, EXECUTIONS.name, partition)[-1].offset + 1
    by_partition = manifests(records)
    said = [_said(partition) for partition in by_partition.values()]
    whole = set.intersection(*(set(one) for one in said))
    assert all(
        {name: one[name] for name in whole} == {n: said[0][n] for n in whole} for one in said
    )
    # a living aggregator may have written another idle one while the partitions were read in turn
    rest = [one[name] for one in said for name in set(one) - whole]
    assert all(part.first_offset == part.next_offset for parts in rest for part in parts)
    return len(whole)


def _said(
    found: dict[ManifestName, list[MetricsBatch]],
) -> dict[ManifestName, tuple[SourceRange, ...]]:
    for parts in found.values():
        assert [part.part for part in parts] == list(range(parts[0].parts))
    return {name: parts[0].ranges for name, parts in found.items()}


def decisions(records: Records) -> dict[str, list[Decision]]:
    """Return each strategy's decisions, in log order."""
    found: dict[str, list[Decision]] = {}
    for record in of(records, DECISIONS.name):
        decision = decode(Decision, record.value)
        found.setdefault(decision.strategy, []).append(decision)
    return found


def check_chain(records: Records) -> int:
    """Each strategy's chain is unbroken and its revisions gapless; return the decisions."""
    for strategy, made in decisions(records).items():
        assert [one.number for one in made] == list(range(1, len(made) + 1)), strategy
        assert "" == made[0].previous_hash
        for one, other in pairwise(made):
            assert one.hash == other.previous_hash, (one, other)
            assert one.after == other.before, (one, other)
            assert other.after.revision - one.after.revision in {0, 1}, (one, other)
            assert one.epoch <= other.epoch, (one, other)
    return sum(map(len, decisions(records).values()))


def check_looks(records: Records) -> int:
    """Looks are numbered without gaps on every partition, epochs never fall; return the looks."""
    by_partition: dict[int, list[Look]] = {}
    for record in of(records, DECISION_INPUTS.name):
        by_partition.setdefault(record.partition, []).append(decode(Look, record.value))
    for looks in by_partition.values():
        assert [look.number for look in looks] == list(range(1, len(looks) + 1))
        check_rises(look.epoch for look in looks)
    return sum(map(len, by_partition.values()))


def check_weights(records: Records) -> None:
    """In `routing-weights` no strategy's (epoch, revision) ever falls."""
    marks: dict[str, list[tuple[int, int]]] = {}
    for record in of(records, ROUTING_WEIGHTS.name):
        vector = decode(RoutingWeights, record.value)
        marks.setdefault(vector.strategy, []).append((vector.epoch, vector.revision))
    for strategy in marks.values():
        check_rises(strategy)


def check_rises(values: Iterable[int] | Iterable[tuple[int, int]]) -> None:
    """No value is smaller than the one before."""
    for one, other in pairwise(values):
        assert one <= other, (one, other)  # type: ignore[operator]


def letters(records: Records) -> list[DeadLetter]:
    """Return all dead letters."""
    return [decode(DeadLetter, record.value) for record in of(records, DEAD_LETTERS.name)]
