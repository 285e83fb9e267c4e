"""`tradecanary verify`: the chain, every decision from its inputs, every order from its coin.

Theory of operation. One pass over each topic, in an order in which a pipeline that goes on
meanwhile gives no finding: first where `executions` and `decision-inputs` end now; then the looks
up to there, taken again; then `decisions`, which by now holds all that those looks gave; then
`executions` up to where they ended, whose revisions were issued before. Memory grows with the
number of decisions, not with inputs or orders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from tradecanary.auditing.chains import Chains
from tradecanary.auditing.inputs import commands_of, is_refusal
from tradecanary.auditing.recomputation import Recomputation, recompute
from tradecanary.auditing.routing import Issued, RoutingAudit, RoutingCounts
from tradecanary.processors.auditing import support
from tradecanary.processors.auditing.chain import Chain
from tradecanary.processors.auditing.findings import Finding, What
from tradecanary.processors.auditing.orders import order_of
from tradecanary.processors.auditing.support import ALWAYS
from tradecanary.processors.decision.policy import PolicyProblem
from tradecanary.processors.decision.spec import read_spec
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.decisions import Decision, Look
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.routing import CommandKind, UnitKind
from tradecanary.schemas.topics import COMMANDS, DECISION_INPUTS, EXECUTIONS
from tradecanary.trail import utc


class Progress(Protocol):
    """Told what is being read, how many of its offsets are done, and of how many."""

    def __call__(self, what: str, done: int, total: int, /) -> None:
        """Show it."""


@dataclass(slots=True)
class Verified:
    """What was verified, how much of it, and what could not be; findings were told one by one."""

    findings: Counter[What] = field(default_factory=Counter)
    strategies: int = 0
    decisions: int = 0
    recomputed: int = 0
    looks: int = 0
    orders: RoutingCounts | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Return whether nothing was found."""
        return not self.findings


def verify(
    log: Log,
    *,
    strategy: str | None = None,
    executions: bool = True,
    tell: Callable[[Finding], None],
    progress: Progress,
) -> Verified:
    """Verify all of `log`, or one strategy; `tell` is called with each finding as it is found."""
    return _Verification(log, strategy, tell, progress).run(executions=executions)


