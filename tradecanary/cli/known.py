"""Whether anybody has heard of a strategy: a verb for one that nobody trades is a slip of the hand.

A command that was refused leaves a decision under the name, so decisions alone prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from tradecanary.cli.output import err
from tradecanary.operator import Operator
from tradecanary.processors.runtime.log import Log, OffsetLost, Unavailable
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.codec import ContractViolation
from tradecanary.schemas.routing import EVERYWHERE
from tradecanary.schemas.topics import ROUTER_STATUS

if TYPE_CHECKING:
    from tradecanary.processors.decision.model import StrategyState

_RECENT = 2_000
"""So many of a partition's newest router statuses are asked for names; each is a second old."""


def warn_if_unheard(operator: Operator, strategy: str) -> None:
    """Print on stderr that nobody has heard of the strategy; nothing when somebody has.

    For answers that changed nothing: reading all that is known takes longer than the verb.
    """
    try:
        doubt = unheard(operator.log, strategy)
    except (Unavailable, OffsetLost, LookupError, ContractViolation):
        return  # it is a hint beside an answer; what is wrong with the log, others say
    if doubt:
        err.print(f"warning: {doubt}", style="yellow")


def unheard(log: Log, strategy: str) -> str:
    """Return the sentence that nobody has heard of the strategy, an empty text when somebody has.

    Raises what reading the decider's state raises.
    """
    from tradecanary.states import states  # slow to import, and verbs must move at once

    known = {
        name
        for partition in states(log)
        for name, state in partition.strategies.items()
        if _is_heard_of(state)
    }
    if strategy in {EVERYWHERE, *known}:
        return ""
    known |= set(_routed(log))
    if strategy in known:
        return ""
    close = get_close_matches(strategy, sorted(known))
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    return f"nobody has heard of strategy {strategy!r}: no router, no order, no rollout{hint}"


def _is_heard_of(state: StrategyState) -> bool:
    """Return whether anything but a refused command bears the name; a freeze is meant to."""
    return bool(
        state.routers
        or state.rollout
        or state.past
        or state.vector
        or state.frozen
        or state.orders_at_us >= 0
    )


def _routed(log: Log) -> Iterator[str]:
    """Yield for which strategies routers said how they stand, of late."""
    for number in range(log.partitions(ROUTER_STATUS.name)):
        place = TopicPartition(ROUTER_STATUS.name, number)
        first = max(log.start_offset(place), log.end_offset(place) - _RECENT)
        for record in log.read(place, first):
            yield (record.key or b"").decode(errors="replace")
