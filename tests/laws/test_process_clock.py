"""A process's own clock: what a stage records never waits for a host's clock that was set back."""

from __future__ import annotations

import time

import pytest

from tradecanary.processors.runtime.stage_process import clock_us


def test_a_host_clock_that_is_set_back_blocks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour back: the process goes on from where it was."""
    before_us = clock_us()
    set_back_ns = time.time_ns() - 3_600_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: set_back_ns)

    assert before_us <= clock_us() < before_us + 60_000_000


def test_it_begins_with_the_hosts_time() -> None:
    """Microseconds UTC, as all recorded times."""
    assert abs(time.time_ns() // 1000 - clock_us()) < 60_000_000
