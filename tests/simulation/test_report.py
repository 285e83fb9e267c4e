"""The report of a period: everything that happened in it, once, and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.alerted import Answer, Receiver
from tests.alerting_lives import Life, everything_to, written_of
from tests.counting import Clock
from tests.laws.decision_input import LIMITS
from tests.simulation.command_line import spec_file, tradecanary, trading
from tests.simulation.recorded_worlds import world
from tests.simulation.worlds import CANARY_BUILD, QUICK, STABLE_BUILD, STRATEGY, Rollout
from tests.tape import Tape
from tradecanary.auditing.report import Exported, export
from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.schemas.codec import encode
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.routing import CommandKind
from tradecanary.schemas.topics import ALERTS, DECISIONS
from tradecanary.schemas.units import US_PER_S
from tradecanary.trail import utc

_ALWAYS = (0, 1 << 60)
_GATED = QUICK | {"name": "gated", "approvals": {"phases": ["Two"]}}


def _export(log: Log, folder: Path, span: tuple[int, int] = _ALWAYS) -> Exported:
    return export(log, *span, folder, made_at_us=1_767_700_000_000_000)


def _rows(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the report of a rollout that people had a hand in: approval, halt, kill, abort."""
    rollout = Rollout.begin(gateways=2, policy=_GATED)
    world = rollout.world
    world.run_for(3)
    for kind, actor in (
        (CommandKind.APPROVE, "ana"),  # refused: she started it
        (CommandKind.APPROVE, "ben"),
        (CommandKind.HALT, "cy <desk>"),
        (CommandKind.RESUME, "cy <desk>"),
    ):
        arguments = '{"gate":"Two"}' if kind is CommandKind.APPROVE else "{}"
        world.operator.command(STRATEGY, kind, actor=actor, reason="a test", arguments=arguments)
    for killed in (True, False):
        world.operator.switch(STRATEGY, killed=killed, actor="dee", reason="drill")
    for reason in ("enough", "again: refused, it has ended"):
        world.operator.command(STRATEGY, CommandKind.ABORT, actor="cy <desk>", reason=reason)
    world.run_for(1)
    path = tmp_path_factory.mktemp("report") / "year"
    done = _export(world.log, path)
    assert 0 == done.findings
    return path


def test_a_rollout_in_one_line(folder: Path) -> None:
    """Who started what under which policy, how it ended, and how often people stepped in."""
    (row,) = _rows(folder, "rollouts.jsonl")
    (spec,) = _rows(folder, "specs.jsonl")

    assert (STABLE_BUILD, CANARY_BUILD, "ana") == (row["stable"], row["canary"], row["starter"])
    assert Policy.model_validate(_GATED).hash == row["policy_hash"]
    assert ("gated", "ROLLED_BACK") == (row["policy"], row["status"])
    assert "abort by cy <desk>: enough" == row["outcome"]
    assert (2, 4, 2) == (row["approvals"], row["overrides"], row["kills"])
    assert ["Two"] == spec["policy"]["approvals"]["phases"]


def test_who_stepped_in_and_what_came_of_it(folder: Path) -> None:
    """Every command with its answer; a refused one says so."""
    approvals = [(one["actor"], one["result"]) for one in _rows(folder, "approvals.jsonl")]
    overrides = [(one["kind"], one["result"]) for one in _rows(folder, "overrides.jsonl")]
    kills = [(one.get("kind"), one["actor"]) for one in _rows(folder, "kills.jsonl")]

    assert [("ana", "refused"), ("ben", "done")] == approvals
    done = [("halt", "done"), ("resume", "done"), ("abort", "done")]
    assert [*done, ("abort", "refused")] == overrides
    assert [("KILL", "dee"), ("UNKILL", "dee"), (None, "dee"), (None, "dee")] == kills


def test_what_was_declared_and_waived_is_in_it(tmp_path: Path) -> None:
    """Owner, limits and the hash of the SPEC, the one that the chain names; or that none were."""
    world = trading(None, STRATEGY, "reversal")
    for number, (name, limits) in enumerate(((STRATEGY, LIMITS), ("reversal", None))):
        folder = tmp_path / name
        folder.mkdir()
        spec = spec_file(folder, strategy=name, rollout=f"r{number}", limits=limits)
        for _ in range(2):  # the second one changes nothing, here neither
            assert 0 == tradecanary(world, "start", spec, "--no-limits").exit_code
    _export(world.log, tmp_path / "report")
    rows = {row["strategy"]: row for row in _rows(tmp_path / "report", "rollouts.jsonl")}
    specs = {row["strategy"]: row for row in _rows(tmp_path / "report", "specs.jsonl")}
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")

    for name, waived in ((STRATEGY, False), ("reversal", True)):
        first = next(iter(world.operator.decisions(name)))
        found = rows[name]["spec_hash"]
        assert f"; spec {found}" in first.reason
        assert (found, "desk", waived) == (
            specs[name]["spec_hash"],
            rows[name]["owner"],
            rows[name]["limits_waived"],
        )
        assert found in page
    assert "max_position 100000" in page
    assert ">waived<" in page


def test_the_page_is_one_file_that_asks_nobody(folder: Path) -> None:
    """A table a rollout, what people wrote is text and no markup, nothing names another host."""
    page = (folder / "report.html").read_text(encoding="utf-8")

    for said in (
        "cy &lt;desk&gt;",
        "started by",
        "ana",
        "gated",
        "intact",
        "drill",
        "@media print",
    ):
        assert said in page
    for asks in ("<desk>", "<script", "<link", "<img", "@import", "url(", "href=", "src="):
        assert asks not in page


