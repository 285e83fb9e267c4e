"""What a decider makes of polls: whether it has seen all there is, and looks that fit a record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.stories.router import Router
from tradecanary.processors.decision.model import RouterSeen, StrategyState
from tradecanary.processors.decision.routers import take_in
from tradecanary.processors.decision.texts import LONGEST_NAME
from tradecanary.processors.runtime.decision_recovery import recover
from tradecanary.processors.runtime.decision_task import IDLE_LOOK_US, DecisionTask
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.router_facts import LOOK_BYTES, RouterFacts
from tradecanary.processors.runtime.runner import Runner
from tradecanary.processors.stage import Polled, TopicPartition
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.decisions import DeadLetter, Look, RouterFact
from tradecanary.schemas.routing import (
    Command,
    CommandKind,
    KillSwitch,
    LeaseState,
    RevisionCounts,
    RouterStatus,
)
from tradecanary.schemas.topics import (
    COMMANDS,
    DEAD_LETTERS,
    DECISION_INPUTS,
    KILL_SWITCH,
    ROUTER_STATUS,
)

NOW_US = 1_790_000_000_000_000
PLACES = frozenset(TopicPartition(topic, 0) for topic in DecisionTask.inputs)


class _Decider:
    """A DecisionTask that owns partition 0, and the time."""

    def __init__(self) -> None:
        self.now_us = NOW_US
        self.log = MemoryLog(lambda: self.now_us)
        self.task = DecisionTask()
        self.task.recover(PLACES, {}, self.log, self.now_us)

    def looks(self, polled: Polled, *, kills_at_end: bool = True) -> list[Look]:
        """Return the looks that follow a poll, a second after the last."""
        self.now_us += IDLE_LOOK_US
        self.task.absorb_side((), kills_at_end, self.now_us)
        self.task.absorb(polled, self.now_us)
        effects = self.task.flush(self.now_us)
        return [effect.record for effect in effects if isinstance(effect.record, Look)]


def test_an_end_is_as_of_the_last_poll() -> None:
    """When a poll no longer finds commands or kills at their end, leases are not renewed."""
    decider = _Decider()

    def at_end(*ends: TopicPartition, kills: bool = True) -> bool:
        (look,) = decider.looks(Polled((), frozenset(ends)), kills_at_end=kills)
        return look.at_end

    metrics, commands = (TopicPartition(topic, 0) for topic in DecisionTask.inputs[:2])
    assert not at_end(commands), "metrics were never read"
    assert at_end(commands, metrics)
    assert at_end(commands), "metrics flow all the time: their age is looked at"
    assert not at_end(metrics)
    assert at_end(commands)
    assert not at_end(commands, kills=False)
    assert at_end(commands)


def _status(router: int, second: int, revisions: int = 12) -> RouterStatus:
    """A router's status as it is after some revisions: one pair of counts for each."""
    counts = tuple(
        RevisionCounts(400 + revision, variant, 1_234_567 + second, 1_234_560 + second, 7)
        for revision in range(revisions)
        for variant in ("stable", "canary")
    )
    name = f"gw-lon-{router:04d}.prod.example.com-123456"
    status = Router(name, ("momentum-1.0.0-9f2c41aa",)).status(NOW_US + second * 1_000_000)
    return replace(status, strategy="momentum", counts=counts)


def _decided(
    *statuses: RouterStatus, command: Command | None = None
) -> tuple[DecisionTask, list[Look]]:
    """Return the task and its looks after a decider began with these waiting for it."""
    log = MemoryLog(lambda: NOW_US)
    for status in statuses:
        log.append(ROUTER_STATUS.name, b"momentum", encode(status))
    if command is not None:
        log.append(COMMANDS.name, b"momentum", encode(command))
    task = DecisionTask()
    Runner(task, log, lambda: NOW_US, limit=100_000).run(lambda: False, max_steps=5)
    assert task.states()[0] == recover(log, 0).state == recover(log, 0, from_start=True).state
    records = [record.value for record in log.read(TopicPartition(DECISION_INPUTS.name, 0))]
    assert max(len(value or b"") for value in records) < 2 * LOOK_BYTES
    return task, [decode(Look, value) for value in records]


