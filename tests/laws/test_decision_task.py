"""The decider on a log: what it owns, what it reads again, what it sends to dead letters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.counting import Clock
from tests.deciding import (
    ABORTED_US,
    NAMES,
    PARTITIONS,
    Market,
    assert_recomputed,
    decisions_of,
    looks_of,
    new_decider,
    settle,
    weights_of,
)
from tradecanary.processors.decision.replay import name_of, named
from tradecanary.processors.runtime.decision_task import DecisionTask
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.decisions import DeadLetter, Decision, DecisionKind
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.routing import CommandKind
from tradecanary.schemas.topics import COMMANDS, DEAD_LETTERS, METRICS, ROUTER_STATUS

HERE, THERE = sorted(NAMES)


@pytest.mark.parametrize("lacks", [METRICS.name, COMMANDS.name, ROUTER_STATUS.name])
def test_a_decider_must_own_equal_partition_sets(lacks: str) -> None:
    """One that reads a strategy's metrics and not its commands would raise what was aborted."""
    log = MemoryLog(Clock(), control=PARTITIONS)
    both = [TopicPartition(topic, n) for topic in DecisionTask.inputs for n in range(PARTITIONS)]
    assigned = frozenset(both) - {TopicPartition(lacks, 1)}

    with pytest.raises(AssertionError, match="equal partition sets"):
        DecisionTask().recover(assigned, {}, log, 0)


