"""Run the counting task as a stage's process; settings come from the environment.

COUNTING_HOLDS=1: it never comes back from its first absorb. COUNTING_STOP_S: how long it may take
to stop.
"""

import os
import sys
import threading

from typing_extensions import override

from tests.counting import Counting
from tradecanary.processors.runtime.settings import load_settings
from tradecanary.processors.runtime.stage_process import run_stage
from tradecanary.processors.runtime.watchdog import STOP_S
from tradecanary.processors.stage import Polled


class Holding(Counting):
    """As a call into a library that never comes back."""

    @override
    def absorb(self, polled: Polled, now_us: int) -> None:
        """Hold for ever."""
        sys.stdout.write('{"event": "holding"}\n')
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    made = Holding if "COUNTING_HOLDS" in os.environ else Counting
    sys.exit(
        run_stage(
            made(commit_interval_us=50_000),
            load_settings(os.environ),
            stop_s=float(os.environ.get("COUNTING_STOP_S", STOP_S)),
        )
    )
