"""Docs, alert rules and dashboard ask for the figures that the stages export, and no others."""

import json
import re
from typing import Any

import pytest
import yaml

from tests.exported import figures, series
from tests.house.promql import left, problems, templates
from tests.house.tracked import ROOT
from tradecanary.processors.decision.holds import HoldCode
from tradecanary.schemas.alerts import Severity

DOC = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
DEPLOY = ROOT / "deploy"
STAGES = ("every stage", "aggregation", "decision", "alerting")
(GROUP,) = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
RULES: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in GROUP["rules"]}
TRIED = yaml.safe_load((DEPLOY / "prometheus" / "alerts_test.yml").read_text())
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "tradecanary.json").read_text())
PANELS: dict[str, dict[str, Any]] = {
    panel["title"]: panel for panel in DASHBOARD["panels"] if panel["type"] != "row"
}
UNITS = ("_total", "_seconds", "_ratio", "_info", "_nats", "_records")
COUNTED = frozenset(
    f"tradecanary_{name}"
    for name in (
        "alerts_pending", "decider_epoch", "killed", "partitions_owned", "rollout_held",
        "rollouts", "routers", "routers_breaker_open", "routers_following", "routing_revision",
    )
)  # fmt: skip
"""Gauges that count things or say yes: they have no unit."""


def test_names_follow_the_conventions() -> None:
    """Counters end in `_total`, and every other name in its base unit, unless it counts things."""
    assert [] == [n for n, one in figures().items() if one.kind == "counter" and n[-6:] != "_total"]
    assert COUNTED == {name for name in figures() if not name.endswith(UNITS)}
    assert [] == [name for name, one in figures().items() if one.text.endswith((".", " "))]


def test_the_docs_list_what_is_exported() -> None:
    """Name, kind, labels and text of every figure, each once."""
    rows = re.findall(
        r"^\| `(tradecanary_\w+)` \| (.*) \| (.*) \| (.*) \| (.*) \|$", DOC, re.MULTILINE
    )
    expected = {
        (one.name, one.kind, ", ".join(f"`{label}`" for label in one.labels), one.text)
        for one in figures().values()
    }

    assert expected == {(name, kind, labels, text) for name, kind, labels, _, text in rows}
    assert len(expected) == len(rows)
    assert set(STAGES) == {row[3] for row in rows}


def test_the_docs_list_the_codes_of_holds() -> None:
    """Every code that the decider gives a hold, which is the value of a label."""
    (told,) = re.findall(r"^`hold` is the code of .*?: (.*?)\. ", DOC, re.MULTILINE)
    codes = [code.removesuffix(" GATE") for code in re.findall(r"`([^`]+)`", told)]

    assert sorted(code.value for code in HoldCode if code is not HoldCode.NOTHING) == sorted(codes)


def test_the_checker_finds_what_is_wrong() -> None:
    """A name, a matcher's label, a grouping that is not there, an expression that is none."""
    known = {"tradecanary_killed": frozenset({"strategy"})}
    good = 'max by (strategy) (tradecanary_killed{job="decision"}) > 0'

    assert [] == list(problems(good, known))
    assert ["tradecanary_kild is not exported"] == list(problems("tradecanary_kild", known))
    assert 1 == len(list(problems('tradecanary_killed{venue="x"}', known)))
    assert 1 == len(list(problems("sum by (venue) (tradecanary_killed)", known)))
    assert 1 == len(list(problems("tradecanary_killed and on (venue) up", known)))
    assert 1 == len(list(problems("max(tradecanary_killed", known)))


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("tradecanary_routers", "instance job lease strategy"),
        ('rate(tradecanary_routers{lease="VALID"}[1m]) > 0', "instance job lease strategy"),
        ("max(tradecanary_routers) == 1", ""),
        ("-sum by (strategy, venue) (tradecanary_routers)", "strategy"),
        ("100 * sum without (lease, job) (tradecanary_routers)", "instance strategy"),
        ('absent(tradecanary_routers{job="decision"} > 0)', ""),
        ("time() - tradecanary_routers and on (job) up", "instance job lease strategy"),
        ("tradecanary_routers / on (job) up", "job"),
        ("tradecanary_routers / ignoring (lease, strategy) up", "instance job"),
        ("tradecanary_routers or up", "instance job"),
    ],
)
def test_the_checker_knows_which_labels_are_left(expression: str, labels: str) -> None:
    """An aggregation keeps what it groups by, a matching what it matches."""
    known = {"tradecanary_routers": frozenset({"lease", "strategy"})}

    assert labels == " ".join(sorted(left(expression, known)))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_asks_for_what_is_exported(name: str) -> None:
    """It has a severity, a summary with the value, and a section of the docs on what to do."""
    rule = RULES[name]
    summary, runbook = rule["annotations"]["summary"], rule["annotations"]["runbook"]

    assert [] == list(problems(rule["expr"], series()))
    assert rule["labels"]["severity"] in {one.value for one in Severity}
    assert "{{ $value" in summary
    assert templates(summary) <= left(rule["expr"], series())
    assert f"docs/metrics.md#{name.lower()}" == runbook
    assert f"\n## {name}\n" in DOC