def test_an_outage_of_the_decider_leaves_one_status_a_router() -> None:
    """Half a minute of 40 routers is as many statuses as a second of them."""
    waiting = [_status(router, second) for second in range(30) for router in range(40)]
    _, looks = _decided(*waiting)

    assert waiting[-40:] == [fact.status for look in looks for fact in look.routers]


def test_a_look_ends_where_its_record_would_be_too_large() -> None:
    """More routers than fit: the next look goes on with them, and nothing is read twice."""
    waiting = [_status(router, 0, 36) for router in range(700)]
    halt = Command("c1", "momentum", "ana", NOW_US, CommandKind.HALT, "", "now")
    task, looks = _decided(*waiting, command=halt)

    assert waiting == [fact.status for look in looks for fact in look.routers]
    assert 700 == len(task.states()[0].strategies["momentum"].routers)
    assert [("c1",)] == [look.commands for look in looks if look.commands]
    assert [*range(1, len(looks) + 1)] == [look.number for look in looks]
    assert len([look for look in looks if look.routers]) > 1


_LIVES = st.tuples(st.integers(1, 2), st.integers(1, 2))
_SAID = st.tuples(
    _LIVES, st.sampled_from(list(LeaseState)), st.integers(5, 6), st.integers(0, 3), st.booleans()
)


def _said(said: tuple[tuple[int, int], LeaseState, int, int, bool]) -> RouterStatus:
    (router, incarnation), lease, revision, lapses, killed = said
    status = replace(_status(router, 0, 1), incarnation=incarnation, lease=lease)
    return replace(status, revision=revision, lapses=lapses, killed=killed)


@given(
    st.lists(_SAID, max_size=12),
    st.lists(st.tuples(_SAID, st.integers(-1, 9), st.integers(-1, 3)), max_size=3),
)
def test_what_is_left_out_changes_nothing(
    said: list[tuple[tuple[int, int], LeaseState, int, int, bool]],
    known: list[tuple[tuple[tuple[int, int], LeaseState, int, int, bool], int, int]],
) -> None:
    """Whatever is known and comes, the decider knows the same afterwards."""
    seen = [RouterSeen(_said(one), NOW_US, since, lapses) for one, since, lapses in known]
    routers = {f"{one.status.router}/{one.status.incarnation}": one for one in seen}
    strategy = StrategyState("momentum", routers=routers)
    facts = [RouterFact(_said(one), NOW_US // 1000) for one in said]
    waiting = RouterFacts()
    for fact in facts:
        waiting.add(fact, 1)

    assert take_in(strategy, facts, NOW_US + 1) == take_in(strategy, waiting.take(), NOW_US + 1)
    assert not waiting


def test_endless_names_are_set_aside() -> None:
    """Each look, decision and part of state would repeat them; a kill's texts are cut."""
    log = MemoryLog(lambda: NOW_US)
    long = "x" * (LONGEST_NAME + 1)
    halt = Command(long, "momentum", "ana", NOW_US, CommandKind.HALT, "", "now")
    log.append(COMMANDS.name, b"momentum", encode(halt))
    log.append(ROUTER_STATUS.name, b"k", encode(replace(_status(1, 0), strategy=long)))
    kill = KillSwitch("momentum", killed=True, actor=long * 50, time_us=0, reason=long * 500)
    log.append(KILL_SWITCH.name, b"momentum", encode(kill))
    Runner(DecisionTask(), log, lambda: NOW_US).run(lambda: False, max_steps=5)
    letters = log.read(TopicPartition(DEAD_LETTERS.name, 0))
    looks = [*_looks(log)]

    assert {
        f"{what} was 201 characters long, at most 200 are read" for what in ("id", "strategy")
    } == {decode(DeadLetter, letter.value).reason for letter in letters}
    assert [("x" * 2_000, "x" * 2_000)] == [
        (one.actor, one.reason) for look in looks for one in look.kills
    ]


def _looks(log: MemoryLog) -> Iterator[Look]:
    for record in log.read(TopicPartition(DECISION_INPUTS.name, 0)):
        yield decode(Look, record.value)
