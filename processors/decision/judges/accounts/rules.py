"""From a policy and the reference frozen at START to the rules of one rollout by account.

Margins are the policy's, in natural units, turned into those of the sums; a measure that the
reference lacks, or that never varied there, is left out and its part of alpha goes to the others,
in proportion (statistics.md 2.2, 2.4).
"""

from __future__ import annotations

from tradecanary.processors.decision.account_totals import ERRORS, UNFILLED
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.accounts.settings import (
    WEIGHTS,
    MeasureRule,
    Settings,
)
from tradecanary.processors.decision.judges.sequential.reference import Reference
from tradecanary.processors.decision.judges.sequential.streams import (
    INDEX,
    MEASURED,
    STREAMS,
    Stream,
)

STREAM_OF: dict[str, Stream] = {
    UNFILLED: STREAMS[INDEX["fill_rate"]],
    ERRORS: STREAMS[INDEX["error_rate"]],
    **{m.measure: STREAMS[INDEX[f"{m.name}_mean"]] for m in MEASURED},
}
"""By measure, the stream of the judge by order that shows the same: name, unit and scale."""


def rules(settings: Sequential, reference: Reference) -> Settings:
    """Return the rules of a rollout, fixed at its start."""
    margins = {
        UNFILLED: settings.margins.fill_rate_pp / 100,
        ERRORS: settings.margins.error_rate_pp / 100,
    }
    for known in reference.measures:
        if known is not None and known.variance > 0:
            size = abs(known.mean) if known.relative else 1.0
            margins[known.measure] = known.margin * size
    judged = {measure: margin for measure, margin in margins.items() if margin > 0}
    total = sum(WEIGHTS[measure] for measure in judged)
    return Settings(
        measures=tuple(
            MeasureRule(
                measure=measure,
                margin=margin,
                tolerance=margin * settings.tolerance,
                weight=WEIGHTS[measure] / total,
                worse=STREAM_OF[measure].bad_sign,
            )
            for measure, margin in judged.items()
        ),
        alpha=settings.alpha,
        beta=settings.beta,
        min_canary_orders=settings.promotion_orders,
    )


def shortcomings(reference: Reference) -> str:
    """Return which measures are not judged, or an empty text."""
    pairs = zip(MEASURED, reference.measures, strict=True)
    missing = [m.name for m, known in pairs if known is None or known.variance <= 0]
    return "; ".join(f"{name} is not judged" for name in missing)
