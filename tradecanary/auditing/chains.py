"""The decisions of a control partition, read in order, with what their chains say of each."""

from __future__ import annotations

from collections.abc import Iterator

from tradecanary.processors.auditing import chain
from tradecanary.processors.auditing.chain import Chain
from tradecanary.processors.auditing.findings import Finding, What
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.topics import DECISIONS

Found = tuple[Finding, ...]


class Chains:
    """One pass over a partition; `chains` are those of its strategies so far."""

    def __init__(self, log: Log, partition: int) -> None:
        """Read nothing yet; the end is that of now."""
        self._log = log
        self._place = TopicPartition(DECISIONS.name, partition)
        self.start, self.end = log.start_offset(self._place), log.end_offset(self._place)
        self.chains: dict[str, Chain] = {}

    def read(self) -> Iterator[tuple[LogRecord, Decision | None, Found]]:
        """Yield each record with its decision (None: unreadable) and what is wrong with it."""
        for record in self._log.read(self._place, self.start, self.end):
            try:
                decision = decode(Decision, record.value)
            except ContractViolation as broken:
                name = (record.key or b"").decode(errors="replace")
                self.chains[name] = chain.unreadable(self._of(name))
                place = (record.topic, record.partition, record.offset)
                yield (
                    record,
                    None,
                    (Finding(What.UNREADABLE, *place, name, "a decision", str(broken)),),
                )
                continue
            name = decision.strategy
            self.chains[name], found = chain.step(self._of(name), record, decision)
            yield record, decision, found

    def finish(self) -> Iterator[Finding]:
        """Yield what was missing to the end."""
        for one in self.chains.values():
            yield from chain.finish(one)

    def _of(self, name: str) -> Chain:
        return self.chains.get(name) or Chain(name, from_start=self.start == 0)
