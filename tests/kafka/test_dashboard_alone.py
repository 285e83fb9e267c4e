"""The dashboard by itself: who may reach it, with which token, and an outage of Kafka under it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import httpx
from playwright.sync_api import Browser, expect

from tests.kafka.broker import Broker
from tests.kafka.browsing import TOKEN, Shown, serve
from tests.kafka.pipeline import Pipeline
from tests.kafka.scenarios import policy


def test_beyond_this_machine_it_wants_a_token(pipeline: Pipeline) -> None:
    """No token, a short one, a file that is not there: each is refused in one sentence."""
    open_to_all, missing = pipeline.together(
        ["dashboard", "--host", "0.0.0.0", "--port", "0"],
        ["dashboard", "--token-file", "no-such-file"],
    )
    pipeline.environment["DASHBOARD_TOKEN"] = "short"
    try:
        short = pipeline.cli("dashboard", "--port", "0")
    finally:
        del pipeline.environment["DASHBOARD_TOKEN"]

    assert (2, 2, 2) == (open_to_all.returncode, missing.returncode, short.returncode)
    assert "a login token is needed" in open_to_all.stderr
    assert "No such file" in missing.stderr
    assert "at least 16" in short.stderr
    assert "short" not in short.stderr


def test_without_a_token_one_is_made_for_this_machine(pipeline: Pipeline) -> None:
    """It is printed once, and opens the door."""
    process, address = serve(pipeline)
    (line,) = [each for each in process.err.read_text().splitlines() if "login token" in each]
    token = line.split()[-1]
    form = {"name": "bob", "token": token}
    answer = httpx.post(f"{address}/login", data=form, headers={"origin": address})

    assert 303 == answer.status_code
    assert token not in process.out.read_text()
    assert 0 == process.stop()


def test_kafka_is_killed_and_comes_back_under_an_open_page(
    browser: Browser, own_broker: Broker, tmp_path: Path, topic_prefix: str
) -> None:
    """The page says that it is not up to date, and what was decided afterwards is on it."""
    servers = own_broker.bootstrap_servers
    with ExitStack() as stack:
        pipeline = Pipeline(servers, topic_prefix, tmp_path, executions=1, control=1)
        stack.callback(pipeline.close)
        pipeline.stage("decision")
        pipeline.start("before", policy())
        process, address = serve(pipeline, DASHBOARD_TOKEN=TOKEN)
        alone = Shown(pipeline, browser, process, address)
        page = stack.enter_context(alone.person())
        own_broker.kill()
        expect(page.locator(".notice.bad")).to_be_visible()
        own_broker.start()
        pipeline.start("after", policy())
        expect(page.locator('[data-strategy="after"]')).to_be_visible(timeout=60_000)
        expect(page.locator(".notice.bad")).to_have_count(0)
        assert process.running
        assert [] == alone.complaints
