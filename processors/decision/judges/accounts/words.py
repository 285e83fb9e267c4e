"""What of a look is shown and hashed: rounded, finite, in natural units; and its sentences."""

from __future__ import annotations

import math
import sys

from tradecanary.processors.decision.judges.accounts.engine import Answer, MeasureAnswer
from tradecanary.processors.decision.judges.accounts.rules import STREAM_OF
from tradecanary.processors.decision.judges.accounts.settings import MeasureRule, Settings
from tradecanary.processors.decision.judges.accounts.state import Shown
from tradecanary.processors.decision.judges.judge import Verdict
from tradecanary.processors.decision.judges.sequential.evidence import micro_nats, rounded
from tradecanary.processors.decision.judges.sequential.streams import Stream
from tradecanary.schemas.decisions import Check, StreamEvidence


def shown(answer: Answer, settings: Settings, both: int, next_orders: int) -> Shown:
    """Return what a look showed; `both`: accounts left out as they had orders of both variants."""
    pairs = list(zip(answer.measures, settings.measures, strict=True))
    return Shown(
        promotable=answer.promotable,
        reason=_standing(answer, both, next_orders),
        checks=tuple(_check(found) for found in answer.measures),
        streams=tuple(
            _evidence(found, rule) for found, rule in pairs if math.isfinite(found.effect)
        ),
    )


def harm(answer: Answer, settings: Settings) -> str:
    """Return why the canary is taken back, or an empty text: the measure furthest below its limit.

    Its effect, tolerance, p-value, limit, and how many accounts stand behind it.
    """
    pairs = zip(answer.measures, settings.measures, strict=True)
    harmful = [pair for pair in pairs if pair[0].verdict is Verdict.HARMFUL]
    if not harmful:
        return ""
    found, rule = min(harmful, key=lambda pair: pair[0].p / pair[0].level)
    stream = STREAM_OF[found.measure]
    effect, low, high = _natural(stream, found)
    span = "" if max(abs(low), abs(high)) == math.inf else f"interval {low:+.2f} to {high:+.2f}, "
    side = "above" if effect > 0 else "below"
    tolerance = rule.tolerance / stream.scale
    return (
        f"{_name(stream)} is {abs(effect):.2f} {stream.unit} {side} stable's "
        f"({span}tolerance {tolerance:.2g}); p {found.p:.2g} at look {answer.look} "
        f"(limit {found.level:.2g}), {_accounts(answer)} judged"
    )


def waiting(orders: int, next_orders: int) -> str:
    """Return that no look was due yet."""
    return f"judged by account: no look yet, {orders:,} of {next_orders:,} orders of the phase"


def _standing(answer: Answer, both: int, next_orders: int) -> str:
    nearest = min(answer.measures, key=lambda found: found.p / found.level)
    waiting_for = [_name(STREAM_OF[each.measure]) for each in answer.measures if not each.passed]
    passed = len(answer.measures) - len(waiting_for)
    said = [
        f"look {answer.look} at {answer.orders:,} orders, {_accounts(answer)}",
        f"{_name(STREAM_OF[nearest.measure])}: p {nearest.p:.2g} (limit {nearest.level:.2g})",
        f"{passed} of {len(answer.measures)} measures passed"
        + (f", open: {', '.join(waiting_for)}" if waiting_for else ""),
        f"next look at {next_orders:,} orders",
    ]
    if both:
        said.append(f"{both} accounts with orders of both variants are left out")
    problems: dict[str, list[str]] = {}
    for found in answer.measures:
        if found.problem:
            problems.setdefault(found.problem, []).append(_name(STREAM_OF[found.measure]))
    said += [f"{', '.join(names)}: {problem}" for problem, names in problems.items()]
    return "; ".join(said)


def _accounts(answer: Answer) -> str:
    return f"{answer.accounts} accounts ({answer.canaries} canary)"


def _name(stream: Stream) -> str:
    return stream.name.removesuffix("_mean").replace("_", " ")


def _check(found: MeasureAnswer) -> Check:
    breached = found.verdict is Verdict.HARMFUL
    name = STREAM_OF[found.measure].name
    return Check(name, rounded(found.p), rounded(found.level), "p by account", breached)


def _natural(stream: Stream, found: MeasureAnswer) -> tuple[float, float, float]:
    """Effect, low and high in the stream's unit."""
    factor = stream.shown_sign / stream.scale
    low, high = sorted((found.low * factor, found.high * factor))
    return found.effect * factor, low, high


def _evidence(found: MeasureAnswer, rule: MeasureRule) -> StreamEvidence:
    """The look's p-value calibrated to an e-value, 1 / (2 sqrt(p)) (Vovk & Wang 2021, section 2).

    So the field means one thing under either judge; but it is of this look alone, not of all so
    far, and the verdict compares p itself (see the checks). An end of the interval that nothing
    bounds is the largest float.
    """
    stream = STREAM_OF[found.measure]
    effect, low, high = (_finite(value) for value in _natural(stream, found))
    tolerance = rule.tolerance * stream.bad_sign * stream.shown_sign / stream.scale
    return StreamEvidence(
        stream=stream.name,
        log_e_micro_nats=micro_nats(-math.log(2) - math.log(found.p) / 2),
        effect=effect,
        low=low,
        high=high,
        margin=_finite(tolerance),
        orders=found.orders,
    )


def _finite(value: float) -> float:
    """A number that JSON has: nine digits, no minus before 0."""
    if not math.isfinite(value):
        return math.copysign(sys.float_info.max, value)
    return rounded(value) + 0.0
