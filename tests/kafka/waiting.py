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
) -> None:
    """Step until `ready()`; fail after 40 s with what was waited for and what was `said`."""
    deadline = time.monotonic() + DEADLINE_S
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(f"waiting for {what}: not there after {DEADLINE_S:.0f} s\n{said()}")
        step()
