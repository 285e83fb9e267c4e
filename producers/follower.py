"""From records of `routing-weights` and `kill-switch` to the routers they concern."""

from __future__ import annotations

from collections.abc import Sequence

from tradecanary.producers.kept import Kept
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.vectors import Reading
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.routing import EVERYWHERE, KillSwitch, RoutingWeights
from tradecanary.schemas.topics import KILL_SWITCH, ROUTING_WEIGHTS

FOLLOWED = (ROUTING_WEIGHTS.name, KILL_SWITCH.name)


class Follower:
    """Feeds the routers of one process; one thread calls it.

    Kills that were kept over a restart are obeyed at once, and no unkill ends them before
    `kill-switch` is read to its end: it may be older than the kill.
    """

    def __init__(self, routers: Sequence[OrderRouter], kept: Kept | None = None) -> None:
        """Feed `routers`, one a strategy; `kept` knows and hears of the kills in force."""
        self._routers = {router.strategy: router for router in routers}
        if len(self._routers) != len(routers):
            names = [router.strategy for router in routers]
            raise ValueError(f"strategies were {names}: one router a strategy and connection")
        self._kept = kept or Kept(None)
        self._behind = bool(self._kept.kills)
        self._unkills: dict[str, KillSwitch] = {}
        for record in self._kept.kills:
            self._obey(record)

    @property
    def routers(self) -> tuple[OrderRouter, ...]:
        """The routers fed."""
        return tuple(self._routers.values())

    def on_record(
        self, topic: str, key: bytes | None, value: bytes | None, append_time_ms: int
    ) -> str:
        """Feed one record of a topic in FOLLOWED; return what is wrong with it, or an empty text.

        Tombstones are passed over: compaction may bring them, and nothing ends by silence.
        """
        strategy = (key or b"").decode(errors="replace")
        concerned = strategy == EVERYWHERE or strategy in self._routers
        if not concerned or value is None:
            return ""
        try:
            if topic == KILL_SWITCH.name:
                self._kill(decode(KillSwitch, value))
                return ""
            return self._weights(decode(RoutingWeights, value), append_time_ms)
        except ContractViolation as broken:
            return f"{topic} record of '{strategy}' was ignored: {broken}"

    def kills_read(self) -> None:
        """Hear that `kill-switch` was read to its end: what was read is the newest."""
        self._behind = False
        while self._unkills:
            self._obey(self._unkills.popitem()[1])

    def _kill(self, record: KillSwitch) -> None:
        if self._behind and not record.killed:
            self._unkills[record.strategy] = record
        else:
            self._unkills.pop(record.strategy, None)
            self._obey(record)

    def _obey(self, record: KillSwitch) -> None:
        for router in self.routers:
            router.obey_kill(record)
        others = tuple(kill for kill in self._kept.kills if kill.strategy != record.strategy)
        self._kept.kills = (*others, record) if record.killed else others
        for router in self.routers:  # a service takes its time: first all obey
            router.on_untold()

    def _weights(self, vector: RoutingWeights, append_time_ms: int) -> str:
        router = self._routers.get(vector.strategy)
        if router is None or router.on_weights(vector, append_time_ms) is not Reading.IGNORE:
            return ""
        return f"{vector.strategy}: {router.last_ignored}"
