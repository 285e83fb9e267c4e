"""Routes: who is told what, messages that name the field, and secrets that are never repeated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.alerted import Receiver, alerts_of, decision, rolled_back
from tradecanary.cli import app
from tradecanary.processors.alerting.payloads import (
    dedup_key,
    pagerduty_payload,
    slack_payload,
    webhook_payload,
)
from tradecanary.processors.alerting.routes import RoutesProblem, deliveries, read_routes
from tradecanary.schemas.alerts import Alert, AlertAction
from tradecanary.schemas.decisions import Decision, DecisionKind

DOCS = Path(__file__).parents[2] / "docs"
SENDERS = """
senders:
  desk: {kind: slack, url: env:SLACK_DESK_URL}
  page: {kind: pagerduty, routing_key: file:/run/secrets/pagerduty}
  risk: {kind: webhook, url: "https://risk.example.com/", token: env:RISK_TOKEN}
"""
ROUTES = read_routes(
    SENDERS
    + """
routes:
  - {name: desk, senders: [desk]}
  - {name: page, minimum: error, senders: [page, desk]}
  - {name: risk, strategies: [momentum, "eu-*"], minimum: warning, senders: risk}
""",
    "a test",
)
HIDDEN = "s3cret-0f-the-desk"


def _heard(*decisions: Decision) -> list[tuple[str, AlertAction, str]]:
    last = alerts_of(*decisions[:-1])
    alerts = alerts_of(*decisions)[len(last) :]
    return [(sender, one.action, one.breach) for sender, one in deliveries(ROUTES, tuple(alerts))]


def test_severity_and_strategy_choose_the_senders() -> None:
    """Each sender hears an alert once, however many routes lead to it."""
    info = decision(1, DecisionKind.INCREASE)
    held = decision(1, hold="attest")
    stale = decision(1, hold="stale", strategy="eu-basket")
    other = rolled_back(1, strategy="btc")
    trigger = AlertAction.TRIGGER

    assert [("desk", trigger, "increase")] == _heard(info)
    assert {"desk", "risk"} == {sender for sender, _, _ in _heard(held)}
    assert ["desk", "page", "risk"] == sorted(sender for sender, _, _ in _heard(stale))
    assert ["desk", "page"] == sorted(sender for sender, _, _ in _heard(other))


def test_an_end_is_told_to_who_heard_the_beginning() -> None:
    """PagerDuty resolves; Slack reads it in the decision that ended it, or in its own message."""
    stale, rise = decision(1, hold="stale"), decision(2, DecisionKind.INCREASE)
    heard = _heard(stale, rise)
    resolve = AlertAction.RESOLVE

    assert ("page", resolve, "hold:stale") in heard
    assert ("risk", resolve, "hold:stale") in heard
    assert ("desk", resolve, "hold:stale") not in heard
    assert ("desk", AlertAction.TRIGGER, "increase") in heard
    quiet = read_routes(SENDERS.split("  page", maxsplit=1)[0] + QUIET, "a test")
    told = list(deliveries(quiet, tuple(alerts_of(stale, rise))[1:]))
    assert [("desk", resolve)] == [(sender, alert.action) for sender, alert in told]


QUIET = "routes: [{name: desk, minimum: warning, senders: [desk]}]"


def test_pagerduty_hears_of_incidents_only() -> None:
    """Nobody would ever resolve a promotion."""
    routes = read_routes(
        "{senders: {page: {kind: pagerduty, routing_key: env:KEY}},"
        " routes: [{name: page, senders: [page]}]}",
        "a test",
    )
    start, halt = decision(1, DecisionKind.START), decision(2, DecisionKind.HALT)

    assert [] == list(deliveries(routes, tuple(alerts_of(start))))
    assert ["halt"] == [one.breach for _, one in deliveries(routes, tuple(alerts_of(start, halt)))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("routes: []", "senders: is missing"),
        ("[]", "was list, a table with `senders` and `routes` is needed"),
        ("senders: {", "line 1: not YAML"),
        ("{senders: {}, routes: [], extra: 1}", "extra: no such field; allowed: senders, routes"),
        ("{senders: {d: {kind: slack}}, routes: []}", "senders.d.url: is missing"),
        (
            "{senders: {d: {kind: slack, url: env:U, timeout_s: 99}}, routes: []}",
            "senders.d.timeout_s: was 99; Input should be less than or equal to 6",
        ),
        (
            "{senders: {d: {kind: slack, url: env:U, token: x}}, routes: []}",
            "senders.d.token: no such field; allowed: timeout_s, deadline_s, kind, url",
        ),
        (
            "{senders: {d: {kind: slack, url: env:U}}, routes: [{name: r, senders: [e]}]}",
            "route r: senders was ['e']; senders of this file: d",
        ),
        (
            "{senders: {d: {kind: slack, url: env:U}}, routes: []}",
            "senders ['d'] stand in no route",
        ),
        (
            "{senders: {}, routes: [{name: r, minimum: loud, senders: [d]}]}",
            "routes.0.minimum: was 'loud'; Input should be 'info', 'warning', 'error' or",
        ),
    ],
)
def test_messages_name_the_field(text: str, said: str) -> None:
    """Field, what was there, and what is allowed."""
    with pytest.raises(RoutesProblem) as problem:
        read_routes(text, "routes.yaml")

    assert said in str(problem.value)


@pytest.mark.parametrize(
    "text",
    [
        f"{{senders: {{d: {{kind: slack, url: {HIDDEN}}}}}, routes: []}}",
        f"{{senders: {{d: {{kind: slack, url: [{HIDDEN}]}}}}, routes: []}}",
        f"{{senders: {{d: {{kind: pagerduty, routing_key: {HIDDEN}}}}}, routes: []}}",
        f"{{senders: {{name: {{kind: webhook, url: 'https://x', token: {HIDDEN}}}}}, routes: []}}",
        f"{{senders: {{d: {{kind: slack, url: env:U, secret: {HIDDEN}}}}}, routes: []}}",
        f"{{senders: {{name: {HIDDEN}}}, routes: []}}",
        f"{{senders: {HIDDEN}, routes: {HIDDEN}}}",
        f"senders: {{d: {{url: {HIDDEN}, url: : }}",
    ],
)
def test_a_secret_written_by_mistake_is_not_repeated(text: str) -> None:
    """Somebody pastes the secret itself into the file: the message says where it belongs."""
    with pytest.raises(RoutesProblem) as problem:
        read_routes(text, "routes.yaml")

    assert HIDDEN not in str(problem.value)
    assert problem.value.__cause__ is None


def _alert() -> Alert:
    (alert,) = alerts_of(rolled_back(3, reason="loss <26,000> & more"))
    return alert


def test_slack_gets_value_against_limit_and_the_next_action() -> None:
    """Blocks that Slack takes: at most 150 characters of header, markup escaped."""
    message = slack_payload(_alert(), again=False)
    texts = json.dumps(message, ensure_ascii=False)

    kinds = [block["type"] for block in message["blocks"]]
    assert ["header", "section", "section", "section", "context"] == kinds
    assert "26,000.50 against limit 25,000 money" in texts
    assert "*Next:* The canary gets no new orders" in texts
    assert "loss &lt;26,000&gt; &amp; more" in texts
    assert "momentum/3/roll_back:loss_budget" in texts
    assert "sent before" not in texts
    assert "sent before" in json.dumps(slack_payload(_alert(), again=True))


def test_a_long_reason_still_fits() -> None:
    """Slack refuses a text of more than 3,000 characters, PagerDuty a summary of 1,024."""
    (alert,) = alerts_of(rolled_back(1, reason="<" * 5000, strategy="s" * 300))
    message = slack_payload(alert, again=True)

    for block in message["blocks"]:
        for text in (block.get("text"), *block.get("elements", ()), *block.get("fields", ())):
            assert text is None or 0 < len(text["text"]) <= 3000
    assert len(message["blocks"][0]["text"]["text"]) <= 150
    assert len(pagerduty_payload(alert, "k")["payload"]["summary"]) <= 1024
    assert len(dedup_key(alert)) <= 255


def test_pagerduty_gets_events_of_one_incident() -> None:
    """Trigger, acknowledge and resolve carry the same dedup_key; only the first has a payload."""
    halt = decision(1, DecisionKind.HALT)
    asked = decision(2, command_id="c", status=halt.status.HALTED)
    resumed = decision(3, DecisionKind.RESUME, command_id="d")
    events = [
        pagerduty_payload(alert, "the key")
        for alert in alerts_of(halt, asked, resumed)
        if alert.breach == "halt"
    ]

    assert ["trigger", "acknowledge", "resolve"] == [event["event_action"] for event in events]
    assert {"momentum/1/halt"} == {event["dedup_key"] for event in events}
    assert [True, False, False] == ["payload" in event for event in events]
    payload = events[0]["payload"]
    assert {"summary", "source", "severity"} <= payload.keys()
    assert ("critical", "2026-09-21T14:13:20.000000Z") == (
        payload["severity"],
        payload["timestamp"],
    )


def test_a_webhook_gets_every_field() -> None:
    """The alert as JSON, and whether it may be a repeat."""
    body = json.loads(json.dumps(webhook_payload(_alert(), again=True)))

    assert ("trigger", "critical", 500) == (body["action"], body["severity"], body["weight_bp"])
    assert {"name": "loss_budget", "value": 26_000.5, "limit": 25_000.0, "unit": "money",
            "breached": True} == body["checks"][0]  # fmt: skip
    assert body["may_be_repeat"]


@pytest.mark.parametrize("path", sorted((DOCS / "routes").glob("*.yaml")), ids=lambda p: p.stem)
def test_documented_routes_can_be_used(path: Path) -> None:
    """What the documents show is read without a problem."""
    assert read_routes(path.read_text(encoding="utf-8"), path.name).routes


def test_a_test_alert_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`alerts test` tries every sender of the route once, tells how it went and exits so."""
    receiver = Receiver()
    file = tmp_path / "routes.yaml"
    file.write_text(
        "senders:\n"
        "  desk: {kind: slack, url: env:DESK_URL}\n"
        f"  page: {{kind: pagerduty, routing_key: env:KEY, url: '{receiver.url('/v2/enqueue')}'}}\n"
        "routes: [{name: all, minimum: critical, strategies: none, senders: [desk, page]}]\n"
    )
    monkeypatch.setenv("DESK_URL", receiver.url(f"/services/{HIDDEN}"))
    monkeypatch.setenv("KEY", "the-key")
    run = CliRunner()
    try:
        good = run.invoke(app, ["alerts", "test", "all", "--routes", str(file), "--json"])
        monkeypatch.delenv("KEY")
        bad = run.invoke(app, ["alerts", "test", "all", "--routes", str(file)])
        lint = run.invoke(app, ["alerts", "lint", "--routes", str(file)])
    finally:
        receiver.close()
    unknown = run.invoke(app, ["alerts", "test", "none", "--routes", str(file)])
    events = [one.body for one in receiver.requests if one.path == "/v2/enqueue"]

    assert 0 == good.exit_code, good.output
    assert ["desk", "page", "desk", "page"] == [one["sender"] for one in json.loads(good.stdout)]
    assert ["trigger", "resolve"] == [event["event_action"] for event in events]
    assert {"the-key"} == {event["routing_key"] for event in events}
    assert (1, 1, 2) == (bad.exit_code, lint.exit_code, unknown.exit_code)
    assert HIDDEN not in good.output + bad.output + lint.output
