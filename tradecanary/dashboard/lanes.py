"""The threads in which verbs are done: none of the kill switch waits behind a command.

A command without a decider holds its thread for 10 s, and all pages share a few threads. The kill
switch has its own, so that it is written at once however many commands wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from nicegui import run

from tradecanary.dashboard.verbs import Answer, Verb

_SWITCHES_AT_ONCE = 32
"""Each waits up to 5 s for its routers; threads are made as they are needed."""


class Lanes:
    """Does verbs beside the event loop, until it is closed."""

    def __init__(self) -> None:
        self._switches = ThreadPoolExecutor(_SWITCHES_AT_ONCE, thread_name_prefix="kill-switch")
        self._is_closed = False

    async def run(self, verb: Verb, act: Callable[[], Answer]) -> Answer | None:
        """Return what `act` of this verb returns; None when the server ends before that."""
        if verb.kind is not None:
            return await run.io_bound(act)
        if self._is_closed:
            return None
        try:
            return await asyncio.get_running_loop().run_in_executor(self._switches, act)
        except asyncio.CancelledError:
            return None  # as `io_bound` has it

    def close(self) -> None:
        """Begin no more; a switch that was asked for is still written."""
        self._is_closed = True
        self._switches.shutdown(wait=False)