def test_every_rule_was_tried() -> None:
    """The file for `promtool test rules` has a time at which it is silent, and one at which not."""
    found: dict[str, set[bool]] = {}
    for case in TRIED["tests"]:
        for one in case["alert_rule_test"]:
            found.setdefault(one["alertname"], set()).add(bool(one["exp_alerts"]))

    assert {name: {True, False} for name in RULES} == found


@pytest.mark.parametrize("name", RULES)
def test_what_was_tried_is_what_the_rule_says(name: str) -> None:
    """The alert expected has the rule's severity and text, and labels that its answer has."""
    rule = RULES[name]
    cases = [case for case in TRIED["tests"] for case in case["alert_rule_test"]]
    for alert in (one for case in cases if case["alertname"] == name for one in case["exp_alerts"]):
        labels, said = alert["exp_labels"], alert["exp_annotations"]

        assert re.fullmatch(_filled(rule["annotations"]["summary"], labels), said["summary"])
        assert rule["annotations"]["runbook"] == said["runbook"]
        assert rule["labels"]["severity"] == labels["severity"]
        assert set(labels) - {"severity"} <= left(rule["expr"], series())


def _filled(template: str, labels: dict[str, str]) -> str:
    """Return a pattern of the text: with these labels, and with any value."""
    said, filled = re.split(r"{{ (.*?) }}", template), ""
    for text, asked in zip(said[::2], [*said[1::2], ""], strict=True):
        value = labels.get(asked.removeprefix("$labels."), "")
        filled += re.escape(text) + (".+" if asked.startswith("$value") else re.escape(value))
    return filled


def test_what_was_tried_is_exported() -> None:
    """Every series that the file makes up, with its labels."""
    made = [one["series"] for case in TRIED["tests"] for one in case["input_series"]]

    assert [] == [problem for one in made for problem in problems(one, series())]


def test_every_section_is_of_a_rule() -> None:
    """What the docs explain exists."""
    assert set(RULES) == set(re.findall(r"^## (\w+)$", DOC, re.MULTILINE))


@pytest.mark.parametrize("title", PANELS)
def test_a_panel_asks_for_what_is_exported(title: str) -> None:
    """Every query, with the labels that its legend shows."""
    for target in PANELS[title]["targets"]:
        assert [] == list(problems(target["expr"], series()))
        assert templates(target["legendFormat"]) <= left(target["expr"], series())


@pytest.mark.parametrize("title", [t for t, one in PANELS.items() if one["type"] == "stat"])
def test_a_panel_shows_no_good_news_when_it_hears_nothing(title: str) -> None:
    """What is not known is not nought, and not green."""
    panel = PANELS[title]
    shown = panel["fieldConfig"]["defaults"]

    assert [] == [one for one in panel["targets"] if "vector(" in one["expr"]]
    if panel["options"]["colorMode"] != "none":
        special = {one["options"]["match"]: one["options"]["result"] for one in shown["mappings"]
                   if one["type"] == "special"}  # fmt: skip
        assert {"null+nan": {"text": "unknown", "color": "orange"}} == special
        assert "unknown" == shown["noValue"]
        assert [("orange", None), ("green", 0)] == [
            (one["color"], one["value"]) for one in shown["thresholds"]["steps"][:2]
        ]


def test_the_dashboard_is_laid_out() -> None:
    """Panels have names and places of their own, within the width."""
    panels = DASHBOARD["panels"]
    places = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(PANELS) == sum(panel["type"] != "row" for panel in panels)


def test_the_dashboard_reads_the_source_that_is_there() -> None:
    """The provisioned Prometheus, under the uid that every panel names."""
    folder = DEPLOY / "grafana" / "provisioning" / "datasources"
    (source,) = yaml.safe_load((folder / "prometheus.yml").read_text())["datasources"]
    asking = {panel["datasource"]["uid"] for panel in PANELS.values()}
    (variable,) = DASHBOARD["templating"]["list"]
    name = re.fullmatch(r"label_values\((\w+), strategy\)", variable["query"]["query"])

    assert {source["uid"]} == asking
    assert name is not None
    assert "strategy" in series()[name[1]]
