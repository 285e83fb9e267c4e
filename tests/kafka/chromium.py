"""A Chromium for the tests: the system's, else one from the package manager, else playwright's.

None: an error that says what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_APT = (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"])


class NoBrowserError(RuntimeError):
    """No browser was found and none could be installed; the text says what to do."""


def chromium(playwright: Playwright, say: Callable[[str], None]) -> str:
    """Return the path of a Chromium that can be started."""
    tried = [f"none of {', '.join(_NAMES)} on the path"]
    found = _installed()
    if found is None and _may_use_apt():
        say("chromium: installing it with apt-get (once)")
        tried += filter(None, (_problem(command) for command in _APT))
        found = _installed()
    if found is not None:
        return found
    own = Path(playwright.chromium.executable_path)
    if not own.exists():
        say("chromium: fetching playwright's own (170 MB, once)")
        tried += filter(
            None, [_problem([sys.executable, "-m", "playwright", "install", "chromium"])]
        )
    if own.exists():
        return str(own)
    raise NoBrowserError(
        f"The dashboard's tests need a Chromium: {'; '.join(tried)}. Install one "
        "(Debian, Ubuntu: apt install chromium; elsewhere: playwright install chromium)."
    )


def _installed() -> str | None:
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def _may_use_apt() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _problem(command: list[str]) -> str:
    """Run a command; return what went wrong in a few words, empty when nothing did."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=600, check=False, env=quiet
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        return f"{command[0]}: {failure}"
    if not answer.returncode:
        return ""
    said = (answer.stderr or answer.stdout).strip().splitlines()
    return f"{' '.join(command)} ended with {answer.returncode}: {said[-1] if said else ''}"
