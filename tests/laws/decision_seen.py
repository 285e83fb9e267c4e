"""One look of the decision stage, as its laws see it."""

from __future__ import annotations

from itertools import pairwise

from tradecanary.processors.decision.model import LookEvent, PartitionState, StrategyState
from tradecanary.processors.stage import Emit
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.routing import EVERYWHERE, CellWeights, CommandKind, RoutingWeights
from tradecanary.schemas.units import CANARY


class Seen:
    """One strategy before and after one look, with what was emitted for it in between."""

    def __init__(
        self,
        name: str,
        states: tuple[PartitionState, PartitionState],
        event: LookEvent,
        effects: tuple[Emit, ...],
    ) -> None:
        before, after = states
        self.event = event
        self.states = states
        self.before = before.strategies.get(name) or StrategyState(name)
        self.after = after.strategies[name]
        mine = [effect.record for effect in effects if effect.key == name.encode()]
        self.decisions = [record for record in mine if isinstance(record, Decision)]
        self.weights = [record for record in mine if isinstance(record, RoutingWeights)]
        first: dict[str, str] = {}
        for known in before.strategies.values():
            first |= dict.fromkeys(known.answered, known.strategy)
        for command in event.commands:
            first.setdefault(command.id, command.strategy)
        self.commands = [
            command
            for command in event.commands
            if command.strategy == first[command.id] == name
            and command.id not in self.before.answered
        ]
        kills = [kill for kill in event.kills if kill.strategy in {name, EVERYWHERE}]
        self.is_killed = any(kill.killed for kill in kills)
        self.is_unkilled = any(not kill.killed for kill in kills)
        self.course_bp = [_canary_bp(self.before.vector.cells if self.before.vector else ())]
        self.course_bp += [_canary_bp(weights.cells) for weights in self.weights]

    def asks(self, kind: CommandKind) -> bool:
        """Return whether a new command of this kind came."""
        return any(command.kind is kind for command in self.commands)

    @property
    def rises(self) -> bool:
        """Whether the canary was given more at any moment of the look."""
        return any(low < high for low, high in pairwise(self.course_bp))


def _canary_bp(cells: tuple[CellWeights, ...]) -> int:
    return sum(w.weight_bp for w in cells[0].weights if w.variant == CANARY) if cells else 0
