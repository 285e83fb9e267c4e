"""Stable's orders of a record, as a plan takes them: the last ones, each once, and their rate."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.recorded import flow
from tradecanary.backtesting.record import Reading, Record
from tradecanary.backtesting.stable_flow import MOST_ORDERS, stable_flow
from tradecanary.cli import app
from tradecanary.producers.replay import write_events
from tradecanary.schemas.codec import encode
from tradecanary.schemas.execution import ExecutionEvent, OrderStatus
from tradecanary.schemas.measures import MEASURE_NAMES, scaled_values
from tradecanary.schemas.units import STABLE, US_PER_S

EVENTS = flow([(0, 1_000), (4, 3_000)], seconds=14, slow=1.5)


def _record(events: list[ExecutionEvent]) -> Record:
    reading = Reading(numbered=False)
    reading.add([encode(one) for one in events], range(len(events)))
    return reading.record(None)


def test_sums_are_those_of_stables_events() -> None:
    """Counts, totals and squares of every measure, added up event by event."""
    stable = [one for one in EVENTS if one.variant == STABLE]
    found = stable_flow(_record(EVENTS)).history
    sums = found.sums()

    assert (stable[0].version, len(stable)) == (found.version, sums.orders)
    assert sums.filled == sum(one.status is OrderStatus.FILLED for one in stable)
    rows = [scaled_values(one) for one in stable]
    for index, name in enumerate(MEASURE_NAMES):
        values = [row[index] for row in rows if row is not None]
        known = [value for value in values if value is not None]
        total = sums.measure(name)
        assert (len(known), sum(known)) == (total.n, total.total)
        assert sum(value * value for value in known) == total.total_sq


def test_the_rate_leaves_out_a_closed_market() -> None:
    """200 orders a second in two sessions, a night between them."""
    night_us = 12 * 3600 * US_PER_S
    second = [
        replace(one, submitted_at=one.submitted_at + night_us, event_time=one.event_time + night_us)
        for one in EVENTS
    ]
    found = stable_flow(_record([*EVENTS, *second]))

    assert len(EVENTS) / 14 == pytest.approx(200)
    assert found.orders_per_s == pytest.approx(2 * len(EVENTS) / (2 * 14 + 60), rel=0.02)


def test_only_the_last_orders_are_taken() -> None:
    """No more than a decider remembers."""
    many = flow([(0, 100)], seconds=24_000 / 1_000, per_s=1_000)

    assert stable_flow(_record(many)).history.orders == MOST_ORDERS < len(many)


def test_plan_and_lint_read_a_file(tmp_path: Path) -> None:
    """`--file` plans with the file's own orders and rate, and `lint` judges by them."""
    path = tmp_path / "day.avro"
    write_events(path, EVENTS)
    planned = CliRunner().invoke(app, ["plan", "aggressive", "--file", str(path), "--json"])
    linted = CliRunner().invoke(app, ["policy", "lint", "aggressive", "--file", str(path)])
    missing = CliRunner().invoke(app, ["plan", "aggressive", "--file", str(tmp_path / "no.csv")])

    made = json.loads(planned.output)
    assert "orders of momentum-1.0.0-9f2c41aa in day.avro" in made["flow"]
    assert made["orders_per_s"] == pytest.approx(200, rel=0.05)
    assert (0, 2) == (linted.exit_code, missing.exit_code), linted.output
