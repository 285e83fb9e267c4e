"""A rollout on a broker with users: every process under its own role, and no password told."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from playwright.sync_api import Browser, expect

from tests.alerted import Receiver
from tests.kafka.browsing import TOKEN, Shown, ask, serve
from tests.kafka.pipeline import TRADECANARY, Pipeline
from tests.kafka.scenarios import policy, steps
from tests.kafka.secured import ADMIN, environment_of, password_of
from tests.kafka.services import CANARY, STABLE
from tests.kafka.waiting import wait_until
from tradecanary.cli.connection import connected
from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.processors.runtime.settings import load_settings
from tradecanary.schemas.access import ROLES
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.decisions import DecisionKind
from tradecanary.schemas.routing import CommandKind

STRATEGY = "momentum"
_PAIR = ("aggregation", "decision")


def _trade(pipeline: Pipeline) -> None:
    service = ["run", "router-sim", "--strategy", STRATEGY, "--order-horizon-ms", "500"]
    pipeline.process("service", [*TRADECANARY, *service], **environment_of("service"))


def _decide(pipeline: Pipeline, receiver: Receiver) -> None:
    stages = [pipeline.stage(stage, **environment_of(stage)) for stage in _PAIR]
    routes = pipeline.folder / "routes.yaml"
    routes.write_text(
        f"senders: {{hook: {{kind: webhook, url: '{receiver.url('/hook')}'}}}}\n"
        "routes: [{name: all, senders: [hook]}]\n"
    )
    alerting = ["run", "alerting", "--routes", str(routes)]
    stages.append(
        pipeline.process("alerting", [*TRADECANARY, *alerting], **environment_of("alerting"))
    )

    def owned() -> list[bool]:
        return [any(line.get("owned") for line in stage.lines()) for stage in stages]

    watch = pipeline.watch()
    watch.until(lambda: all(owned()), "partitions", 90)
    watch.close()


def _spec() -> str:
    spec = RolloutSpec(
        rollout="r1",
        strategy=STRATEGY,
        stable=STABLE,
        canary=CANARY,
        policy=Policy.model_validate({"name": "calm", **policy(steps((1_000, 600, 5)))}),
    )
    return canonical_json(spec.model_dump(mode="json"))


def _as(pipeline: Pipeline, role: str, *arguments: str) -> CompletedProcess[str]:
    answer = pipeline.cli(*arguments, environment=environment_of(role))
    assert 0 == answer.returncode, f"{role}: {answer.stderr}\n{pipeline.said()}"
    return answer


def _click(secured: Pipeline, browser: Browser) -> list[str]:
    """Look at every page of a dashboard under its own role, and do a verb of each kind.

    Return what it must not have told: the token, and the sessions of who logged in.
    """
    process, address = serve(secured, DASHBOARD_TOKEN=TOKEN, **environment_of("dashboard"))
    shown = Shown(secured, browser, process, address)
    with shown.person("bob") as page:
        shown.open(page, STRATEGY)
        expect(page.locator("h1 .pill")).to_have_text("‖ HALTED")
        ask(page, "resume", "a test")
        expect(page.locator("h1 .pill")).to_have_text("● ACTIVE")
        ask(page, "kill", "a test", sure=True)
        expect(page.get_by_text("1 of 1 routers obey")).to_be_visible()
        expect(page.locator("h1 .pill")).to_have_text("■ KILLED")
        page.goto(f"{address}/history/{STRATEGY}")
        page.wait_for_selector(".decision")
    assert 0 == process.stop(), process.said()
    assert [] == shown.complaints
    return [TOKEN, *shown.cookies]


def test_every_role_does_its_work_and_tells_no_password(
    secured: Pipeline, receiver: Receiver, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From start to a kill: service, stages, operator, dashboard and auditor as themselves."""
    _trade(secured)
    _decide(secured, receiver)
    environment = secured.environment | environment_of("operator")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with connected(None) as operator:
        answer = operator.command(
            STRATEGY, CommandKind.START, actor="ana", reason="a test", arguments=_spec(),
            timeout_s=30,
        )  # fmt: skip
    assert answer is not None, secured.said()
    said: list[CompletedProcess[str]] = []

    def look() -> None:
        said.append(_as(secured, "operator", "status", STRATEGY, "--json"))

    def is_active() -> bool:
        return bool(said) and "ACTIVE" == json.loads(said[-1].stdout)["rollout"]["status"]

    wait_until(is_active, "the start", step=look, said=secured.said, deadline_s=60)
    said.append(_as(secured, "operator", "halt", STRATEGY, "--reason", "a test"))
    said.append(_as(secured, "dashboard", "status", STRATEGY, "--json"))
    halted = json.loads(said[-1].stdout)["rollout"]["status"]
    others = _click(secured, browser)
    said.append(_as(secured, "auditor", "verify"))
    decisions = [one for one in operator.decisions(STRATEGY) if one.actor != "decider"]
    asked = [(one.actor, one.kind.value) for one in decisions if one.kind is not DecisionKind.HOLD]
    receiver.until(lambda one: bool(one.requests), "an alert")

    assert "HALTED" == halted
    assert ["START", "HALT", "RESUME", "KILL"] == [kind for _, kind in asked]
    assert ["ana", "bob", "bob"] == [asked[0][0], *(actor for actor, _ in asked[2:])]
    _no_password(secured, said, others)


def _no_password(secured: Pipeline, said: list[CompletedProcess[str]], others: list[str]) -> None:
    files = [path for path in secured.folder.iterdir() if path.suffix in {".out", ".err"}]
    assert {"aggregation", "alerting", "dashboard", "decision", "service"} == {
        path.name.split("-")[0] for path in files
    }
    texts = {str(path): path.read_text() for path in files}
    texts |= {f"command {number}": one.stdout + one.stderr for number, one in enumerate(said)}
    secrets = [password_of(user) for user in (ADMIN, *(role.name for role in ROLES))] + others

    assert [] == [(name, one) for name, text in texts.items() for one in secrets if one in text]
    stages = [text for text in texts.values() if '"event": "starting"' in text]
    assert 3 == len(stages)
    assert all('"sasl.password": "***"' in text for text in stages)


def test_settings_print_no_password() -> None:
    """Neither as a text, nor as they are shown, nor in what is said of a wrong one."""
    settings = load_settings(environment_of("decision"))
    secret = password_of("decision")

    assert secret == settings.connection()["sasl.password"]
    assert secret not in f"{settings!r} {settings} {settings.shown()}"


def test_passwords_are_secrets_of_this_test(secured: Pipeline) -> None:
    """What is searched for would be found: the folder of the processes is the one looked at."""
    process = secured.process("echo", ["printenv", "KAFKA__SASL_PASSWORD"])
    process.wait()

    assert password_of(ADMIN) in (Path(secured.folder) / f"{process.name}.out").read_text()
