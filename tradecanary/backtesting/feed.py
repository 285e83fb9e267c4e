"""The feed of one policy's backtest: recorded events, routed anew, for the aggregation.

The decision stage needs no special case for recorded flow, because it never sees how the record was
routed: each event carries the revision that the policy had in force when its order was submitted
and that revision's weights, or revision 0 when the order was left out (`thinning`). So nothing is
misrouted, and the reference, the throughput and the age of the data are those of the whole flow.

Where the policy asks for more canary than the record had, the record cannot tell what would have
happened: its orders are fed as SHADOW, which for the decision stage is a closed market. Clocks stop
and nothing is held against anybody, until the record has the weight. They are counted: `unserved`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tradecanary.backtesting import kernel as at
from tradecanary.backtesting.record import Record
from tradecanary.backtesting.routed import Routed
from tradecanary.backtesting.thinning import is_served, keep_bound
from tradecanary.processors.aggregation.kernel_bytes import Bytes, Ints
from tradecanary.processors.stage import TopicPartition
from tradecanary.producers.assignment import coin
from tradecanary.schemas.execution import Mode
from tradecanary.schemas.topics import EXECUTIONS
from tradecanary.schemas.units import FULL_WEIGHT_BP, US_PER_MS

_BEFORE_ALL_US = -(1 << 62)
_NEVER = np.uint64(0)
_SHADOW = np.int8(list(Mode).index(Mode.SHADOW))


@dataclass(frozen=True, slots=True)
class FedBatch:
    """Rerouted events of one partition: a `Batch`."""

    partition: TopicPartition
    first_offset: int
    values: Sequence[bytes]
    time_ms: int

    @property
    def timestamps_ms(self) -> Sequence[int]:
        """The time of the look that sees them, of each."""
        return (self.time_ms,) * len(self.values)

    @property
    def last_offset(self) -> int:
        """Offset of the last event."""
        return self.first_offset + len(self.values) - 1

    def offset(self, index: int) -> int:
        """Return the offset of the event at `index`."""
        return self.first_offset + index

    def key(self, index: int) -> bytes | None:  # noqa: ARG002 - nobody asks in a backtest
        """Return no key."""
        return None


def coins(record: Record, routed: Routed, salt: str) -> NDArray[np.uint64]:
    """Return the second coin of every canary order, 0 for stable ones: those are all kept."""
    found = np.zeros(len(record.columns), np.uint64)
    tossed = np.array(routed.is_canary, np.bool_)[record.columns[:, at.KEY]]
    indices = np.flatnonzero(tossed)
    made = (coin(salt, unit) for unit in record.units(indices))
    found[indices] = np.fromiter(made, np.uint64, len(indices))
    return found


@dataclass(slots=True)
class Feed:
    """Hands out the events between two looks; told of every vector that the policy issues."""

    record: Record
    routed: Routed
    coins: NDArray[np.uint64]
    vectors: at.Vectors = field(init=False)
    counts: Ints = field(init=False)
    weights_bp: list[int] = field(default_factory=lambda: [0])
    _offsets: dict[int, int] = field(init=False)
    _out: Bytes = field(init=False)
    _ends: Ints = field(init=False)

    def __post_init__(self) -> None:
        """Begin where no vector was issued: every order has revision 0."""
        keys = len(self.record.keys)
        used = np.unique(self.record.columns[:, at.PUBLISHER]).tolist()
        found = {int(self.record.partitions[row]) for row in used}
        self._offsets = dict.fromkeys(sorted(found), 0)
        self._out, self._ends = np.zeros(0, np.uint8), np.zeros(0, np.int64)
        self.counts = np.zeros((1, keys, 2), np.int64)
        self.vectors = at.Vectors(
            since_us=np.array([_BEFORE_ALL_US], np.int64),
            revisions=np.zeros(1, np.int64),
            served=np.zeros((1, keys), np.int8),
            limits=np.zeros((1, keys), np.uint64),
            weights=np.array([[key.weight_bp for key in self.record.keys]], np.int64),
            modes=np.zeros((1, keys), np.int8),
        )

    @property
    def partitions(self) -> tuple[int, ...]:
        """The partitions of the record."""
        return tuple(self._offsets)

    def issue(self, since_us: int, revision: int, canary_bp: int) -> None:
        """Route orders submitted after `since_us` by a new vector."""
        pairs = list(zip(self.routed.is_canary, self.routed.canary_bp, strict=True))
        served = [is_served(canary_bp, recorded_bp) for _, recorded_bp in pairs]
        limits = [
            keep_bound(canary_bp, recorded_bp) - 1 if yes and canary else int(_NEVER)
            for yes, (canary, recorded_bp) in zip(served, pairs, strict=True)
        ]
        weights = [canary_bp if canary else FULL_WEIGHT_BP - canary_bp for canary, _ in pairs]
        closed = [
            bool(canary_bp and key.revision and not yes)
            for key, yes in zip(self.record.keys, served, strict=True)
        ]
        old = self.vectors
        self.vectors = at.Vectors(
            since_us=np.append(old.since_us, np.int64(since_us)),
            revisions=np.append(old.revisions, np.int64(revision)),
            served=np.vstack([old.served, np.array([served], np.int8)]),
            limits=np.vstack([old.limits, np.array([limits], np.uint64)]),
            weights=np.vstack([old.weights, np.array([weights], np.int64)]),
            modes=np.vstack([old.modes, np.array(closed, np.int8)[None, :] * _SHADOW]),
        )
        self.weights_bp.append(canary_bp)
        self.counts = np.vstack([self.counts, np.zeros((1, len(pairs), 2), np.int64)])

    def batches(self, first: int, last: int, time_us: int) -> Iterator[FedBatch]:
        """Yield the events `first..last`, by partition; their look is at `time_us`."""
        if first == last:
            return
        record = self.record
        room = at.room_for(record.columns[first:last, at.LENGTH])
        if len(self._out) < room:
            self._out = np.zeros(2 * room, np.uint8)
        if len(self._ends) < last - first:
            self._ends = np.zeros(2 * (last - first), np.int64)
        for partition, offset in self._offsets.items():
            count = at.reroute(
                record.data, record.columns, record.numbers, self.coins, first, last,
                record.partitions, partition, self.vectors, self.counts, self._out, self._ends,
            )  # fmt: skip
            if not count:
                continue
            ends = self._ends[:count].tolist()
            text = self._out[: ends[-1]].tobytes()
            values = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
            self._offsets[partition] = offset + count
            place = TopicPartition(EXECUTIONS.name, partition)
            yield FedBatch(place, offset, values, -(-time_us // US_PER_MS))

    def left_out(self) -> tuple[int, int]:
        """Return the orders that were thinned away, and those that no rule could have kept.

        The latter were submitted while the policy asked for more canary than the record had, or
        were routed by no coin or by another pair of builds.
        """
        asked = np.array(self.weights_bp)[:, None] > 0
        served = self.vectors.served == 1
        left = self.counts[:, :, 1]
        return int(left[asked & served].sum()), int(left[asked & ~served].sum())
