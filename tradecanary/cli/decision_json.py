"""A decision as scripts read it."""

from __future__ import annotations

from tradecanary.schemas.decisions import Decision


def decision_json(decision: Decision) -> dict[str, object]:
    """Return a decision's facts for scripts."""
    return {
        "strategy": decision.strategy,
        "number": decision.number,
        "rollout": decision.rollout,
        "time_us": decision.time_us,
        "kind": decision.kind.value,
        "status": decision.status.value,
        "revision": decision.after.revision,
        "reason": decision.reason,
        "actor": decision.actor,
        "hash": decision.hash,
    }
