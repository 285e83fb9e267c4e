"""The alerting stage under the runner: decisions in, deliveries and what became of them out.

Exactly once into the log, at least once over HTTP. (1) The alerts of a decision are written down as
pending, in the transaction that moves past the decision. (2) Only then are they handed to the
courier. (3) How a delivery ended is written down, and it is pending no more. A process that dies
before (1) reads the decision again; between (1) and (3) the next one delivers what is pending, with
the same key and marked `again`: a receiver heard it twice only if the process died between the
receiver's answer and (3). A transaction that fails sends nothing again: the courier remembers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tradecanary.processors.alerting.payloads import webhook_payload
from tradecanary.processors.alerting.routes import Routes, deliveries
from tradecanary.processors.alerting.step import StrategyAlerts, step
from tradecanary.processors.dead_letters import dead_letter
from tradecanary.processors.runtime.alert_courier import Courier
from tradecanary.processors.runtime.alert_http import Finished
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import Emit, LogRecord, Polled, TopicPartition
from tradecanary.schemas.alerts import (
    AlertDelivery,
    AlertingSnapshot,
    DeliveryOutcome,
    PendingDelivery,
)
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.decisions import DeadLetter, Decision
from tradecanary.schemas.topics import ALERTING_STATE, ALERTS, DEAD_LETTERS, DECISIONS
from tradecanary.schemas.units import US_PER_S

COMMIT_INTERVAL_US = 100_000
FIRST_LOOK_BACK_US = 600 * US_PER_S
"""At its very first start alerting tells of the last 10 minutes, not of all history."""
DRAIN_S = 8.0
MOST_PENDING = 100
"""Of one strategy: more would not fit into its record. The oldest are given up."""
_ALL = "*"
"""Under this name, which is no strategy's, the first start of a partition is written down."""


@dataclass(slots=True)
class _Known:
    """One strategy as it is now: what was seen, and what is still to be delivered."""

    partition: int
    alerts: StrategyAlerts
    pending: tuple[PendingDelivery, ...]
    is_changed: bool = False