def test_every_decision_of_the_period_and_no_other(tmp_path: Path) -> None:
    """From its first moment up to its end, with evidence, by partition and offset."""
    log = world("slow:3").world.log
    decisions = Tape(log).every(DECISIONS.name, Decision)
    first, last = decisions[1][1].time_us, decisions[-1][1].time_us
    _export(log, tmp_path, (first, last))
    rows = _rows(tmp_path, "decisions.jsonl")

    inside = [(at.offset, one.hash) for at, one in decisions if first <= one.time_us < last]
    assert inside == [(row["offset"], row["hash"]) for row in rows]
    assert all(row["evidence"]["variants"] for row in rows)


def _alerted() -> MemoryLog:
    """Return the log of a roll-back that the alerting stage told of: one alert was not taken."""
    log = Tape(world("slow:3").world.log).log()
    decisions = [one for _, one in Tape(log).every(DECISIONS.name, Decision)]
    clock = Clock()
    clock.us = decisions[-1].time_us + US_PER_S
    receiver = Receiver()
    receiver.plan = [Answer(400, body="no such channel")]
    try:
        life = Life(log, clock, everything_to(receiver))
        life.run()
        life.die()
    finally:
        receiver.close()
    return log


def test_the_alerts_are_those_of_the_alerting_stage(tmp_path: Path) -> None:
    """Line by line what it wrote down: to whom, what came of it, after how many attempts."""
    log = _alerted()
    written = written_of(log)
    _export(log, tmp_path)
    rows = _rows(tmp_path, "alerts.jsonl")
    (rollout,) = _rows(tmp_path, "rollouts.jsonl")

    assert [
        (
            one.alert.key, one.alert.action, one.alert.severity, one.sender, one.outcome,
            one.attempts, one.problem or None, one.alert.number,
        )
        for one in written
    ] == [
        (
            row["key"], row["action"], row["severity"], row["sender"], row["outcome"],
            row["attempts"], row["problem"], row["decision"],
        )
        for row in rows
    ]  # fmt: skip
    assert {"given_up", "sent"} == {row["outcome"] for row in rows}
    assert "HTTP 400: no such channel" == rows[0]["problem"]
    assert ("error", True) == (rows[-1]["severity"], "latency" in rows[-1]["reason"])
    assert len(rows) == rollout["alerts"]


def test_the_page_shows_the_alerts(tmp_path: Path) -> None:
    """A line a delivery, in its rollout or outside of any; what others wrote is text."""
    log = _alerted()
    told = written_of(log)
    drill = replace(told[0].alert, rollout="", number=9, key="momentum/9/kill", title="<b>kill</b>")
    lost = replace(told[0], alert=drill, sender="night", problem="HTTP 404: <script>alert(1)")
    log.append(ALERTS.name, STRATEGY.encode(), encode(lost))
    _export(log, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    outside, _, inside = page.partition("<h2>Alerts outside any rollout</h2>")[2].partition("<h2>")
    table = inside.partition("<h3>Alerts</h3>")[2].partition("</table>")[0]
    rows = [re.findall("<td.*?>(.*?)</td>", unescape(row)) for row in table.split("<tr>")[2:]]
    ((_, key, what, *_, sender, outcome, _, attempts, problem),) = [
        re.findall("<td.*?>(.*?)</td>", row) for row in outside.split("<tr>")[2:]
    ]

    assert [
        [
            utc(one.alert.time_us), one.alert.key, one.alert.title, one.alert.severity.value,
            one.alert.action.value, "risk", one.outcome.value.replace("_", " "), utc(one.time_us),
            str(one.attempts), one.problem or "-",
        ]
        for one in told
    ] == rows  # fmt: skip
    assert ("momentum/9/kill", "&lt;b&gt;kill&lt;/b&gt;") == (key, what)
    assert ("night", "given up", "1") == (sender, outcome, attempts)
    assert "HTTP 404: &lt;script&gt;alert(1)" == problem
    assert "kill-switch and alerts;" in page.partition("<footer>")[2]


def test_alerts_belong_to_the_period_of_their_decision(tmp_path: Path) -> None:
    """However late they were delivered; without an alerting stage there are none."""
    log = _alerted()
    last = written_of(log)[-1]
    _export(log, tmp_path, (last.alert.time_us, last.alert.time_us + 1))
    rows = _rows(tmp_path, "alerts.jsonl")
    _export(world("slow:3").world.log, tmp_path)

    assert last.time_us > last.alert.time_us
    assert [last.alert.number] == [row["decision"] for row in rows]
    assert [] == _rows(tmp_path, "alerts.jsonl")


def test_a_broken_chain_is_in_the_report(tmp_path: Path) -> None:
    """Whoever reads the report learns that its source was tampered with, and where."""
    tape = Tape(world("slow:3").world.log)
    gone = tape.at(DECISIONS.name, 1)
    tape.remove(gone)
    done = _export(tape.log(), tmp_path)
    (finding,) = _rows(tmp_path, "findings.jsonl")

    assert 1 == done.findings
    assert ("REMOVED", "decision 2") == (finding["what"], finding["expected"])
    assert "1 findings" in (tmp_path / "report.html").read_text(encoding="utf-8")
