"""Folding recorded looks: recovery, status, verification and replays are all this.

A Look names its manifests and commands and holds everything else; with the records it names, each
look is taken again and gives the same state and effects, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from tradecanary.processors.decision.model import LookEvent, PartitionState
from tradecanary.processors.decision.step import step
from tradecanary.processors.stage import Emit
from tradecanary.schemas.decisions import Look
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.routing import Command

ManifestName = tuple[str, int, int]
Headers = Mapping[int, bytes]
"""By look: the header of the older contract that wrote its decisions; of today's there is none."""
_TODAYS: Headers = {}
Name_contra = TypeVar("Name_contra", contravariant=True)
Record_co = TypeVar("Record_co", covariant=True)


class Unrecorded(LookupError):
    """A look names a record that is not there (beyond its topic's retention?)."""


class ByName(Protocol[Name_contra, Record_co]):
    """Finds records by name: a dictionary, or whoever reads them when they are asked for."""

    def __getitem__(self, name: Name_contra, /) -> Record_co:
        """Return the record; raise KeyError when it is not there."""


@dataclass(slots=True)
class Parts:
    """Parts of manifests joined again; a manifest is whole when all its parts are here."""

    waiting: dict[ManifestName, dict[int, MetricsBatch]] = field(default_factory=dict)

    def add(self, part: MetricsBatch) -> MetricsBatch | None:
        """Return the whole manifest when `part` completes it, else None.

        A slot writes one manifest after the other: what an older one still misses was deleted.
        """
        if part.parts == 1:
            self._forget_before(part)
            return part
        parts = self.waiting.setdefault(name_of(part), {})
        parts[part.part] = part
        self._forget_before(part)
        if len(parts) < part.parts:
            return None
        del self.waiting[name_of(part)]
        ordered = [parts[number] for number in sorted(parts)]
        return replace(
            ordered[0],
            part=0,
            parts=1,
            ranges=tuple(r for one in ordered for r in one.ranges),
            publishers=tuple(p for one in ordered for p in one.publishers),
            partials=tuple(p for one in ordered for p in one.partials),
        )

    def _forget_before(self, part: MetricsBatch) -> None:
        for name in [n for n in self.waiting if n[0] == part.slot and n < name_of(part)]:
            del self.waiting[name]


def name_of(manifest: MetricsBatch) -> ManifestName:
    """Return what a Look calls the manifest: slot, incarnation, transaction."""
    return manifest.slot, manifest.incarnation, manifest.transaction


def named(look: Look) -> Iterator[ManifestName]:
    """Yield the names of the manifests that a look took in, in its sequence."""
    for part in look.manifests:
        for transaction in range(part.first_transaction, part.last_transaction + 1):
            yield part.slot, part.incarnation, transaction


def event_of(
    look: Look,
    manifests: ByName[ManifestName, MetricsBatch],
    commands: ByName[str, Command],
    headers: Headers = _TODAYS,
) -> LookEvent:
    """Return the input of `look`; raise Unrecorded when a record it names is missing."""
    try:
        return LookEvent(
            epoch=look.epoch,
            recorded_at_us=look.recorded_at_us,
            manifests=tuple(manifests[name] for name in named(look)),
            commands=tuple(commands[name] for name in look.commands),
            routers=look.routers,
            kills=look.kills,
            at_end=look.at_end,
            decision_header=headers.get(look.number, b""),
        )
    except KeyError as missing:
        text = f"look {look.number} of partition {look.partition} names {missing}, not found"
        raise Unrecorded(text) from missing


def fold(
    state: PartitionState,
    looks: Iterable[Look],
    manifests: ByName[ManifestName, MetricsBatch],
    commands: ByName[str, Command],
    headers: Headers = _TODAYS,
) -> Iterator[tuple[PartitionState, tuple[Emit, ...]]]:
    """Yield the state and effects after each look; looks at or before the state's are skipped."""
    for look in looks:
        if look.number <= state.look:
            continue
        state, effects = step(state, event_of(look, manifests, commands, headers))
        yield state, effects
