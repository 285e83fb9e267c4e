"""A kill: written before anything is asked, obeyed by all, seen while no decider runs."""

from __future__ import annotations

from dataclasses import replace

from typer.testing import CliRunner
from typing_extensions import override

from tests.simulation.command_line import tradecanary, trading
from tests.simulation.worlds import STRATEGY
from tradecanary.cli import app
from tradecanary.cli.connection import working_on
from tradecanary.live import Live
from tradecanary.operator import Operator
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import TopicPartition
from tradecanary.roll_call import KillAnswer, RollCall, said_of
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.routing import EVERYWHERE, KillSwitch, RouterStatus
from tradecanary.schemas.topics import KILL_SWITCH, ROUTER_STATUS
from tradecanary.schemas.units import US_PER_S
from tradecanary.states import states
from tradecanary.world import World

_STATUSES = TopicPartition(ROUTER_STATUS.name, 0)


def _say(world: World, router: str, *, killed: bool = False, strategy: str = STRATEGY) -> None:
    """Let a router of ours say how it stands."""
    known = decode(RouterStatus, list(world.log.read(_STATUSES))[-1].value)
    status = replace(known, router=router, killed=killed, strategy=strategy)
    world.log.append(ROUTER_STATUS.name, strategy.encode(), encode(status), partition=0)


def _switch(world: World, strategy: str = STRATEGY) -> KillSwitch:
    return KillSwitch(strategy, killed=True, actor="ana", time_us=world.now_us(), reason="drill")


def test_each_router_that_was_there_is_waited_for() -> None:
    """One that obeys at once does not speak for those that have not said so yet."""
    world = trading()
    for router in ("quick", "slow"):
        _say(world, router)
    call = RollCall(world.log, _switch(world))
    _say(world, "quick", killed=True)
    _say(world, "slow", killed=False)
    soon = call.poll()
    for router in ("slow", "new", "gateway-1"):
        _say(world, router, killed=True)
    late = call.poll()

    gateway, slow = f"{STRATEGY}/gateway-1", f"{STRATEGY}/slow"
    assert KillAnswer(3, (gateway, slow)) == soon
    assert f"1 of 3 routers obey, not (yet): {gateway}, {slow}" == said_of(soon)
    assert (KillAnswer(4), True) == (late, late.is_obeyed)


def test_a_router_silent_for_long_or_of_another_strategy_is_not() -> None:
    """Ten seconds; a switch of all waits for the routers of every strategy."""
    world = trading()
    _say(world, "gone")
    world.run_for(11)
    _say(world, "other", strategy="reversal")

    one = RollCall(world.log, _switch(world)).poll()
    every = RollCall(world.log, _switch(world, EVERYWHERE)).poll()

    assert (f"{STRATEGY}/gateway-1",) == one.missing
    assert ("reversal/other", f"{STRATEGY}/gateway-1") == tuple(sorted(every.missing, reverse=True))


def test_the_clock_of_who_kills_says_nothing_of_who_is_there() -> None:
    """However wrong it is, the same routers are waited for: one that does not obey is named."""

    def answer(wrong_s: int) -> KillAnswer:
        world = trading()
        _say(world, "gone")
        world.run_for(11)
        _say(world, "deaf")
        world.run_for(2)
        operator = Operator(
            world.log,
            lambda topic, key, value, partition=None: world.log.append(
                topic, key, value, partition=partition
            ),
            now_us=lambda: world.now_us() + wrong_s * US_PER_S,
            wait=world.run_for,
            new_id=lambda: "none",
        )
        return operator.switch(STRATEGY, killed=True, actor="ana", reason="drill", timeout_s=2)

    right = answer(0)

    assert KillAnswer(2, (f"{STRATEGY}/deaf",)) == right
    assert [right] * 4 == [answer(wrong_s) for wrong_s in (-3_600, -11, 11, 3_600)]


def test_routers_that_are_all_gone_are_named() -> None:
    """Nothing tells how long ago it was but the clock of who asks, and that may be wrong."""
    world = trading()
    world.gateways["gateway-1"].die()
    world.run_for(60)

    assert (f"{STRATEGY}/gateway-1",) == RollCall(world.log, _switch(world)).poll().missing


def test_it_is_written_when_nobody_can_be_asked() -> None:
    """A partition of `router-status` without a leader does not hold up a kill."""

    class Deaf(MemoryLog):
        @override
        def end_offset(self, partition: TopicPartition) -> int:
            if partition.topic == ROUTER_STATUS.name:
                raise Unavailable("no leader")
            return super().end_offset(partition)

    world = trading()
    log = Deaf(world.now_us)
    written: list[str] = []
    operator = Operator(
        log, lambda topic, *_: written.append(topic), now_us=world.now_us,
        wait=lambda _: None, new_id=lambda: "none",
    )  # fmt: skip
    answer = operator.switch(STRATEGY, killed=True, actor="ana", reason="drill")

    assert [KILL_SWITCH.name] == written
    assert (False, "no leader") == (answer.is_obeyed, answer.problem)
    assert "nobody could be asked" in said_of(answer)


def test_a_kill_is_seen_while_no_decider_looks() -> None:
    """By whoever follows, lists or asks, with who did it and why: time stands still after it."""
    world = trading()
    written = world.operator.switch(
        EVERYWHERE, killed=True, actor="ana", reason="odd [/fills]", timeout_s=0
    )
    live = Live(world.log)
    live.refresh()
    (read,) = states(world.log)
    status = tradecanary(world, "status", STRATEGY)

    assert not written.is_obeyed
    assert [True, True] == [one.strategies[STRATEGY].killed for one in (read, *live.states)]
    assert "ON for all strategies (by ana: odd [/fills])" in status.stdout


def test_a_decider_that_is_gone_is_said() -> None:
    """By list, watch and status: nothing of what they show is of now."""
    world = trading()
    for late_s, said in ((1, False), (80, True)):
        operator = _at(world, world.now_us() + late_s * US_PER_S)
        with working_on(operator):
            found = [
                CliRunner().invoke(app, command, catch_exceptions=False).output
                for command in (["list"], ["watch", "--once"], ["status"])
            ]
        assert [said] * 3 == ["no look was recorded for" in text for text in found]


def _at(world: World, now_us: int) -> Operator:
    """The hands of somebody who looks at the world's log at another time."""
    return Operator(
        world.log, lambda *_: None, now_us=lambda: now_us, wait=lambda _: None,
        new_id=lambda: "none",
    )  # fmt: skip
