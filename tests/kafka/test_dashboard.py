"""The dashboard in a real Chromium on a real pipeline: seen, clicked, obeyed, nothing leaked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.kafka.browsing import PICTURES, TOKEN, Shown, serve, text_of
from tests.kafka.pipeline import Pipeline, Watch
from tests.kafka.scenarios import policy, steps
from tests.kafka.services import Service
from tradecanary.schemas.decisions import Decision, DecisionKind

SLOW, STEADY, OTHER = "vwap-eu", "momentum", "pairs-us"
MORE = {"smart-router": "", "twap-fx": "", "iceberg-asia": "rejecting:20"} if PICTURES else {}
SEQUENTIAL = {"judge": {"kind": "sequential"}}
RAMP = steps((1_000, 5, 20), (2_500, 600, 0), (5_000, 600, 0))


@pytest.fixture(scope="module")
def shown(
    bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> Iterator[Shown]:
    """Give a pipeline with three rollouts, a dashboard, and a browser."""
    folder = tmp_path_factory.mktemp("dashboard")
    prefix = f"dashboard.{os.getpid()}."
    pipeline = Pipeline(bootstrap_servers, prefix, folder, executions=2, control=1)
    try:
        pipeline.stage("aggregation")
        pipeline.stage("decision")
        services = [
            Service(STEADY, rate=120.0, seed=3),
            Service(SLOW, "slow:1.35", rate=120.0, seed=2),
            Service(OTHER, rate=60.0, seed=4),
            *(Service(name, fault, rate=70.0) for name, fault in MORE.items()),
        ]
        pipeline.services(services)
        watch = pipeline.watch()
        names = [one.strategy for one in services]
        watch.until(lambda: all(watch.status(name) for name in names), "the routers", 60)
        watch.close()
        pipeline.start(STEADY, policy(RAMP, guards={"loss_budget": 500}) | SEQUENTIAL)
        pipeline.start(OTHER, policy(RAMP))
        for name in MORE:
            pipeline.start(name, policy(RAMP, guards={"loss_budget": 40}) | SEQUENTIAL)
        process, address = serve(pipeline, DASHBOARD_TOKEN=TOKEN)
        yield Shown(pipeline, browser, process, address)
    finally:
        pipeline.close()


@pytest.fixture(scope="module")
def watch(shown: Shown) -> Iterator[Watch]:
    """Give a follower of the decisions."""
    made = shown.pipeline.watch()
    yield made
    made.close()


def _ask(page: Page, verb: str, reason: str, *, sure: bool = False) -> None:
    page.click(f'[data-verb="{verb}"]')
    page.fill('[data-ask="reason"]', reason)
    if sure:
        page.click('[data-ask="sure"]')
    page.click('[data-ask="go"]')


def _decided(watch: Watch, strategy: str, kind: DecisionKind) -> Decision:
    def found() -> list[Decision]:
        return [one for one in watch.decisions.get(strategy, ()) if one.kind is kind]

    watch.until(found, f"{kind.value} of {strategy}")
    return found()[-1]


def test_a_wrong_token_is_refused_and_a_page_without_login_is_not_shown(shown: Shown) -> None:
    """Who has no session gets the login page, whatever was asked; sockets are refused."""
    with shown.visitor() as page:
        page.goto(f"{shown.address}/rollout/{STEADY}")
        assert urlsplit(page.url).path == "/login"
        page.fill("[name=name]", "mallory")
        page.fill("[name=token]", TOKEN + "x")
        page.click("button[type=submit]")
        expect(page.get_by_role("alert")).to_have_text("The token is wrong.")
        assert [] == page.context.cookies()
        shown.complaints.clear()  # the browser's own line about the 403

    socket = f"{shown.address}/_nicegui_ws/socket.io/?EIO=4&transport=polling"
    assert 303 == httpx.get(socket).status_code
    assert 403 == httpx.post(socket, content="40").status_code
    assert 403 == httpx.post(f"{shown.address}/logout").status_code


def test_login_goes_on_to_where_one_wanted_and_sets_a_guarded_cookie(shown: Shown) -> None:
    """The cookie is HttpOnly and SameSite=Strict; another origin's form is refused."""
    with shown.visitor() as page:
        page.goto(f"{shown.address}/rollout/{STEADY}")
        page.fill("[name=name]", "bob")
        page.fill("[name=token]", TOKEN)
        page.click("button[type=submit]")
        page.wait_for_selector(".tiles")
        (cookie,) = page.context.cookies()
        shown.cookies.append(cookie["value"])

        assert urlsplit(page.url).path == f"/rollout/{STEADY}"
        assert (True, "Strict") == (cookie["httpOnly"], cookie["sameSite"])
    form = {"name": "bob", "token": TOKEN}
    other = httpx.post(f"{shown.address}/login", data=form, headers={"origin": "http://evil.test"})
    assert 403 == other.status_code