class AlertingTask:
    """Implements `Task`. The courier outlives recoveries: it knows what this process has sent."""

    name = "alerting"
    inputs = (DECISIONS.name,)
    side_inputs: tuple[str, ...] = ()

    def __init__(
        self, routes: Routes, courier: Courier, commit_interval_us: int = COMMIT_INTERVAL_US
    ) -> None:
        """Remember nothing: all state comes from the log at the first assignment."""
        self.commit_interval_us = commit_interval_us
        self._routes = routes
        self._courier = courier
        self._known: dict[str, _Known] = {}
        self._positions: dict[TopicPartition, int] = {}
        self._dead: list[Emit] = []
        self._handed_over: list[PendingDelivery] = []
        self._left_over: list[PendingDelivery] = []
        self._has_written = False
        self._partitions: dict[str, int] = {}

    def recover(
        self,
        assigned: frozenset[TopicPartition],
        committed: Mapping[TopicPartition, int],
        log: Log,
        now_us: int,
    ) -> Mapping[TopicPartition, int]:
        """Read the newest snapshot of every strategy; what is pending is handed over again."""
        self._known, self._positions, self._dead = {}, {}, []
        self._handed_over, self._has_written = [], False
        for place in sorted(assigned):
            state, first = TopicPartition(ALERTING_STATE.name, place.partition), _first(place)
            started_us = 0
            for record in log.read(state, log.start_offset(state)):
                if record.value is not None:
                    snapshot = decode(AlertingSnapshot, record.value)
                    self._restore(snapshot)
                    if snapshot.strategy == first:
                        started_us = record.timestamp_ms * 1000
            if place in committed:
                self._positions[place] = committed[place]
                continue
            if all(known.partition != place.partition for known in self._known.values()):
                started_us = now_us
                self._known[first] = _Known(place.partition, StrategyAlerts(), (), is_changed=True)
            # numbers tell what was seen since then, but not of a strategy that was silent since
            since_us = started_us - FIRST_LOOK_BACK_US
            self._positions[place] = _from_time(log, place, since_us)
        self._let_go()
        self._left_over = [one for known in self._known.values() for one in known.pending]
        return self.positions()

    def absorb(self, polled: Polled, now_us: int) -> None:
        """Hand over what the last transaction wrote down, then take in decisions."""
        # the runner comes here only when that transaction was committed, or there was none
        if self._has_written:
            self._let_go()
        for one in (*self._left_over, *self._handed_over):
            self._partitions[one.id] = self._known[one.alert.strategy].partition
        self._courier.submit(self._left_over, again=True)
        self._courier.submit(self._handed_over)
        self._left_over, self._handed_over, self._has_written = [], [], False
        for batch in polled.batches:
            for index, value in enumerate(batch.values):
                try:
                    decision = decode(Decision, value)
                except ContractViolation as broken:
                    self._dead.append(dead_letter(self.name, batch, index, str(broken)))
                    continue
                partition = batch.partition.partition
                self._take(decision, partition, batch.offset(index), now_us)
            self._positions[batch.partition] = batch.last_offset + 1

    def absorb_side(self, records: Sequence[LogRecord], at_end: bool, now_us: int) -> None:  # noqa: FBT001
        """Take in nothing: there are no side inputs."""

    def flush(self, now_us: int) -> Sequence[Emit]:
        """Return new and ended deliveries, with the state of the strategies they changed."""
        effects, self._dead = self._dead, []
        finished = self._courier.finished()
        for strategy, known in self._known.items():
            effects += self._take_ended(known, finished, now_us)
            if known.is_changed:
                self._handed_over += known.pending  # those it has already the courier leaves alone
                effects.append(_snapshot(strategy, known))
                known.is_changed = False
        self._has_written = bool(effects)
        return effects

    def positions(self) -> Mapping[TopicPartition, int]:
        """Return the offsets to commit with the last flush, for all assigned partitions."""
        return dict(self._positions)

    def waiting(self) -> Mapping[str, int]:
        """Return how many deliveries are still to be made, by strategy."""
        return {
            strategy: len(known.pending)
            for strategy, known in self._known.items()
            if strategy != f"{_ALL}{known.partition}"
        }

    def wind_down(self) -> None:
        """Let deliveries under way end, so that the last transaction can write them down."""
        self._courier.stop(DRAIN_S)

    def _restore(self, snapshot: AlertingSnapshot) -> None:
        alerts = StrategyAlerts(snapshot.number, snapshot.incidents)
        self._known[snapshot.strategy] = _Known(snapshot.partition, alerts, snapshot.pending)

    def _let_go(self) -> None:
        """Let the courier drop what is no longer to be sent, and forget what was written down.

        How deliveries of a partition ended that is not ours now is kept: it may come back with
        nobody having written that down, as it does when the brokers were away.
        """
        pending = {one.id for known in self._known.values() for one in known.pending}
        owned = {place.partition for place in self._positions}
        left = self._courier.keep(frozenset(pending))
        self._partitions = {one: p for one, p in self._partitions.items() if one in left}
        ended = self._courier.finished().keys() - pending
        self._courier.forget(one for one in ended if self._partitions.get(one) in owned)

    def _take_ended(
        self, known: _Known, finished: Mapping[str, Finished], now_us: int
    ) -> Iterator[Emit]:
        """Yield what to write of the deliveries that ended; the others stay pending."""
        waiting: list[PendingDelivery] = []
        surplus = len(known.pending) - MOST_PENDING
        for number, one in enumerate(known.pending):
            how = finished.get(one.id)
            if how is None and not self._courier.knows(one.sender):
                how = _given_up(f"the routes file has no sender {one.sender!r} any more")
            if how is None and number < surplus:
                how = _given_up(f"more than {MOST_PENDING} deliveries were waiting")
            if how is None:
                waiting.append(one)
                continue
            known.is_changed = True
            yield from _ended(one, how, known.partition, now_us)
        known.pending = tuple(waiting)

    def _take(self, decision: Decision, partition: int, offset: int, now_us: int) -> None:
        known = self._known.setdefault(decision.strategy, _Known(partition, StrategyAlerts(), ()))
        after, alerts = step(known.alerts, decision)
        if after == known.alerts:
            return
        known.alerts = after
        known.is_changed = True
        known.pending += tuple(
            PendingDelivery(sender, alert, offset, now_us)
            for sender, alert in deliveries(self._routes, alerts)
        )


def _first(place: TopicPartition) -> str:
    return f"{_ALL}{place.partition}"


def _from_time(log: Log, place: TopicPartition, since_us: int) -> int:
    """Return the offset of the first decision not older than `since_us`."""
    for record in log.read(place, log.start_offset(place)):
        if record.timestamp_ms * 1000 >= since_us:
            return record.offset
    return log.end_offset(place)


def _given_up(problem: str) -> Finished:
    return Finished(DeliveryOutcome.GIVEN_UP, 0, problem)


def _ended(one: PendingDelivery, how: Finished, partition: int, now_us: int) -> Iterator[Emit]:
    """Yield the record of a delivery's end, and the dead letter of one that was given up."""
    key = one.alert.strategy.encode()
    record = AlertDelivery(one.sender, one.alert, how.outcome, how.attempts, now_us, how.problem)
    yield Emit(ALERTS.name, key, record, partition)
    if how.outcome is DeliveryOutcome.SENT:
        return
    value = json.dumps(webhook_payload(one.alert, again=False)).encode()
    letter = DeadLetter(
        stage=AlertingTask.name,
        topic=DECISIONS.name,
        partition=partition,
        offset=one.offset,
        reason=f"sender {one.sender}: gave up after {how.attempts} attempts: {how.problem}",
        key=key,
        value=value,
        value_length=len(value),
    )
    yield Emit(DEAD_LETTERS.name, f"{DECISIONS.name}-{partition}".encode(), letter)


def _snapshot(strategy: str, known: _Known) -> Emit:
    record = AlertingSnapshot(
        known.partition, strategy, known.alerts.number, known.alerts.incidents, known.pending
    )
    return Emit(ALERTING_STATE.name, strategy.encode(), record, known.partition)
