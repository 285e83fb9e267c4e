"""Waiting for what other processes do."""

import threading
import time
from collections.abc import Callable

import pytest

DEADLINE_S = 40.0
PAUSE_S = 0.05


def pause() -> None:
    """Let the others work between two questions."""
    threading.Event().wait(PAUSE_S)


def wait_until(
    ready: Callable[[], object],
    what: str,
    *,
    step: Callable[[], object] = pause,
    said: Callable[[], str] = str,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Step until `ready()`; fail after the deadline with what was waited for and was `said`."""
    deadline = time.monotonic() + deadline_s
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(f"waiting for {what}: not there after {deadline_s:.0f} s\n{said()}")
        step()
