"""The endpoints of real stages: what they export is what the docs list, and it tells the truth."""

from __future__ import annotations

import math
import re
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from tests.alerted import Answer, Receiver, decision
from tests.exported import series
from tests.kafka.java import free_port
from tests.kafka.pipeline import TRADECANARY, Pipeline
from tests.kafka.scenarios import policy, steps
from tests.kafka.services import Service
from tests.kafka.waiting import wait_until
from tradecanary.schemas.codec import encode
from tradecanary.schemas.decisions import DecisionKind
from tradecanary.schemas.topics import DECISIONS

PARTITIONS = 2
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class _Stage:
    """A stage and its endpoint."""

    def __init__(self, pipeline: Pipeline, name: str, *options: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/metrics"
        command = [*TRADECANARY, "run", name, *options]
        self.process = pipeline.process(name, command, TRADECANARY_METRICS_PORT=str(port))
        self.figures: Figures = {}

    def ask(self) -> None:
        """Scrape, if it answers, ten times a second at most."""
        with suppress(subprocess.TimeoutExpired):
            self.process.popen.wait(0.1)
        try:
            with urllib.request.urlopen(self.url, timeout=5) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, ConnectionError):
            return
        self.figures = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def figure(self, name: str, **labels: str) -> float:
        """Return the newest value; -1 when it is not there."""
        key = f"tradecanary_{name}", tuple(sorted(labels.items()))
        return self.figures.get(key, -1.0)

    def until(self, name: str, least: float, most: float = math.inf, /, **labels: str) -> None:
        """Scrape until the figure lies between these."""
        wait_until(
            lambda: least <= self.figure(name, **labels) <= most,
            f"{least} <= {name}{labels} <= {most}",
            step=self.ask,
            said=lambda: f"was {self.figure(name, **labels)}\n{self.process.said()}",
        )


def test_running_stages_tell_the_truth(pipeline: Pipeline) -> None:
    """Counts, lags, weights, routers; every name and label is one that the docs list."""
    pipeline.services([Service("momentum")])
    aggregation, decision = _Stage(pipeline, "aggregation"), _Stage(pipeline, "decision")
    pipeline.start("momentum", policy(steps((1_000, 60, 5))))
    decision.until("weight_ratio", 0.01, strategy="momentum", region="*", venue="*",
                   variant="canary")  # fmt: skip
    decision.until("routers_following", 1, strategy="momentum")
    decision.until("rollouts", 1, status="ACTIVE")
    aggregation.until("executions_counted_total", 50)
    decision.until("data_age_seconds", 0, 5, partition="0")
    for partition in range(PARTITIONS):
        place = {"topic": "executions", "partition": str(partition)}
        aggregation.until("lag_records", 0, 1000, **place)
        aggregation.until("open_transaction_seconds", 0, 0, **place)
    for stage in (aggregation, decision):
        stage.ask()

    assert 0 == aggregation.figure("executions_missing_total")
    found = {
        name: frozenset(label for label, _ in labels)
        for stage in (aggregation, decision)
        for name, labels in stage.figures
        if name.startswith("tradecanary_")
    }
    assert {} == {name: labels for name, labels in found.items() if series().get(name) != labels}


def test_alerts_that_wait_are_told_after_a_restart(pipeline: Pipeline, receiver: Receiver) -> None:
    """The receiver is away before and after: what waits is told though nothing is written."""
    receiver.plan = [Answer(500)] * 10_000
    routes = pipeline.folder / "routes.yaml"
    routes.write_text(
        f"senders: {{hook: {{kind: webhook, url: '{receiver.url('/hook')}'}}}}\n"
        "routes: [{name: all, senders: [hook]}]\n"
    )
    now_us = time.time_ns() // 1000
    start = decision(1, DecisionKind.START, time_us=now_us)
    pipeline.append(DECISIONS.name, b"momentum", encode(start))
    for _ in range(2):
        alerting = _Stage(pipeline, "alerting", "--routes", str(routes))
        alerting.until("alerts_pending", 1, 1, strategy="momentum")
        strategies = {dict(labels).get("strategy") for _, labels in alerting.figures}

        assert {None, "momentum"} == strategies
        assert 0 == alerting.process.stop()


def test_a_hung_transaction_is_seen(pipeline: Pipeline) -> None:
    """Somebody's open transaction hides what comes after it; its end shows at once."""
    aggregation = _Stage(pipeline, "aggregation")
    place = {"topic": "executions", "partition": "0"}
    aggregation.until("lag_records", 0, **place)
    foreign = Producer(
        {
            "bootstrap.servers": pipeline.servers,
            "transactional.id": f"{pipeline.prefix}foreign",
            "transaction.timeout.ms": 60_000,
        }
    )
    foreign.init_transactions(10)
    foreign.begin_transaction()
    foreign.produce(f"{pipeline.prefix}executions", b"not Avro", partition=0)
    foreign.flush(10)
    pipeline.append("executions", b"a", b"not Avro either", 0)
    aggregation.until("open_transaction_seconds", 2.0, **place)

    assert 0 == aggregation.figure("dead_letters_total", topic="executions")

    foreign.abort_transaction(10)
    aggregation.until("dead_letters_total", 1, topic="executions")
    aggregation.until("open_transaction_seconds", 0, 0, **place)


def test_the_endpoint_is_on_loopback(pipeline: Pipeline) -> None:
    """Other hosts do not reach it, unless the settings say so."""
    aggregation = _Stage(pipeline, "aggregation")
    aggregation.until("partitions_owned", PARTITIONS)
    port = int(re.search(r":(\d+)/", aggregation.url)[1])  # type: ignore[index] # it is there
    listening = Path("/proc/net/tcp")
    if not listening.exists():
        pytest.skip("only Linux tells who listens where in a file")
    addresses = re.findall(rf" ([0-9A-F]+):{port:04X} 0+:0000 0A ", listening.read_text())

    assert ["0100007F"] == addresses
