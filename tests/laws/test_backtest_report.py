"""A report shows whatever a judge says: streams with confidence sequences, or comparisons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.recorded import flow, policy
from tradecanary.backtesting.backtest import backtest
from tradecanary.backtesting.result import Backtest
from tradecanary.processors.decision.judges.judge import Judgement, Verdict
from tradecanary.producers.replay import write_events
from tradecanary.schemas.decisions import Check, StreamEvidence


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Backtest:
    """Give a backtest of a healthy canary."""
    path: Path = tmp_path_factory.mktemp("report") / "flow.avro"
    write_events(path, flow(seconds=10))
    return backtest([policy((1_000, 4, 20))], file=path)


def test_comparisons_have_a_value_and_a_limit(found: Backtest) -> None:
    """Plain thresholds have no streams: two plots of measures and comparisons, none of e-values."""
    page = found.html()

    assert 3 == page.count("<svg")
    assert "log e-values" not in page
    assert "What the judge compared" in page
    assert found.evidence["log_e"].isna().all()
    assert {30.0} == set(found.evidence.query("stream == 'latency'")["margin"])


def test_streams_have_confidence_sequences_and_e_values(found: Backtest) -> None:
    """Each stream is a row a second, in nats; the report draws its band and its log e-value."""
    streams = (
        StreamEvidence("fills", 2_500_000, 0.01, -0.02, 0.03, 0.05, 400),
        StreamEvidence("latency", -250_000, 0.0, -0.1, 0.1, 0.2, 390),
    )
    check = Check("e_value", 1.8, 4.6, "log e", breached=False)
    said = Judgement(Verdict.INCONCLUSIVE, promotable=False, reason="more", checks=(check,))
    one = found.policies[0]
    samples = [replace(each, judgement=said, streams=streams) for each in one.seen.samples]
    sequential = replace(one, seen=replace(one.seen, samples=samples))
    page = replace(found, policies=(sequential,)).html()
    table = sequential.evidence

    assert 3 * len(samples) == len(table)
    assert [2.5, -0.25, 1.8] == list(table["log_e"][:3])
    assert 4.6 == table["margin"][2]
    assert ([-0.02, -0.1], [0.03, 0.1]) == (list(table["low"][:2]), list(table["high"][:2]))
    assert 4 == page.count("<svg")
    assert "log e-values" in page


def test_text_of_people_is_escaped(found: Backtest) -> None:
    """A name is shown, never run."""
    page = replace(found, strategy="<script>alert(1)</script>").html()

    assert "<script" not in page
    assert "&lt;script&gt;" in page
