"""Strategies whose beginning is beyond retention: from which decision on they can be made again.

Theory of operation. When `decision-inputs` no longer reach back to the first look, the fold starts
with nothing, and a strategy's past is taken from its recorded decisions look by look: number, hash
and vector, which is all that a rollout takes over from what was before it, but for stable's last
orders. Those are in START as the frozen reference. So a START that comes out the same to the byte
shows that all it rests on is known, and from there on every decision of the strategy must. Until
then nothing is held against it: what cannot be known is not found wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tradecanary.processors.auditing.support import facts_of
from tradecanary.processors.decision.model import PartitionState, StrategyState
from tradecanary.processors.decision.transitions import ENDED
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.decisions import Decision, DecisionKind, Vector
from tradecanary.schemas.topics import DECISIONS

_REMEMBERED = 100
"""As many ended rollouts and answered commands as a strategy remembers."""


@dataclass(slots=True)
class Recorded:
    """What the recorded decisions of a strategy tell of it so far."""

    number: int = 0
    last_hash: str = ""
    vector: Vector | None = None
    ended: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()

    def take(self, decision: Decision) -> None:
        """Note the next decision."""
        self.number, self.last_hash = decision.number, decision.hash
        self.vector = decision.after if decision.after.revision else None
        if decision.status in ENDED and decision.rollout not in self.ended:
            self.ended = (*self.ended, decision.rollout)[-_REMEMBERED:]
        if decision.command_id:
            self.answered = (*self.answered, decision.command_id)[-_REMEMBERED:]


class Past:
    """What recorded decisions tell of the strategies of one partition, in the order of looks."""

    def __init__(self, log: Log, partition: int) -> None:
        """Read nothing yet."""
        place = TopicPartition(DECISIONS.name, partition)
        self._records = log.read(place, log.start_offset(place))
        self._ahead: Decision | None = None
        self._recorded: dict[str, Recorded] = {}
        self.known: set[str] = set()

    def settle(
        self, state: PartitionState, made: Mapping[str, Sequence[Decision]]
    ) -> PartitionState:
        """Return the state with what was recorded up to its look; `known` grows.

        `made`: the decisions that the look gave, by strategy.
        """
        recorded = self._up_to(state.look)
        strategies = dict(state.strategies)
        for name in (made.keys() | recorded.keys()) - self.known:
            mine, theirs = made.get(name, ()), recorded.get(name, ())
            if _is_start(mine) and list(map(facts_of, mine)) == list(map(facts_of, theirs)):
                self.known.add(name)
                continue
            told = self._recorded.get(name, Recorded())
            strategy = strategies.get(name) or StrategyState(name)
            strategies[name] = _corrected(strategy, told, is_same=_line(mine) == _line(theirs))
        return replace(state, strategies=strategies)

    def _up_to(self, look: int) -> dict[str, list[Decision]]:
        found: dict[str, list[Decision]] = {}
        while (decision := self._ahead or self._next()) is not None:
            if decision.look > look:
                self._ahead = decision
                break
            self._ahead = None
            self._recorded.setdefault(decision.strategy, Recorded()).take(decision)
            found.setdefault(decision.strategy, []).append(decision)
        return found

    def _next(self) -> Decision | None:
        for record in self._records:
            try:
                return decode(Decision, record.value)
            except ContractViolation:
                continue  # the chain finds it
        return None


def _is_start(decisions: Sequence[Decision]) -> bool:
    return any(one.kind is DecisionKind.START for one in decisions)


def _line(decisions: Sequence[Decision]) -> list[tuple[str, ...]]:
    return [(one.kind.value, one.status.value, one.rollout) for one in decisions]


def _corrected(strategy: StrategyState, told: Recorded, *, is_same: bool) -> StrategyState:
    return replace(
        strategy,
        number=told.number,
        last_hash=told.last_hash,
        revision=told.vector.revision if told.vector else 0,
        vector=told.vector,
        past=told.ended,
        answered=told.answered,
        rollout=strategy.rollout if is_same else None,
    )