def test_a_halt_is_clicked_and_obeyed(shown: Shown, watch: Watch) -> None:
    """It needs a reason; the decision carries it with the name given at login; resume ends it."""
    with shown.person("bob") as page:
        shown.open(page, OTHER)
        page.click('[data-verb="halt"]')
        page.click('[data-ask="go"]')
        expect(page.get_by_text("A reason is needed")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()

        _ask(page, "halt", "spread <b>widens</b>")
        expect(page.locator("h1 .pill")).to_have_text("‖ HALTED")
        halt = _decided(watch, OTHER, DecisionKind.HALT)
        assert ("bob", True) == (halt.actor, "spread <b>widens</b>" in halt.reason)
        line = page.locator(f'.decision[data-number="{halt.number}"]')
        expect(line.locator("summary")).to_contain_text("spread <b>widens</b>")
        line.locator("summary").click()
        expect(line).to_contain_text(halt.hash)

        _ask(page, "resume", "spread is back")
        expect(page.locator("h1 .pill")).to_have_text("● ACTIVE")
        assert "bob" == _decided(watch, OTHER, DecisionKind.RESUME).actor


def test_what_is_dangerous_asks_twice(shown: Shown, watch: Watch) -> None:
    """Abort does nothing until it is ticked; then the rollout ends."""
    with shown.person("carol") as page:
        shown.open(page, OTHER)
        _ask(page, "abort", "a drill")
        expect(page.get_by_text("Tick that you mean it")).to_be_visible()
        expect(page.locator("h1 .pill")).to_have_text("● ACTIVE")
        page.click('[data-ask="sure"]')
        page.click('[data-ask="go"]')
        expect(page.locator("h1 .pill")).to_have_text("✖ ROLLED BACK")

    assert "carol" == _decided(watch, OTHER, DecisionKind.ROLL_BACK).actor


def test_a_rollout_is_seen_rolling_back(shown: Shown, watch: Watch) -> None:
    """The open page turns by itself: status, reason, weight; so does the list.

    How soon is measured by `make bench-dashboard`.
    """
    with shown.person(height=1240 if PICTURES else 860) as page:
        shown.pipeline.start(SLOW, policy(RAMP, guards={"loss_budget": 500}) | SEQUENTIAL)
        shown.open(page, SLOW)
        _decided(watch, SLOW, DecisionKind.START)  # the judge needs its reference first
        expect(page.locator("h1 .pill")).to_have_text("● ACTIVE")
        expect(page.locator("canvas")).to_be_visible()
        expect(page.locator(".interval").first).to_be_visible()
        page.wait_for_selector('h1 .pill:has-text("ROLLED BACK")')

        last = _decided(watch, SLOW, DecisionKind.ROLL_BACK)
        expect(page.locator(".notice.bad")).to_contain_text(last.reason)
        expect(page.locator(".tile .big").first).to_have_text("0 %")
        page.emulate_media(color_scheme="dark")
        shown.picture(page, "rollout")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 860})
        page.goto(shown.address)
        expect(page.locator(f'[data-strategy="{SLOW}"]')).to_contain_text("ROLLED BACK")
        expect(page.locator(".feed")).to_contain_text("ROLL BACK")
        shown.picture(page, "list")


def test_it_is_usable_narrow_and_dark(shown: Shown) -> None:
    """At 390 px nothing scrolls sideways, and a dark browser gets a dark page."""
    with shown.person(width=390, height=844, dark=True) as page:
        for path in ("", f"/rollout/{SLOW}", f"/history/{SLOW}"):
            page.goto(f"{shown.address}{path}")
            page.wait_for_selector("a.item, .tiles, .decision")
            assert 390 == page.evaluate("document.documentElement.scrollWidth"), path
            background = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert max(int(each) for each in background[4:-1].split(",")) < 60
        page.goto(shown.address)
        page.wait_for_selector("a.item")
        shown.picture(page, "narrow")


def test_the_list_is_filtered_and_the_history_is_whole(shown: Shown, watch: Watch) -> None:
    """What does not fit the words is not shown; the history has every decision."""
    with shown.person() as page:
        page.fill('[aria-label="Find"]', SLOW)
        expect(page.locator("a.item:visible")).to_have_count(1)
        page.goto(f"{shown.address}/history/{SLOW}")
        page.wait_for_selector(".decision")
        watch.poll()
        assert len(watch.decisions[SLOW]) == page.locator(".decision").count()


def test_a_kill_is_written_and_obeyed(shown: Shown, watch: Watch) -> None:
    """Kill reaches the routers and halts the rollout; unkill ends it; the page says both."""
    with shown.person("bob") as page:
        _decided(watch, STEADY, DecisionKind.START)
        shown.open(page, STEADY)
        _ask(page, "kill", "a drill", sure=True)
        expect(page.get_by_text("1 of 1 routers obey")).to_be_visible()
        expect(page.locator("h1 .pill")).to_have_text("■ KILLED")
        expect(page.locator(".notice.bad").first).to_contain_text("by bob: a drill")
        _ask(page, "unkill", "the drill is over", sure=True)
        expect(page.locator("h1 .pill")).to_have_text("‖ HALTED")


def test_logging_out_ends_every_page(shown: Shown) -> None:
    """A page that is still open goes to the login, and its verbs with it."""
    with shown.person() as page:
        second = page.context.new_page()
        second.goto(f"{shown.address}/rollout/{STEADY}")
        second.wait_for_selector(".tiles")
        page.get_by_role("button", name="Log out").click()
        for one in (page, second):  # it may be sent there twice, and the first then ends early
            expect(one).to_have_url(f"{shown.address}/login")


def test_nothing_leaves_the_host_and_nothing_complains(shown: Shown) -> None:
    """Every request of all these pages went to the server; no console error, no warning."""
    places = {urlsplit(url).netloc for url in shown.requests if not url.startswith("data:")}

    assert {urlsplit(shown.address).netloc} == places
    assert len(shown.requests) > 100
    assert [] == shown.complaints


def test_no_secret_is_in_what_it_prints(shown: Shown) -> None:
    """Neither the token nor any session, after all that was done."""
    printed = text_of(shown.pipeline.folder)

    assert "dashboard at http://127.0.0.1:" in printed
    assert len(shown.cookies) > 5
    assert [] == [each for each in (TOKEN, *shown.cookies) if each in printed]
