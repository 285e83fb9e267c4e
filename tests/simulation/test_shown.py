"""What people are shown of a rollout that the judge `sequential` takes back, and of its flow."""

from __future__ import annotations

import io
import json
from functools import cache

import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner

from tests.simulation.worlds import QUICK, STRATEGY, Rollout
from tradecanary.cli import app
from tradecanary.cli.explained import explained, explained_json
from tradecanary.cli.status import rendered
from tradecanary.processors.decision.judges.sequential.streams import STREAMS
from tradecanary.rollout_view import strategy_view
from tradecanary.schemas.decisions import StreamEvidence
from tradecanary.states import state_of
from tradecanary.stream_view import stream_views


@cache
def _slipping() -> Rollout:
    """Return a rollout that was rolled back for +2 bp of slippage, judged by all streams."""
    policy = QUICK | {"judge": {"kind": "sequential"}, "guards": {}}
    rollout = Rollout.begin("slipping:2", policy=policy, warm_up_s=20)
    rollout.run()
    return rollout


def _printed(shown: RenderableType) -> str:
    file = io.StringIO()
    Console(file=file, width=120).print(shown)
    return file.getvalue()


def test_a_decision_is_explained_stream_by_stream() -> None:
    """The streams of its evidence, each with interval and unit; the faulty one is worse."""
    decision = _slipping().decisions[-1]
    facts = json.loads(json.dumps(explained_json(decision)))
    by_name = {view["stream"]: view for view in facts["streams"]}
    text = _printed(explained(decision))

    assert set(by_name) == {stream.name for stream in STREAMS}
    rank, mean = by_name["slippage_rank"], by_name["slippage_mean"]
    assert ("worse", "pp of rank", True) == (rank["state"], rank["unit"], rank["log_e"] > 4)
    assert ("bp", True) == (mean["unit"], mean["low"] < mean["effect"] < mean["high"])
    assert all(name in text for name in by_name)
    assert decision.hash in text


def test_status_shows_the_streams_of_the_judge() -> None:
    """The same table, from the decider's state."""
    partition, strategy = state_of(_slipping().world.log, STRATEGY)
    assert strategy is not None
    view = strategy_view(partition, strategy, partition.recorded_at_us)

    assert [s.name for s in STREAMS] == [v["stream"] for v in view["rollout"]["judge"]["streams"]]
    assert "slippage_rank" in _printed(rendered(view))


def test_the_order_rate_is_that_of_the_flow() -> None:
    """200 orders a second were sent; an unknown strategy has no rate."""
    operator = _slipping().world.operator

    assert operator.orders_per_s(STRATEGY) == pytest.approx(200, rel=0.1)
    assert operator.orders_per_s("unknown") is None


@pytest.mark.parametrize(
    ("stream", "low", "high", "tolerance", "state"),
    [
        ("slippage_mean", 0.1, 0.4, 0.05, "worse"),
        ("slippage_mean", -0.1, 0.04, 0.05, "not worse"),
        ("slippage_mean", -0.1, 0.4, 0.05, "open"),
        ("fill_rate", -0.4, -0.2, -0.1, "worse"),
        ("fill_rate", -0.05, 0.2, -0.1, "not worse"),
        ("pnl_mean", -0.4, 0.2, -0.1, "open"),
        ("pnl_rank", 0.2, 0.4, 0.1, "worse"),
    ],
)
def test_a_state_says_where_the_interval_lies(
    stream: str, low: float, high: float, tolerance: float, state: str
) -> None:
    """Worse is less of fills and P&L, more of all else; ranks are oriented already."""
    shown = StreamEvidence(stream, 0, (low + high) / 2, low, high, tolerance, 100)

    assert [state] == [view["state"] for view in stream_views([shown])]


def test_lint_refuses_by_exit_code_and_field(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A margin that cannot be shown: exit 1 and the field; a preset: exit 0."""
    policy = tmp_path_factory.mktemp("lint") / "fine.yaml"
    policy.write_text(
        "{name: fine, ramp: aggressive, judge: {kind: sequential, margins: {slippage_bp: 0.001}}}"
    )
    refused = CliRunner().invoke(app, ["policy", "lint", str(policy)])
    fine = CliRunner().invoke(app, ["policy", "lint", "aggressive", "--json"])

    assert (1, True) == (refused.exit_code, "judge.margins.slippage_bp was 0.001" in refused.output)
    assert 0 == fine.exit_code
    assert any("fill_rate" in text for text in json.loads(fine.output)["warnings"])


def test_plan_prints_numbers_for_scripts() -> None:
    """`plan --json` has every wait, phase and effect; a policy of thresholds is refused."""
    made = json.loads(CliRunner().invoke(app, ["plan", "steps", "--json"]).output)

    assert (5, 35, 13) == (len(made["phases"]), len(made["effects"]), len(made["waits"]))
    assert made["promotion"]["name"] in {wait["name"] for wait in made["waits"]}
