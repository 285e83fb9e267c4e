"""`tradecanary report`: a period as JSON lines, one file a kind, and as one page of HTML."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tradecanary import trail
from tradecanary.auditing.period import Asked, Period, Rollout, Row, is_alert, read_period
from tradecanary.auditing.report_page import report_page
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import LogRecord
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.routing import CommandKind


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: lines by file name, the page, and the findings of the chain."""

    lines: dict[str, int]
    page: Path
    findings: int


def export(log: Log, first_us: int, until_us: int, folder: Path, *, made_at_us: int) -> Exported:
    """Write the period into `folder` (made if it is not there); raise OSError.

    Files of an earlier report there are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "decisions.jsonl").open("w", encoding="utf-8") as file:

        def write(record: LogRecord, decision: Decision) -> None:
            place = {"partition": record.partition, "offset": record.offset}
            file.write(_line(place | asdict(decision)))

        period = read_period(log, first_us, until_us, write)
    lines = {"decisions.jsonl": period.decisions}
    for name, rows in _files(period).items():
        found = [_line(row) for row in rows]
        (folder / name).write_text("".join(found), encoding="utf-8")
        lines[name] = len(found)
    page = folder / "report.html"
    page.write_text(report_page(period, made_at_us), encoding="utf-8")
    return Exported(lines, page, len(period.findings))


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _files(period: Period) -> dict[str, Iterable[Row]]:
    rollouts = [one for one in period.rollouts.values() if one.rollout]
    decisions = [made for one in period.rollouts.values() for made in one.decisions]
    by_kind = {
        "approvals.jsonl": [one for one in period.asked if one.command.kind is CommandKind.APPROVE],
        "overrides.jsonl": [
            one
            for one in period.asked
            if one.command.kind not in {CommandKind.APPROVE, CommandKind.START}
        ],
    }
    kills = [made for one in period.rollouts.values() for made in one.kills]
    return {
        "rollouts.jsonl": map(rollout_row, rollouts),
        "specs.jsonl": [
            one.spec.model_dump(mode="json") | {"spec_hash": one.spec_hash}
            for one in rollouts
            if one.spec
        ],
        **{name: map(_asked_row, asked) for name, asked in by_kind.items()},
        "kills.jsonl": [
            *(_decision_row(made) for made in kills),
            *(asdict(one) | {"from": "kill-switch"} for one in period.switches),
        ],
        "alerts.jsonl": [_decision_row(made) for made in decisions if is_alert(made)],
        "findings.jsonl": map(asdict, period.findings),
    }


def rollout_row(one: Rollout) -> Row:
    """Return a rollout as one line: who started what, under which policy, and how it stands."""
    last = one.outcome
    return {
        "strategy": one.strategy,
        "rollout": one.rollout,
        "stable": one.spec.stable if one.spec else None,
        "canary": one.spec.canary if one.spec else None,
        "policy": one.spec.policy.name if one.spec else None,
        "policy_hash": last.policy_hash,
        "spec_hash": one.spec_hash,
        "owner": one.spec.owner if one.spec else None,
        "limits_waived": one.spec.limits_waived if one.spec else None,
        "starter": one.start.actor if one.start else None,
        "start_reason": one.start.reason if one.start else None,
        "status": last.status.value,
        "outcome": last.reason,
        "first_decision_us": one.decisions[0].time_us,
        "last_decision_us": one.decisions[-1].time_us,
        "canary_orders": trail.orders_of(last, "canary"),
        "decisions": len(one.decisions),
        "approvals": len(one.approvals),
        "overrides": len(one.overrides),
        "kills": len(one.kills),
        "alerts": len(one.alerts),
    }


def _asked_row(one: Asked) -> Row:
    answer = one.answer
    return asdict(one.command) | {
        "result": one.result,
        "rollout": answer.rollout if answer else None,
        "decision": answer.number if answer else None,
        "answer": answer.reason if answer else None,
    }


def _decision_row(made: Decision) -> Row:
    return {
        "strategy": made.strategy,
        "rollout": made.rollout,
        "decision": made.number,
        "time_us": made.time_us,
        "kind": made.kind.value,
        "status": made.status.value,
        "actor": made.actor,
        "reason": made.reason,
        "hash": made.hash,
        "from": "decisions",
    }
