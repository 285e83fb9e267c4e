"""The trail of a rollout, one line a decision, as a trader reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tradecanary.schemas.decisions import Decision, DecisionKind, VariantEvidence
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE, US_PER_S

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_MARKS = {
    DecisionKind.PROMOTE: "✔",
    DecisionKind.FINISH: "✔",
    DecisionKind.ROLL_BACK: "✖",
    DecisionKind.HOLD: "॥",
    DecisionKind.HALT: "॥",
}
STYLES = {
    DecisionKind.PROMOTE: "green",
    DecisionKind.FINISH: "green",
    DecisionKind.ROLL_BACK: "red",
    DecisionKind.HOLD: "dim",
    DecisionKind.HALT: "yellow",
}


def clock(time_us: int, since_us: int) -> str:
    """Return minutes and seconds since the beginning."""
    seconds = (time_us - since_us) // US_PER_S
    return f"{seconds // 60:02d}:{seconds % 60:02d}"


def utc(time_us: int) -> str:
    """Return a time as ISO 8601, UTC, to the second; one that no calendar has, as it is."""
    try:
        moment = datetime.fromtimestamp(time_us // US_PER_S, UTC)
    except (ValueError, OverflowError, OSError):  # people and foreign producers write times
        return f"{time_us} us"
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def time_us(value: object) -> int:
    """Return microseconds since 1970 from micros, ISO 8601 text or a datetime; raise ValueError."""
    if isinstance(value, str):
        text = value.strip()
        if text.lstrip("-").isdigit():
            return int(text)
        value = datetime.fromisoformat(text)
    if isinstance(value, datetime):
        known = value if value.tzinfo else value.replace(tzinfo=UTC)
        return (known - _EPOCH) // _US
    if isinstance(value, int):
        return value
    raise ValueError(f"a time was {value!r}: micros since 1970 or ISO 8601 are read")


def line(decision: Decision, since_us: int) -> str:
    """Return one decision as one line: time, kind, canary's weight and orders, reason."""
    canary = orders_of(decision, CANARY)
    weight = percent(canary_weight_bp(decision))
    mark = _MARKS.get(decision.kind, "◌")
    return (
        f"{clock(decision.time_us, since_us)}  {mark} {decision.kind.value:<9} "
        f"{weight:>5}  {canary:>6,}  {decision.reason}"
    )


HEADER = f"{'time':<5}    {'decision':<9} {'to':>5}  {'canary':>6}  why"


def percent(weight_bp: int) -> str:
    """Return basis points as percent."""
    return f"{weight_bp / 100:g} %"


def canary_weight_bp(decision: Decision) -> int:
    """Return the canary's weight after the decision; a promoted baseline has it all."""
    cells = decision.after.cells
    if decision.kind is DecisionKind.FINISH:
        return FULL_WEIGHT_BP
    weights = cells[0].weights if cells else ()
    return next((one.weight_bp for one in weights if one.variant == CANARY), 0)


def orders_of(decision: Decision, variant: str) -> int:
    """Return the variant's orders since the start of the rollout, as of the decision."""
    return evidence_of(decision, variant).orders


def evidence_of(decision: Decision, variant: str) -> VariantEvidence:
    """Return the variant's sums as of the decision, zeros before the start."""
    found = [one for one in decision.evidence.variants if one.variant == variant]
    return found[0] if found else VariantEvidence(variant, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def summary(decisions: list[Decision]) -> str:
    """Return the last line: how it ended, after how long, at what exposure."""
    last, first = decisions[-1], decisions[0]
    canary, stable = orders_of(last, CANARY), orders_of(last, STABLE)
    took = clock(last.time_us, first.time_us)
    return (
        f"{last.status.value} after {took} min; the canary was given "
        f"{canary:,} of {canary + stable:,} orders"
    )
