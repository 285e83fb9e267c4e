"""A look as it is recorded: with the records it names it can be taken again, to the byte."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tradecanary.processors.decision.chain import At
from tradecanary.processors.decision.model import LookEvent
from tradecanary.processors.stage import Emit
from tradecanary.schemas.decisions import Look, ManifestRange
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.topics import DECISION_INPUTS


def recorded(at: At, event: LookEvent) -> Emit:
    """Return the Look of this look: names of manifests and commands, all else inline."""
    seen = Look(
        partition=at.partition,
        number=at.look,
        epoch=at.epoch,
        recorded_at_us=at.now_us,
        manifests=manifest_ranges(event.manifests),
        commands=tuple(command.id for command in event.commands),
        routers=event.routers,
        kills=event.kills,
        at_end=event.at_end,
    )
    return Emit(DECISION_INPUTS.name, str(at.partition).encode(), seen, at.partition)


def manifest_ranges(manifests: Iterable[MetricsBatch]) -> tuple[ManifestRange, ...]:
    """Return the names of the manifests, runs of consecutive transactions joined, in order."""
    ranges: list[ManifestRange] = []
    for manifest in manifests:
        last = ranges[-1] if ranges else None
        if (
            last is not None
            and (last.slot, last.incarnation) == (manifest.slot, manifest.incarnation)
            and last.last_transaction + 1 == manifest.transaction
        ):
            ranges[-1] = replace(last, last_transaction=manifest.transaction)
        else:
            number = manifest.transaction
            ranges.append(ManifestRange(manifest.slot, manifest.incarnation, number, number))
    return tuple(ranges)