class Bench:
    """One decider, and what one strategy is told."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog(self.clock, control=PARTITIONS)
        self.market = Market(self.log, self.clock, HERE)
        self.runner = new_decider(self.log, self.clock)
        self.settle()

    def settle(self, steps: int = 10) -> None:
        """Read and decide all that is there."""
        settle(self.runner, self.clock, steps)

    def replaced(self) -> None:
        """The decider is gone without a word, and another one goes on."""
        self.clock.us += ABORTED_US
        self.runner = new_decider(self.log, self.clock)
        self.settle()

    def committed(self, topic: str) -> int:
        """Return the position up to which the topic need not be read again."""
        place = TopicPartition(topic, HERE)
        member = self.log.consumer(DecisionTask.name, ())
        offset = member.committed([place])[place]
        member.close()
        self.settle()  # a member that came and went costs a rebalance
        return offset

    def taken(self) -> list[tuple[str, int, int]]:
        """Return the names of the manifests that looks took, in their order."""
        return [name for look in looks_of(self.log, HERE) for name in named(look)]

    def letters(self) -> list[DeadLetter]:
        """Return what could not be read."""
        records = self.log.read(TopicPartition(DEAD_LETTERS.name, 0))
        return [decode(DeadLetter, record.value) for record in records]


def _halves(whole: MetricsBatch) -> tuple[MetricsBatch, MetricsBatch]:
    first = replace(whole, part=0, parts=2, partials=())
    return first, replace(whole, part=1, parts=2, ranges=(), publishers=())


def test_positions_wait_for_a_manifest_that_misses_a_part() -> None:
    """Whoever goes on reads its first part again: it is taken whole, and once."""
    bench = Bench()
    market = bench.market
    market.trade()
    whole = market.manifest()
    first, second = _halves(whole)
    at = market.write(first)
    bench.settle()
    assert (at, False) == (bench.committed(METRICS.name), name_of(whole) in bench.taken())
    bench.replaced()
    assert (at, False) == (bench.committed(METRICS.name), name_of(whole) in bench.taken())
    last = market.write(second)
    bench.settle()

    assert last + 1 == bench.committed(METRICS.name)
    assert 1 == bench.taken().count(name_of(whole))
    assert_recomputed(market)


def test_what_another_slot_writes_meanwhile_is_folded_once() -> None:
    """It is read again after a crash, with the part before it: then it lies behind, and counts."""
    bench = Bench()
    market = bench.market
    market.trade()
    whole = replace(market.manifest(), slot="b")
    first, second = _halves(whole)
    # the other slot's partition of executions is another one
    ranges = tuple(
        replace(one, partition=1, first_offset=0, next_offset=one.next_offset - one.first_offset)
        for one in whole.ranges
    )
    first = replace(first, ranges=ranges)
    at = market.write(first)
    market.flow.offset -= sum(one.events for one in whole.ranges)
    market.trade()
    bench.settle()
    assert at == bench.committed(METRICS.name)
    bench.replaced()
    market.write(second)
    bench.settle()

    state = assert_recomputed(market)
    assert state.flow is not None
    assert 1 <= state.flow.behind


def test_a_manifest_that_never_gets_whole_is_a_gap() -> None:
    """Its slot goes on: nobody waits for ever, and the rollout halts at what is missing."""
    bench = Bench()
    market = bench.market
    market.trade()
    market.start()
    bench.settle()
    first, _ = _halves(market.manifest())
    market.write(first)
    market.write(market.manifest())
    bench.settle()

    made = decisions_of(bench.log, HERE)
    assert (DecisionKind.HALT, "metrics have a gap") == (made[-1].kind, made[-1].reason[:18])
    assert bench.log.end_offset(TopicPartition(METRICS.name, HERE)) == bench.committed(METRICS.name)


def _decided(bench: Bench) -> list[Decision]:
    return [one for number in NAMES for one in decisions_of(bench.log, number)]


def test_a_strategy_on_the_wrong_partition_is_a_dead_letter() -> None:
    """A second decider would decide on it: commands and routers there are not heard."""
    bench = Bench()
    market = bench.market
    market.trade()
    market.start()
    bench.settle()
    before = _decided(bench)
    stray = Market(bench.log, bench.clock, THERE)
    stray.command(CommandKind.ABORT, strategy=NAMES[HERE])
    bench.log.append(ROUTER_STATUS.name, b"g1", *_status_of(market), partition=THERE)
    bench.settle()

    reasons = [letter.reason for letter in bench.letters()]
    assert [f"strategy '{NAMES[HERE]}' belongs on partition {HERE} of {PARTITIONS}"] * 2 == reasons
    assert before == _decided(bench)
    assert [] == [name for look in looks_of(bench.log, THERE) for name in look.commands]
    assert_recomputed(market)


def _status_of(market: Market) -> tuple[bytes]:
    place = TopicPartition(ROUTER_STATUS.name, market.partition)
    (record,) = market.log.read(place)
    assert record.value is not None
    return (record.value,)


def test_everywhere_is_no_strategy() -> None:
    """The kill switch knows `*`, a command cannot mean all."""
    bench = Bench()
    for number in NAMES:
        Market(bench.log, bench.clock, number).command(CommandKind.ABORT, strategy="*")
    bench.settle()

    reasons = sorted(letter.reason for letter in bench.letters())
    assert 2 == len(reasons)
    assert any(reason.startswith("strategy was '*'") for reason in reasons)
    assert [] == _decided(bench)


def test_what_cannot_be_read_is_a_dead_letter() -> None:
    """With its place and bytes; what comes after it is decided on."""
    bench = Bench()
    bench.log.append(COMMANDS.name, b"momentum", b"abort, please", partition=HERE)
    bench.market.trade()
    bench.market.start()
    bench.settle()
    (letter,) = bench.letters()

    assert (COMMANDS.name, HERE, b"abort, please") == (letter.topic, letter.partition, letter.value)
    assert assert_recomputed(bench.market).strategies[NAMES[HERE]].rollout is not None
    assert weights_of(bench.log, NAMES[HERE]) is not None


def test_an_id_is_of_one_strategy() -> None:
    """Looks name commands by id: a restart would obey the first of two in the place of both.

    The second one is a dead letter, also when the first comes again after a snapshot.
    """
    bench = Bench()
    market = bench.market
    market.trade()
    mine = market.start()
    bench.settle(60)  # a snapshot lies behind the command
    for strategy in ("beta", market.strategy):
        assert HERE == partition_of(strategy.encode(), PARTITIONS)
        again = encode(replace(mine, strategy=strategy))
        bench.log.append(COMMANDS.name, strategy.encode(), again, partition=HERE)
        bench.settle()
    (letter,) = bench.letters()

    assert f"command id {mine.id!r} was used for {market.strategy!r}" == letter.reason
    assert {market.strategy} == assert_recomputed(market).strategies.keys()


def test_a_dead_letter_leaves_its_id_free() -> None:
    """What stood on the wrong partition was never heard: no replay may take it for the other."""
    bench = Bench()
    market = bench.market
    market.trade()
    stray = market.command(CommandKind.ABORT, strategy=NAMES[THERE])
    market.sent.clear()
    assert stray.id == market.start().id
    bench.settle()

    assert 1 == len(bench.letters())
    assert_recomputed(market)
