"""What a person or CI/CD does: send a command, wait for the decision that answers it, look.

Reads topics only and writes `commands` and `kill-switch`; the decider answers in `decisions`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from tradecanary.processors.runtime.log import Log, Unavailable
from tradecanary.processors.stage import TopicPartition
from tradecanary.roll_call import KillAnswer, RollCall
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.decisions import Decision, DecisionKind
from tradecanary.schemas.execution import Mode
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.routing import Command, CommandKind, KillSwitch
from tradecanary.schemas.topics import COMMANDS, DECISIONS, KILL_SWITCH, METRICS
from tradecanary.schemas.units import COHORT_US, US_PER_S

_POLL_S = 0.1
_RATE_RECORDS = 2_000
"""So far back in `metrics` is the order rate taken: some minutes at five transactions a second."""
_FEWEST_COHORTS = 3


class Append(Protocol):
    """Writes one record outside any transaction and waits until the log has it."""

    def __call__(
        self, topic: str, key: bytes, value: bytes, partition: int | None = None
    ) -> object:
        """Append it, or raise; what comes back is not looked at."""


def is_refusal(decision: Decision) -> bool:
    """Return whether the answer to a command was that nothing changes."""
    return decision.kind is DecisionKind.HOLD and "; refused: " in decision.reason


class DecisionTail:
    """The decisions of one partition, from the oldest that is kept, as they are written."""

    def __init__(self, log: Log, partition: int) -> None:
        """Begin with the oldest decision that is kept."""
        self._log = log
        self._place = TopicPartition(DECISIONS.name, partition)
        self._next = log.start_offset(self._place)

    def skip(self) -> None:
        """Leave out what is there by now."""
        self._next = self._log.end_offset(self._place)

    def poll(self) -> Iterator[Decision]:
        """Yield the decisions written since the last call, oldest first."""
        for record in self._log.read(self._place, self._next):
            self._next = record.offset + 1
            yield decode(Decision, record.value)


class Operator:
    """One person's hands on the pipeline."""

    def __init__(
        self,
        log: Log,
        append: Append,
        *,
        now_us: Callable[[], int],
        wait: Callable[[float], object],
        new_id: Callable[[], str],
    ) -> None:
        """Work on `log`; `append` writes to it; `new_id` names commands, never twice the same.

        `wait` lets so many seconds pass.
        """
        self.log = log
        self.now_us = now_us
        self.wait = wait
        self._new_id = new_id
        self._append = append

    def decisions(self, strategy: str) -> Iterator[Decision]:
        """Return the strategy's decisions, oldest first, as far as the topic keeps them."""
        return (one for one in self.tail(strategy).poll() if one.strategy == strategy)

    def tail(self, strategy: str) -> DecisionTail:
        """Return the decisions of the strategy's partition, to be followed."""
        return DecisionTail(self.log, self._partition(strategy))

    def orders_per_s(self, strategy: str) -> float | None:
        """Return the strategy's LIVE orders a second in the last minutes of `metrics`.

        None when fewer than three seconds with orders are recorded there.
        """
        place = TopicPartition(METRICS.name, self._partition(strategy))
        start = max(self.log.start_offset(place), self.log.end_offset(place) - _RATE_RECORDS)
        orders: Counter[int] = Counter()
        for record in self.log.read(place, start):
            for partial in decode(MetricsBatch, record.value).partials:
                if partial.strategy == strategy and partial.mode is Mode.LIVE:
                    orders[partial.cohort_us] += partial.orders
        if len(orders) < _FEWEST_COHORTS:
            return None
        whole = sorted(orders)[1:-1]  # the first and the last may be in part
        return sum(orders[at] for at in whole) * US_PER_S / (whole[-1] - whole[0] + COHORT_US)

    def command(
        self,
        strategy: str,
        kind: CommandKind,
        *,
        actor: str,
        reason: str,
        arguments: str = "{}",
        timeout_s: float = 10.0,
    ) -> Decision | None:
        """Send a command; return the decision that answers it, None when none came in time."""
        return self.commands(
            (strategy,),
            kind,
            actor=actor,
            reason=reason,
            arguments=arguments,
            timeout_s=timeout_s,
        )[strategy]

    def commands(
        self,
        strategies: Iterable[str],
        kind: CommandKind,
        *,
        actor: str,
        reason: str,
        arguments: str = "{}",
        timeout_s: float = 10.0,
    ) -> dict[str, Decision | None]:
        """Send the same command to many strategies at once; return each one's answer, as above."""
        ids = {name: self._new_id() for name in strategies}
        answers: dict[str, Decision | None] = dict.fromkeys(ids)
        tails = [DecisionTail(self.log, n) for n in {self._partition(name) for name in ids}]
        for tail in tails:
            tail.skip()
        for name, identity in ids.items():
            now_us = self.now_us()
            command = Command(identity, name, actor, now_us, kind, arguments, reason)
            self._append(COMMANDS.name, name.encode(), encode(command))
        deadline_us = self.now_us() + round(timeout_s * US_PER_S)
        while True:
            for decision in (one for tail in tails for one in tail.poll()):
                if ids.get(decision.strategy) == decision.command_id:
                    answers[decision.strategy] = decision
            if None not in answers.values() or self.now_us() >= deadline_us:
                return answers
            self.wait(_POLL_S)

    def switch(
        self, strategy: str, *, killed: bool, actor: str, reason: str, timeout_s: float = 5.0
    ) -> KillAnswer:
        """Write the kill switch of `strategy` (or `*`); return who obeys, within `timeout_s`.

        Nothing is asked of the log before the switch is written. Raises what `append` raises.
        """
        switch = KillSwitch(strategy, killed, actor, self.now_us(), reason)
        self._append(KILL_SWITCH.name, strategy.encode(), encode(switch))
        deadline_us = self.now_us() + round(timeout_s * US_PER_S)
        try:
            roll = RollCall(self.log, switch)
            answer = roll.poll()
            while not answer.is_obeyed and self.now_us() < deadline_us:
                self.wait(_POLL_S)
                answer = roll.poll()
        except Unavailable as away:
            return KillAnswer(0, problem=str(away))
        return answer

    def _partition(self, strategy: str) -> int:
        return partition_of(strategy.encode(), self.log.partitions(COMMANDS.name))
