"""What each kind of sender is sent: plain data, no secrets but PagerDuty's routing key.

Slack: Block Kit of an incoming webhook. PagerDuty: Events API v2. Webhook: all of the alert.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from tradecanary.schemas.alerts import Alert, AlertAction, Severity
from tradecanary.schemas.decisions import Check
from tradecanary.schemas.units import US_PER_S

_SLACK_HEADER, _SLACK_TEXT, _SLACK_FIELDS = 150, 2900, 10
_DEDUP_KEY, _SUMMARY = 255, 1024
_MARKS = {
    Severity.INFO: "◌",
    Severity.WARNING: "▲",
    Severity.ERROR: "✖",
    Severity.CRITICAL: "✖✖",
}
REPEAT = "It may have been sent before: if you have seen this key, it is the same alert."


def webhook_payload(alert: Alert, *, again: bool) -> dict[str, Any]:
    """Return every field of the alert, its time as ISO 8601, and whether it may be a repeat."""
    return {**asdict(alert), "time": _iso(alert.time_us), "may_be_repeat": again}


def pagerduty_payload(alert: Alert, routing_key: str) -> dict[str, Any]:
    """Return the event: trigger, acknowledge or resolve of the incident `dedup_key`."""
    event = {
        "routing_key": routing_key,
        "event_action": alert.action.value,
        "dedup_key": dedup_key(alert),
    }
    if alert.action is not AlertAction.TRIGGER:
        return event
    return event | {
        "client": "tradecanary",
        "payload": {
            "summary": f"{alert.strategy}: {alert.title}: {alert.reason}"[:_SUMMARY],
            "source": "tradecanary",
            "severity": alert.severity.value,
            "timestamp": _iso(alert.time_us),
            "component": alert.strategy,
            "group": alert.rollout,
            "class": alert.breach,
            "custom_details": {
                "next action": alert.next_action,
                "decision": f"{alert.strategy}/{alert.number}",
                "status": alert.status.value,
                "phase": alert.phase,
                "stable": alert.stable,
                "canary": alert.canary,
                "canary weight": f"{alert.weight_bp / 100:g} %",
                "by": alert.actor,
            }
            | {one.name: _against_limit(one) for one in alert.checks},
        },
    }


def dedup_key(alert: Alert) -> str:
    """Return the incident's key as PagerDuty takes it: at most 255 characters."""
    if len(alert.key) <= _DEDUP_KEY:
        return alert.key
    return sha256(alert.key.encode()).hexdigest()


def slack_payload(alert: Alert, *, again: bool) -> dict[str, Any]:
    """Return the message: title, what happened, value against limit, what to do next."""
    resolved = alert.action is AlertAction.RESOLVE
    mark = "✔ over:" if resolved else _MARKS[alert.severity]
    title = f"{mark} {alert.strategy}: {alert.title}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title[:_SLACK_HEADER]}},
        _section(_escaped(alert.reason)),
    ]
    shown = sorted(alert.checks, key=lambda one: not one.breached)[:_SLACK_FIELDS]
    if shown:
        fields = [{"type": "mrkdwn", "text": _escaped(_field(one))} for one in shown]
        blocks.append({"type": "section", "fields": fields})
    if alert.next_action:
        blocks.append(_section(f"*Next:* {_escaped(alert.next_action)}"))
    facts = [
        alert.severity.value,
        f"{alert.stable} -> {alert.canary}" if alert.canary else alert.stable,
        f"canary {alert.weight_bp / 100:g} %",
        alert.status.value,
        f"by {alert.actor}",
        _iso(alert.time_us),
        alert.key,
    ]
    context = " · ".join(fact for fact in facts if fact) + (f"\n{REPEAT}" if again else "")
    element = {"type": "mrkdwn", "text": _escaped(context)}
    blocks.append({"type": "context", "elements": [element]})
    return {"text": _escaped(f"{title}: {alert.reason}"), "blocks": blocks}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text or "-"}}


def _field(check: Check) -> str:
    name = check.name.replace("_", " ")
    return f"*{name}*{' ✖' if check.breached else ''}\n{_against_limit(check)}"


def _against_limit(check: Check) -> str:
    return f"{_figure(check.value)} against limit {_figure(check.limit)} {check.unit}".rstrip()


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.2f}"


def _escaped(text: str) -> str:
    """Slack reads <, > and & as markup; an answer from outside must not become a link."""
    cut = text[:_SLACK_TEXT]
    while len(escaped := cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")) > (
        _SLACK_TEXT
    ):
        cut = cut[: len(cut) * 9 // 10]
    return escaped


def _iso(time_us: int) -> str:
    whole, micros = divmod(time_us, US_PER_S)
    try:
        return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{micros:06d}Z"
    except (OverflowError, ValueError, OSError):  # no year that anybody lives in
        return f"{time_us} us"
