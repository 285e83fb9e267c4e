"""A consumer group in memory: members, generations, range assignment, committed offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tradecanary.processors.stage import TopicPartition


def range_assignment(
    members: Mapping[str, Sequence[str]], partitions: Mapping[str, int]
) -> dict[str, frozenset[TopicPartition]]:
    """Return who reads what: per topic, consecutive partitions to members sorted by id.

    `members` maps a member id to its topics. Topics with equal partition counts end up alike, so
    one member owns all that concerns a key (Kafka's RangeAssignor).
    """
    owned: dict[str, list[TopicPartition]] = {member: [] for member in members}
    for topic, count in partitions.items():
        readers = sorted(member for member, topics in members.items() if topic in topics)
        if not readers:
            continue
        share, rest = divmod(count, len(readers))
        first = 0
        for rank, member in enumerate(readers):
            last = first + share + (rank < rest)
            owned[member] += [TopicPartition(topic, index) for index in range(first, last)]
            first = last
    return {member: frozenset(places) for member, places in owned.items()}


class MemoryGroup:
    """The coordinator of one group. A member learns of a new generation at its next poll."""

    __slots__ = (
        "_assigned",
        "_heard_us",
        "_joined",
        "_name",
        "_partitions",
        "_topics",
        "generation",
        "offsets",
        "pending",
    )

    def __init__(self, name: str, partitions: Mapping[str, int]) -> None:
        self._name = name
        self._partitions = partitions
        self._joined = 0
        self._topics: dict[str, tuple[str, ...]] = {}
        self._heard_us: dict[str, int] = {}
        self._assigned: dict[str, frozenset[TopicPartition]] = {}
        self.generation = 0
        self.offsets: dict[TopicPartition, int] = {}
        self.pending: dict[str, dict[TopicPartition, int]] = {}
        """Offsets in open transactions, by transactional id."""

    def join(self, topics: Sequence[str], now_us: int) -> str:
        """Return the id of a new member; everybody gets a new assignment."""
        self._joined += 1
        member = f"{self._name}-{self._joined:06d}"
        self._topics[member] = tuple(topics)
        self._heard_us[member] = now_us
        self._rebalance()
        return member

    def leave(self, member: str) -> None:
        """Drop a member (it left, or was evicted), if it still is one."""
        if self._topics.pop(member, None) is not None:
            del self._heard_us[member]
            self._rebalance()

    def heartbeat(self, member: str, now_us: int, session_us: int) -> None:
        """Note that `member` lives, and evict those not heard for longer than the session."""
        if member in self._heard_us:
            self._heard_us[member] = now_us
        dead = [name for name, heard in self._heard_us.items() if now_us - heard > session_us]
        for name in dead:
            self.leave(name)

    def members(self) -> tuple[str, ...]:
        """Return the ids of the members."""
        return tuple(self._topics)

    def assigned(self, member: str) -> frozenset[TopicPartition]:
        """Return what `member` reads in this generation."""
        return self._assigned[member]

    def is_current(self, member: str, generation: int) -> bool:
        """Return whether the broker would take a commit of `member` in `generation`."""
        return member in self._topics and generation == self.generation

    def is_stable(self, places: frozenset[TopicPartition]) -> bool:
        """Return whether no open transaction is about to move the offsets of `places`."""
        return all(places.isdisjoint(offsets) for offsets in self.pending.values())

    def _rebalance(self) -> None:
        self.generation += 1
        self._assigned = range_assignment(self._topics, self._partitions)
