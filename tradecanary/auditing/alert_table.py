"""Deliveries of alerts as a table of the report's page."""

from __future__ import annotations

from collections.abc import Iterable

from tradecanary import trail
from tradecanary.page import table
from tradecanary.schemas.alerts import AlertDelivery

_HEAD = (
    "time",
    "alert",
    "what",
    "severity",
    "action",
    "sender",
    "outcome",
    "ended",
    "attempts",
    "last problem",
)


def alert_table(deliveries: Iterable[AlertDelivery]) -> str:
    """Return the table: an alert has the time of its decision, and a line for each sender."""
    rows = [
        (
            trail.utc(one.alert.time_us),
            one.alert.key,
            one.alert.title,
            one.alert.severity.value,
            one.alert.action.value,
            one.sender,
            one.outcome.value.replace("_", " "),
            trail.utc(one.time_us),
            f"{one.attempts:,}",
            one.problem or "-",
        )
        for one in sorted(deliveries, key=lambda one: (one.alert.time_us, one.time_us))
    ]
    return table(_HEAD, rows, texts=8, last_text=True)
