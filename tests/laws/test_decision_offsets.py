"""A decider whose group has lost its offsets: it goes on where its looks ended, or not at all."""

from __future__ import annotations

from collections import Counter
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
    new_decider,
    settle,
)
from tradecanary.processors.runtime.decision_recovery import begin_at, recover
from tradecanary.processors.runtime.decision_task import DecisionTask
from tradecanary.processors.runtime.log import OffsetLost
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.routing import CommandKind
from tradecanary.schemas.topics import (
    COMMANDS,
    DECISION_INPUTS,
    METRICS,
    ROUTER_STATUS,
    TOPICS,
)
from tradecanary.schemas.units import US_PER_S

HERE = min(NAMES)
GROUP = DecisionTask.name
PLACES = [TopicPartition(topic, n) for topic in DecisionTask.inputs for n in range(PARTITIONS)]
BEGINNING = dict.fromkeys(PLACES, 0)


class Years:
    """A strategy that was told more than a decider remembers, and its decider."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog(self.clock, control=PARTITIONS)
        self.market = Market(self.log, self.clock, HERE)
        self.runner = new_decider(self.log, self.clock)

    def live(self, seconds: int = 1) -> None:
        """Let the market go on, and the decider with it."""
        for _ in range(seconds):
            self.clock.us += US_PER_S
            self.market.trade()
            self.runner.step()
            self.runner.step()

    def tell(self, *kinds: CommandKind) -> None:
        """Let a person command, a second each."""
        for kind in kinds:
            self.market.command(kind)
            self.live()

    def pass_by(self) -> None:
        """A rollout that was aborted, 120 commands since, another rollout and what froze it."""
        self.live(8)
        self.market.start()
        self.live(4)
        self.tell(CommandKind.ABORT)
        for _ in range(60):
            self.tell(CommandKind.FREEZE, CommandKind.UNFREEZE)
        self.market.start()
        self.live(3)
        self.tell(CommandKind.FREEZE)

    def committed(self) -> dict[TopicPartition, int]:
        """Return what the group has committed."""
        member = self.log.consumer(GROUP, ())
        offsets = member.committed(PLACES)
        member.close()
        return dict(offsets)

    def replaced(self) -> None:
        """The decider is gone without a word, and another one goes on."""
        self.clock.us += ABORTED_US
        self.runner = new_decider(self.log, self.clock)
        settle(self.runner, self.clock)

    def answers(self) -> Counter[str]:
        """Return how often each command was answered."""
        made = decisions_of(self.log, HERE)
        return Counter(one.command_id for one in made if one.command_id)


@pytest.mark.parametrize("offsets", [{}, BEGINNING], ids=["forgotten", "reset to the beginning"])
def test_history_is_not_obeyed_again(offsets: dict[TopicPartition, int]) -> None:
    """The brokers forgot the group, or somebody reset it: every command was answered once."""
    years = Years()
    years.pass_by()
    before = recover(years.log, HERE).state.strategies[years.market.strategy]
    years.log.reset(GROUP, offsets)
    years.replaced()
    after = recover(years.log, HERE).state.strategies[years.market.strategy]

    assert Counter(dict.fromkeys(years.market.sent, 1)) == years.answers()
    assert before.rollout is not None
    assert after.rollout is not None
    assert before.rollout.spec == after.rollout.spec
    assert before.frozen == after.frozen != ""
    assert_recomputed(years.market)


def test_what_nobody_read_is_read_now() -> None:
    """Commands and orders of the time in which the decider was away, and nothing else."""
    years = Years()
    years.pass_by()
    for _ in range(30):
        years.clock.us += US_PER_S
        years.market.trade()
    years.market.command(CommandKind.UNFREEZE)
    years.log.reset(GROUP, {})
    years.replaced()

    assert 1 == years.answers()[[*years.market.sent][-1]]
    state = assert_recomputed(years.market)
    assert state.flow is not None
    assert 0 == state.flow.behind, "no order was read twice"


def _halves(whole: MetricsBatch) -> tuple[MetricsBatch, MetricsBatch]:
    first = replace(whole, part=0, parts=2, partials=())
    return first, replace(whole, part=1, parts=2, ranges=(), publishers=())


def test_the_looks_tell_at_any_time_what_the_group_committed() -> None:
    """Also between two snapshots, and while a manifest still misses a part."""
    years = Years()
    years.live(3)
    for second in range(25):
        first, last = _halves(years.market.manifest())
        years.market.write(first)
        if second % 3 == 0:
            years.market.command(CommandKind.REARM)
        for half in ("first", "last"):
            if half == "last":
                years.market.write(last)
            years.clock.us += US_PER_S
            years.runner.step()
            years.runner.step()
            found = recover(years.log, HERE)
            told = begin_at(years.log, HERE, {}, found)
            committed = {
                place.topic: at for place, at in years.committed().items() if place[1] == HERE
            }
            years.runner.step()  # a member that came and went costs a rebalance
            years.runner.step()

            assert "" == found.lost
            for topic in (METRICS.name, COMMANDS.name):
                assert committed[topic] == told[topic], (second, half, topic)
            assert told[ROUTER_STATUS.name] <= committed[ROUTER_STATUS.name]


def _copied(log: MemoryLog, clock: Clock) -> MemoryLog:
    """Return a copy as tools for two clusters make it: offsets without holes, no groups."""
    copy = MemoryLog(clock, control=PARTITIONS)
    for topic in TOPICS:
        for number in range(log.partitions(topic.name)):
            records = log.read(TopicPartition(topic.name, number))
            copy.load(replace(record, offset=at) for at, record in enumerate(records))
    return copy


def test_in_a_copy_with_other_offsets_it_stops_and_says_what_to_do() -> None:
    """What its snapshot says of the old cluster would pass over commands, or obey them again."""
    years = Years()
    years.pass_by()
    years.clock.us += ABORTED_US
    copy = _copied(years.log, years.clock)
    with pytest.raises(
        OffsetLost, match=r"'decision' has no committed offset on metrics .* is not"
    ):
        settle(new_decider(copy, years.clock), years.clock)
    asked = [place for place in PLACES if place.topic != ROUTER_STATUS.name]
    copy.reset(GROUP, {place: copy.end_offset(place) for place in asked})
    years.log = years.market.log = copy
    years.replaced()

    assert Counter(dict.fromkeys(years.market.sent, 1)) == years.answers()


def test_looks_that_retention_took_stop_it() -> None:
    """Away for longer than looks are kept: the snapshot may be older than what was obeyed."""
    years = Years()
    years.pass_by()
    place = TopicPartition(DECISION_INPUTS.name, HERE)
    years.log.reset(GROUP, {})
    years.clock.us += ABORTED_US
    cut = MemoryLog(years.clock, control=PARTITIONS)
    end = years.log.end_offset(place)
    for topic in TOPICS:
        for number in range(years.log.partitions(topic.name)):
            where = TopicPartition(topic.name, number)
            if where == place:
                cut.load((), {place: end})
            else:
                cut.load(years.log.read(where))

    with pytest.raises(OffsetLost, match=r"Commit offset \d+ for the group"):
        settle(new_decider(cut, years.clock), years.clock)


def test_records_that_retention_took_stop_it_unless_they_are_routers_words() -> None:
    """What was never decided on is not passed over unseen; of old statuses nothing is missed."""
    years = Years()
    years.pass_by()
    member = years.committed()
    metrics, statuses = (TopicPartition(topic.name, HERE) for topic in (METRICS, ROUTER_STATUS))
    found = recover(years.log, HERE)
    years.log.load((), {statuses: member[statuses] + 5})
    at = begin_at(years.log, HERE, member, found)
    assert member | at_places(at) == member | {statuses: member[statuses] + 5}
    years.log.load((), {metrics: member[metrics] + 5})
    with pytest.raises(OffsetLost, match=rf"metrics .* commit offset {member[metrics] + 5} for"):
        begin_at(years.log, HERE, member, found)


def at_places(offsets: dict[str, int]) -> dict[TopicPartition, int]:
    """Return the offsets by place."""
    return {TopicPartition(topic, HERE): at for topic, at in offsets.items()}


def test_a_first_decider_begins_at_the_beginning() -> None:
    """What was asked for before any decider ran is done."""
    years = Years()
    years.market.trade()
    years.market.start()
    years.runner = new_decider(years.log, years.clock)
    settle(years.runner, years.clock)

    assert Counter(dict.fromkeys(years.market.sent, 1)) == years.answers()
