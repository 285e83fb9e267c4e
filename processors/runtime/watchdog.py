"""Ends a process that stands still, or that was told to stop and does not: the last line.

Whoever is held in a call in C looks at no deadline and runs no signal handler. So this is a thread
of its own; signals reach it through the descriptor that the interpreter writes to by itself.
"""

from __future__ import annotations

import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

STILL_S = 120.0
"""Longer than any call's deadline: without one beat in that time, something holds for ever."""
STOP_S = 15.0
"""How long a stop in good order may take; containers are killed after 20 s (docker-compose)."""
TICK_S = 1.0
_STOPPING = frozenset({signal.SIGTERM, signal.SIGINT})


class Watchdog:
    """Calls `end(why)` from its thread when nothing beats, or a stop takes too long.

    A context manager of the main thread. Time in which the whole process was stopped by a signal
    does not count.
    """

    def __init__(
        self,
        end: Callable[[str], None],
        *,
        still_s: float = STILL_S,
        stop_s: float = STOP_S,
        tick_s: float = TICK_S,
    ) -> None:
        self._end = end
        self._tick_s = tick_s
        self._still_s = still_s
        self._stop_s = stop_s
        self._beats = 0
        self._inbox, self._outbox = socket.socketpair()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._before = -1

    def beat(self) -> None:
        """Note that something was finished."""
        self._beats += 1

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._outbox.settimeout(0)
        self._before = signal.set_wakeup_fd(self._outbox.fileno(), warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Watch no more."""
        signal.set_wakeup_fd(self._before)
        self._outbox.close()
        self._thread.join()
        self._inbox.close()

    def _watch(self) -> None:
        beats, still_s, stop_s = self._beats, 0.0, 0.0
        is_stopping = False
        before_s = time.monotonic()
        while True:
            if select.select([self._inbox], [], [], self._tick_s)[0]:
                told = self._inbox.recv(64)
                if not told:
                    return
                is_stopping |= not _STOPPING.isdisjoint(told)
            now_s = time.monotonic()
            passed_s = min(now_s - before_s, 2 * self._tick_s)
            before_s = now_s
            still_s = still_s + passed_s if beats == self._beats else 0.0
            beats = self._beats
            stop_s += passed_s if is_stopping else 0.0
            if still_s > self._still_s:
                self._end(f"nothing was finished for {self._still_s:g} s")
                return
            if stop_s > self._stop_s:
                self._end(f"told to stop, it had not ended after {self._stop_s:g} s")
                return
