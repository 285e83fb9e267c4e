"""The dashboard in a real Chromium when Kafka is gone, and when no decider runs."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.kafka.broker import Broker
from tests.kafka.browsing import TOKEN, Shown, ask, serve
from tests.kafka.pipeline import Pipeline
from tests.kafka.scenarios import policy


def test_kafka_is_killed_and_comes_back_under_an_open_page(
    browser: Browser, own_broker: Broker, tmp_path: Path, topic_prefix: str
) -> None:
    """The page says that it is not up to date, and what was decided afterwards is on it."""
    servers = own_broker.bootstrap_servers
    with ExitStack() as stack:
        pipeline = Pipeline(servers, topic_prefix, tmp_path, executions=1, control=1)
        stack.callback(pipeline.close)
        decider = pipeline.stage("decision")
        pipeline.start("before", policy())
        process, address = serve(pipeline, DASHBOARD_TOKEN=TOKEN)
        alone = Shown(pipeline, browser, process, address)
        page = stack.enter_context(alone.person())
        own_broker.kill()
        expect(page.locator(".notice.bad")).to_be_visible()
        decider.kill()  # it may go on or end, within a minute: that is test_restart_at_once's
        own_broker.start()
        pipeline.stage("decision")
        pipeline.start("after", policy())
        expect(page.locator('[data-strategy="after"]')).to_be_visible(timeout=60_000)
        expect(page.locator(".notice.bad")).to_have_count(0)
        assert process.running
        assert [] == alone.complaints


def test_without_a_decider_a_kill_goes_past_a_verb_that_waits(
    browser: Browser, bootstrap_servers: str, tmp_path: Path, topic_prefix: str
) -> None:
    """The page says that none runs; an abort waits for its answer, a kill does not wait for it."""
    pipeline = Pipeline(bootstrap_servers, topic_prefix, tmp_path, executions=1, control=1)
    try:
        decider = pipeline.stage("decision")
        pipeline.start("vwap", policy())
        process, address = serve(pipeline, DASHBOARD_TOKEN=TOKEN)
        alone = Shown(pipeline, browser, process, address)
        with alone.person() as page:
            alone.open(page, "vwap")
            assert 0 == decider.stop()
            expect(page.get_by_text("No decider")).to_be_visible(timeout=20_000)
            ask(page, "abort", "it trades worse", sure=True)
            page.get_by_role("button", name="Cancel").click()
            ask(page, "kill", "at once", sure=True)
            expect(page.get_by_text("kill of vwap is written")).to_be_visible(timeout=20_000)
            expect(page.locator("h1 .pill")).to_have_text("■ KILLED")
            expect(page.get_by_text("by bob: at once")).to_be_visible()
            expect(page.get_by_text("no decider answered")).to_be_visible(timeout=20_000)
    finally:
        pipeline.close()
