"""A process of the pipeline under a test's hands: killed by pid, ended with the test run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.kafka.java import LAUNCHER
from tests.kafka.waiting import DEADLINE_S, wait_until

ROOT = Path(__file__).parents[2]


class Process:
    """One child with its output in files. Start it from the main thread (see `JavaBroker`)."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.out = folder / f"{name}.out"
        self.err = folder / f"{name}.err"
        launcher = [sys.executable, "-c", LAUNCHER, str(os.getpid())]
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.popen = subprocess.Popen(
                [*launcher, *command],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self.popen.poll() is None

    def kill(self) -> None:
        """End it as a power cut would."""
        self.popen.kill()
        self.popen.wait(DEADLINE_S)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal: SIGTERM, SIGSTOP, SIGCONT."""
        self.popen.send_signal(number)

    def stop(self) -> int:
        """Ask it to end in good order; return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self, timeout_s: float = DEADLINE_S) -> int:
        """Return the exit code; fails with what it said when it does not end in time."""
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            message = f"{self.name} did not end within {timeout_s:g} s; it said\n{self.said()}"
            raise AssertionError(message) from None

    def remove(self) -> None:
        """End it whatever it does, stopped ones too."""
        if self.running:
            self.kill()

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield its whole JSON lines so far."""
        for line in self.out.read_text().splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                yield json.loads(line)

    def await_line(self, event: str) -> dict[str, Any]:
        """Return its first line of that event; fails when it ends without one."""
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            ended = not self.running
            found.extend(line for line in self.lines() if line.get("event") == event)
            assert found or not ended, f"{self.name} ended without {event!r}\n{self.said()}"
            return bool(found)

        wait_until(is_there, f"the line {event!r} of {self.name}", said=self.said)
        return found[0]

    def said(self) -> str:
        """Return the end of what it wrote, for people."""
        return (self.out.read_text()[-1500:] + self.err.read_text()[-2500:]).strip()
