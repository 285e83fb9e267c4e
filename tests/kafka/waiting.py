"""Waiting for what other processes do."""

import time
from collections.abc import Callable

import pytest

DEADLINE_S = 40.0


def wait_until(
    step: Callable[[], object],
    ready: Callable[[], bool],
    what: str,
    said: Callable[[], str] = str,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Step until `ready()`; fail after the deadline with what was waited for and was `said`."""
    deadline = time.monotonic() + deadline_s
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(f"waiting for {what}: not there after {deadline_s:.0f} s\n{said()}")
        step()
