"""Router statuses that wait for a look, in as few bytes as say the same.

After an outage of the decider each router has one waiting for every second of it. A look holds them
inline, and must fit into a record.
"""

from __future__ import annotations

from tradecanary.processors.decision.routers import outdates
from tradecanary.schemas.decisions import RouterFact

LOOK_BYTES = 512 << 10
"""Of router statuses in one look: about a thousand of them."""
_Life = tuple[str, str, int]


class RouterFacts:
    """Statuses in the order they came, less those that a later one outdates."""

    def __init__(self) -> None:
        """Begin without any."""
        self._facts: list[tuple[RouterFact, int]] = []
        self._newest: dict[_Life, int] = {}

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._facts)

    def add(self, fact: RouterFact, size: int) -> None:
        """Take a status in, which is `size` bytes long."""
        status = fact.status
        life = (status.strategy, status.router, status.incarnation)
        index = self._newest.get(life)
        if index is not None and outdates(status, self._facts[index][0].status):
            self._facts[index] = fact, size
            return
        self._newest[life] = len(self._facts)
        self._facts.append((fact, size))

    def take(self, limit_bytes: int = LOOK_BYTES) -> tuple[RouterFact, ...]:
        """Take out and return the first ones, up to the one that reaches `limit_bytes`."""
        count, taken_bytes = 0, 0
        while count < len(self._facts) and taken_bytes < limit_bytes:
            taken_bytes += self._facts[count][1]
            count += 1
        taken = tuple(fact for fact, _ in self._facts[:count])
        self._facts = self._facts[count:]
        self._newest = {life: at - count for life, at in self._newest.items() if at >= count}
        return taken
