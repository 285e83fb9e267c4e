"""A publisher whose stream goes bad on the way: late, duplicate, corrupt or missing events."""

from __future__ import annotations

import random

from typing_extensions import override

from tradecanary.producers.clock import SYSTEM_CLOCK, Clock
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.simulation.stream_faults import StreamFault, disturb
from tradecanary.producers.spool import Outgoing
from tradecanary.schemas.partitioning import partition_of


class DisturbedPublisher(ExecutionPublisher):
    """An ExecutionPublisher with a stream fault planted behind its numbering.

    So a missing event leaves its hole, and a duplicate repeats its number.
    """

    def __init__(
        self, source: str, fault: StreamFault, seed: int, *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        super().__init__(source, clock=clock)
        self._fault = fault
        self._rng = random.Random(seed)
        self.touched = 0

    @override
    def take(self, limit: int, partitions: int) -> list[Outgoing]:
        taken = super().take(limit, partitions)
        found = disturb(self._fault, [(one.key, one.value) for one in taken], self._rng)
        self.touched += len(found.touched)
        return [
            Outgoing(partition_of(key or b"", partitions), key or b"", value)
            for key, value in found.messages
        ]
