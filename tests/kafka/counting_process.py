"""Run the counting task as a stage's process; settings come from the environment."""

import os
import sys

from tests.counting import Counting
from tradecanary.processors.runtime.settings import load_settings
from tradecanary.processors.runtime.stage_process import run_stage

if __name__ == "__main__":
    task = Counting(commit_interval_us=50_000)
    sys.exit(run_stage(task, load_settings(os.environ)))