class _Verification:
    def __init__(
        self,
        log: Log,
        strategy: str | None,
        tell: Callable[[Finding], None],
        progress: Progress,
    ) -> None:
        self._log = log
        self._strategy = strategy
        self._tell = tell
        self._progress = progress
        self._found = Verified()
        self._issued = Issued()
        self._answers: dict[tuple[str, str], str] = {}
        self._complete = True

    def run(self, *, executions: bool) -> Verified:
        log, found = self._log, self._found
        orders = _ends(log, EXECUTIONS.name, range(log.partitions(EXECUTIONS.name)))
        looks = _ends(log, DECISION_INPUTS.name, self._controls())
        for place, end in looks.items():
            made = self._recomputed(place, end)
            self._decisions(place.partition, made)
            self._units(place.partition)
        if executions:
            self._orders(orders)
        return found

    def _controls(self) -> Sequence[int]:
        count = self._log.partitions(COMMANDS.name)
        if self._strategy is None:
            return range(count)
        return [partition_of(self._strategy.encode(), count)]

    def _report(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if self._strategy in {None, finding.strategy} or not finding.strategy:
                self._found.findings[finding.what] += 1
                self._tell(finding)

    def _recomputed(self, place: TopicPartition, end: int) -> Recomputation:
        start = self._log.start_offset(place)
        what = f"decision-inputs {place.partition}"

        def tell(offset: int) -> None:
            self._progress(what, offset - start, end - start)

        made = recompute(self._log, place.partition, end, tell)
        tell(end)
        self._found.looks += made.looks
        self._report(made.findings)
        return made

    def _units(self, partition: int) -> None:
        """Note the units of the STARTs that were obeyed: a refusal does not use up an id."""
        for command in commands_of(self._log, partition):
            # of two commands with one id the first was obeyed, and has the answer
            answer = self._answers.pop((command.strategy, command.id), None)
            if command.kind is not CommandKind.START or answer is None:
                continue
            try:
                spec = read_spec(command.arguments, command.id)
            except PolicyProblem:
                continue  # it was refused
            if not is_refusal(command, answer):
                unit = UnitKind(spec.unit)
                self._issued.units.setdefault((command.strategy, spec.rollout), unit)

    def _decisions(self, partition: int, made: Recomputation) -> None:
        chains, found = Chains(self._log, partition), self._found
        self._complete &= chains.start == 0
        audit = _Decisions(made, kept_from=ALWAYS if chains.start == 0 else made.support.last + 1)
        for record, decision, problems in chains.read():
            self._report(problems)
            if decision is not None and self._strategy in {None, decision.strategy}:
                if all(one.what is not What.CHANGED for one in problems):
                    self._issued.take(decision)
                    if decision.command_id:
                        answered = decision.strategy, decision.command_id
                        self._answers.setdefault(answered, decision.reason)
                self._report(audit.check(record, decision))
            done, total = record.offset + 1 - chains.start, chains.end - chains.start
            self._progress(f"decisions {partition}", done, total)
        self._report(chains.finish())
        if not made.stopped:
            self._report(audit.beyond(self._newest_look(partition, made)))
        self._report(support.unwritten(made.support, DECISION_INPUTS.name, audit.kept_from))
        mine = [one for one in chains.chains.values() if self._strategy in {None, one.strategy}]
        found.notes += [_cut(one) for one in mine if one.first > 1 and not one.from_start]
        found.strategies += len(mine)
        found.decisions += audit.decisions
        found.recomputed += audit.recomputed
        found.notes += _coverage(partition, audit)

    def _newest_look(self, partition: int, made: Recomputation) -> int:
        """Return the number of the newest look by now: the decider goes on meanwhile."""
        place = TopicPartition(DECISION_INPUTS.name, partition)
        newest = made.support.last
        for record in self._log.read(place, made.end):
            with suppress(ContractViolation):
                newest = max(newest, decode(Look, record.value).number)
        return newest

    def _orders(self, ends: dict[TopicPartition, int]) -> None:
        audit = RoutingAudit(self._issued, strategy=self._strategy, complete=self._complete)
        starts = {place: self._log.start_offset(place) for place in ends}
        total = sum(ends.values()) - sum(starts.values())
        done = 0
        for place, end in ends.items():
            reached = starts[place]
            for batch in self._log.batches(place, reached, end):
                for index, value in enumerate(batch.values):
                    try:
                        problem = audit.check(order_of(value))
                    except ContractViolation:
                        audit.counts.unreadable += 1  # the aggregation sent it to dead letters
                        continue
                    if problem is not None:
                        name, (what, expected, was) = problem
                        where = (*place, batch.offset(index))
                        self._report([Finding(what, *where, name, expected, was)])
                reached = batch.last_offset + 1
                self._progress(EXECUTIONS.name, done + reached - starts[place], total)
            done += end - starts[place]
        self._found.orders = audit.counts
        if audit.counts.older:
            self._found.notes.append(
                f"{audit.counts.older:,} orders are of revisions whose decisions are beyond the "
                "retention of decisions"
            )


@dataclass(slots=True)
class _Decisions:
    """The pass over the decisions of one partition, held to what its looks gave."""

    made: Recomputation
    kept_from: int
    decisions: int = 0
    recomputed: int = 0
    before: Counter[str] = field(default_factory=Counter)
    behind: list[tuple[LogRecord, str, int]] = field(default_factory=list)

    def check(self, record: LogRecord, decision: Decision) -> tuple[Finding, ...]:
        """Return what is wrong with a decision; one that no look covers is counted as such."""
        self.decisions += 1
        if self.kept_from != ALWAYS:
            self.kept_from = min(self.kept_from, decision.look + 1)
        known = self.made.support
        if known.covers(decision):
            self.recomputed += 1
            return support.check(known, record, decision)
        if decision.look > known.last and not self.made.is_gone:
            self.behind.append((replace(record, value=None), decision.strategy, decision.look))
        else:
            self.before[decision.strategy] += 1
        return ()

    def beyond(self, newest: int) -> Iterator[Finding]:
        """Yield the decisions of looks that were never taken; the next one may not show yet."""
        for record, strategy, look in self.behind:
            if look > newest + 1:
                place = (record.topic, record.partition, record.offset)
                texts = (f"one of the looks up to {newest}", f"look {look}")
                yield Finding(What.UNSUPPORTED, *place, strategy, *texts)


def _cut(one: Chain) -> str:
    return (
        f"{one.strategy}: the chain could be checked from decision {one.first} on, those before "
        "are beyond the retention of decisions"
    )


def _coverage(partition: int, audit: _Decisions) -> list[str]:
    """Return from where on decisions could be made again, where that is not the beginning."""
    made = audit.made
    notes = []
    for name, count in sorted(audit.before.items()):
        since = made.support.since.get(name)
        reach = f"reach back to look {made.first_look} of partition {partition}, "
        reach = "are gone" if made.is_gone else reach + utc(made.first_us)
        on = f"from the START at look {since} on they were" if since else "none was"
        notes.append(
            f"{name}: {count} decisions could not be made again, their inputs {reach}; {on}"
        )
    if made.stopped and audit.behind:
        notes.append(
            f"partition {partition}: {len(audit.behind)} decisions could not be made again, "
            f"it stopped {made.stopped}"
        )
    return notes


def _ends(log: Log, topic: str, partitions: Iterable[int]) -> dict[TopicPartition, int]:
    places = [TopicPartition(topic, number) for number in partitions]
    return {place: log.end_offset(place) for place in places}
