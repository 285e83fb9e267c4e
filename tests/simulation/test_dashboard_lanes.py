"""What the dashboard's threads owe the kill switch, without a browser."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from nicegui import run

from tests.simulation.worlds import STRATEGY, Rollout
from tradecanary.dashboard.lanes import Lanes
from tradecanary.dashboard.verbs import VERBS, Answer, perform
from tradecanary.operator import Operator

_WAIT_S = 20.0


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    """Give threads, and close them."""
    made = Lanes()
    yield made
    made.close()


@pytest.mark.parametrize("name", ["kill", "unkill"])
def test_a_kill_goes_past_as_many_verbs_as_there_are_threads(lanes: Lanes, name: str) -> None:
    """All threads of the pages wait for a decider that does not answer; the switch is written."""
    operator = Rollout.begin().world.operator
    threads = run.thread_pool._max_workers
    under_way = threading.Semaphore(0)
    answered = threading.Event()

    def wait() -> Answer:
        under_way.release()
        assert answered.wait(_WAIT_S)
        return Answer("at last", "silent")

    @contextmanager
    def hands() -> Iterator[Operator]:
        yield operator

    async def all_at_once() -> tuple[Answer | None, list[Answer | None]]:
        waiting = [asyncio.create_task(lanes.run(VERBS["halt"], wait)) for _ in range(2 * threads)]
        try:
            for _ in range(threads):
                assert await asyncio.to_thread(under_way.acquire, timeout=_WAIT_S)
            act = partial(perform, hands, VERBS[name], STRATEGY, actor="bob", reason="at once")
            async with asyncio.timeout(_WAIT_S / 2):
                switched = await lanes.run(VERBS[name], act)
            assert not any(one.done() for one in waiting)
        finally:
            answered.set()
        return switched, await asyncio.gather(*waiting)

    switched, waited = asyncio.run(all_at_once())

    assert switched is not None
    assert switched.text.startswith(f"{name} of {STRATEGY} is written")
    assert [Answer("at last", "silent")] * (2 * threads) == waited


def test_a_server_that_ends_begins_no_verb(lanes: Lanes) -> None:
    """Nothing is done, and the page is told nothing."""
    lanes.close()

    assert asyncio.run(lanes.run(VERBS["kill"], lambda: pytest.fail("it was done"))) is None
