"""A call that never comes back, and a process that stands still, are ended in time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from typing_extensions import override

from tests.counting import Clock, fill, new_runner
from tests.unlucky import UnluckyLog
from tradecanary.processors.runtime.deadlines import MOST_LEFT_BEHIND, Overdue, within
from tradecanary.processors.runtime.log import Hung, Unavailable
from tradecanary.processors.runtime.memory_log import MemoryProducer
from tradecanary.processors.runtime.runner import Stuck
from tradecanary.processors.runtime.stage_process import step_until
from tradecanary.processors.runtime.watchdog import STILL_S, Watchdog

_LONG_S = 20.0


@pytest.fixture
def never() -> Iterator[Callable[[], bool]]:
    """Give a call that comes back when the test is over, and not before."""
    over = threading.Event()
    yield over.wait
    over.set()
    for thread in threading.enumerate():
        if thread.name.startswith("client: "):
            thread.join(_LONG_S)


def test_a_call_in_time_is_the_call_itself() -> None:
    """Its result and its exception arrive unchanged, a timeout of its own among them."""

    def fail() -> None:
        raise TimeoutError("its own")

    assert 42 == within(_LONG_S, lambda: 42, "answering")
    with pytest.raises(TimeoutError, match="its own"):
        within(_LONG_S, fail, "failing")


def test_time_in_which_the_process_was_stopped_is_no_delay() -> None:
    """SIGSTOP, or a host that pauses its guests: the call could not come back meanwhile."""
    back = threading.Event()
    readings = iter((0.0, 100.0))

    def clock() -> float:
        passed_s = next(readings, None)
        if passed_s is None:
            back.set()
        return passed_s or 100.0

    assert within(_LONG_S, lambda: back.wait(_LONG_S), "sending offsets", clock)


def test_a_call_that_holds_is_left_behind(never: Callable[[], bool]) -> None:
    """The error says what was tried, and how long it was waited for."""
    with pytest.raises(Overdue, match=r"sending offsets: no answer within 0\.01 s"):
        within(0.01, never, "sending offsets")


def test_too_many_calls_left_behind_end_the_process(never: Callable[[], bool]) -> None:
    """Each keeps a client: there is a last one."""
    for _ in range(MOST_LEFT_BEHIND):
        with pytest.raises(Overdue):
            within(0.001, never, "holding")
    with pytest.raises(Hung, match="holding"):
        within(0.001, never, "holding")


class _Away(UnluckyLog):
    """No commit succeeds, and after one no producer can be made: each attempt takes 30 s."""

    @override
    def producer(self, transactional_id: str) -> MemoryProducer:
        if self.producers:
            self._moving.us += 30_000_000
            raise Unavailable("starting transactions: no answer in 30 s")
        return super().producer(transactional_id)


def test_steps_that_fail_are_no_standing_still() -> None:
    """How long brokers may be away is the runner's deadline: alerting bears with ten minutes.

    After a commit in doubt no step gets as far as a poll: a new producer comes first, and fails.
    """
    clock = Clock()
    log = _Away(clock)
    log.troubles = [(Unavailable("away"), False)]
    fill(log, 10)
    runner = new_runner(log, clock, deadline_us=600_000_000)
    began_us = clock.us
    beats_us = [began_us]
    with pytest.raises(Stuck, match=r"for 6.. s, last: starting transactions"):
        step_until(threading.Event(), runner, lambda: beats_us.append(clock.us))

    assert clock.us - began_us > 600_000_000
    assert max(b - a for a, b in pairwise(beats_us)) / 1e6 < STILL_S


def _watched(held: threading.Event, **limits: float) -> tuple[Watchdog, list[str]]:
    why: list[str] = []

    def end(reason: str) -> None:
        why.append(reason)
        held.set()

    return Watchdog(end, tick_s=0.001, **limits), why


def test_standing_still_is_ended() -> None:
    """Without a beat the end comes, once, and says for how long nothing was finished."""
    held = threading.Event()
    watchdog, why = _watched(held, still_s=0.05)
    with watchdog:
        assert held.wait(_LONG_S)

    assert ["nothing was finished for 0.05 s"] == why


def test_a_beat_is_life() -> None:
    """Whoever beats is left alone, though it takes many times the limit."""
    held = threading.Event()
    watchdog, why = _watched(held, still_s=0.2)
    with watchdog:
        for _ in range(60):
            watchdog.beat()
            held.wait(0.01)

    assert [] == why


def test_a_stop_that_is_not_obeyed_is_ended() -> None:
    """A signal starts the time, whatever the main thread does and whatever its handler did."""
    held = threading.Event()
    watchdog, why = _watched(held, stop_s=0.05)
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with watchdog:
            signal.raise_signal(signal.SIGTERM)
            assert held.wait(_LONG_S)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert ["told to stop, it had not ended after 0.05 s"] == why


def test_watching_ends_with_the_block() -> None:
    """Afterwards nothing ends anybody, and signals go where they went before."""
    watchdog, why = _watched(threading.Event(), still_s=_LONG_S)
    with watchdog:
        assert "watchdog" in {thread.name for thread in threading.enumerate()}

    assert -1 == signal.set_wakeup_fd(-1)
    assert ([], set()) == (why, {t.name for t in threading.enumerate()} & {"watchdog"})
