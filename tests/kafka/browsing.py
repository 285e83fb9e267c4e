"""A browser on the dashboard of a pipeline, and everything it asked for or complained of."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.kafka.pipeline import TRADECANARY, Pipeline
from tests.kafka.process import ROOT, Process
from tests.kafka.waiting import wait_until

TOKEN = "correct-horse-battery-staple"
PICTURES = os.environ.get("DASHBOARD_PICTURES") == "1"
"""Whether the pictures of the docs are made anew; a test run leaves them alone."""
_ADDRESS = re.compile(r"dashboard at (http://\S+)")
_COLOURS = 256
_START_S = 120.0
_WAIT_MS = 40_000
expect.set_options(timeout=_WAIT_MS)  # it does not ask the context, and its own is 5 s


@dataclass
class Shown:
    """A dashboard that runs, and what every browser on it did."""

    pipeline: Pipeline
    browser: Browser
    process: Process
    address: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)

    @contextmanager
    def visitor(
        self, *, width: int = 1280, height: int = 860, dark: bool = False
    ) -> Iterator[Page]:
        """Give a page of a browser of its own, not logged in."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        context.set_default_timeout(_WAIT_MS)
        self._listen(context)
        try:
            yield context.new_page()
        finally:
            context.close()

    @contextmanager
    def person(
        self, name: str = "bob", *, width: int = 1280, height: int = 860, dark: bool = False
    ) -> Iterator[Page]:
        """Give a page that is logged in."""
        with self.visitor(width=width, height=height, dark=dark) as page:
            self.log_in(page, name, TOKEN)
            page.wait_for_selector("[data-strategy]")
            self.cookies += [cookie["value"] for cookie in page.context.cookies()]
            yield page

    def log_in(self, page: Page, name: str, token: str) -> None:
        """Fill in the login page."""
        page.goto(f"{self.address}/login")
        page.fill("[name=name]", name)
        page.fill("[name=token]", token)
        page.click("button[type=submit]")

    def open(self, page: Page, strategy: str) -> None:
        """Go to a rollout's page, and wait until it shows something."""
        page.goto(f"{self.address}/rollout/{strategy}")
        page.wait_for_selector(".tiles")

    def picture(self, page: Page, name: str) -> None:
        """Take a picture for the docs, when they are asked for."""
        if PICTURES:
            taken = Image.open(BytesIO(page.screenshot(animations="disabled")))
            flat = taken.convert("RGB").quantize(_COLOURS)
            flat.save(ROOT / "docs" / f"dashboard-{name}.png", optimize=True)

    def _listen(self, context: BrowserContext) -> None:
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on(
            "console",
            lambda message: (
                self.complaints.append(f"{message.type}: {message.text}")
                if message.type in {"error", "warning"}
                else None
            ),
        )


def serve(pipeline: Pipeline, *arguments: str, **variables: str) -> tuple[Process, str]:
    """Start a dashboard on a free port; return it and its address."""
    command = [*TRADECANARY, "dashboard", "--port", "0", *arguments]
    process = pipeline.process("dashboard", command, **variables)
    wait_until(
        lambda: _ADDRESS.search(process.out.read_text()) or not process.running,
        "the dashboard's address",
        said=process.said,
        deadline_s=_START_S,
    )
    found = _ADDRESS.search(process.out.read_text())
    assert found is not None, process.said()
    return process, found[1]


def text_of(folder: Path) -> str:
    """Return all that processes wrote into a folder."""
    return "".join(file.read_text() for file in sorted(folder.glob("dashboard-*")))
