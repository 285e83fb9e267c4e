"""The judge's evidence stream by stream, as plain values for people and scripts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradecanary.processors.decision.judges.sequential.evidence import MICRO
from tradecanary.processors.decision.judges.sequential.streams import INDEX, STREAMS
from tradecanary.processors.decision.judges.sequential.words import e_value
from tradecanary.schemas.decisions import StreamEvidence

View = dict[str, Any]


def stream_views(streams: Iterable[StreamEvidence]) -> list[View]:
    """Return each stream's canary orders, effect with 95 % interval, tolerance, e-value, state.

    Effects are canary less stable in `unit`; `state` says where the interval lies: `worse` (all of
    it beyond the tolerance), `not worse` (none of it), or `open`.
    """
    return [
        {
            "stream": shown.stream,
            "canary_orders": shown.orders,
            "effect": shown.effect,
            "low": shown.low,
            "high": shown.high,
            "tolerance": shown.margin,
            "unit": _unit(shown.stream),
            "log_e": shown.log_e_micro_nats / MICRO,
            "e_value": e_value(shown.log_e_micro_nats),
            "state": _state(shown),
        }
        for shown in streams
    ]


def _unit(name: str) -> str:
    return STREAMS[INDEX[name]].unit if name in INDEX else ""


def _state(shown: StreamEvidence) -> str:
    stream = STREAMS[INDEX[shown.stream]] if shown.stream in INDEX else None
    bad_sign = stream.bad_sign * stream.shown_sign if stream else 1
    low, high = sorted((bad_sign * shown.low, bad_sign * shown.high))
    tolerance = abs(shown.margin)
    if low > tolerance:
        return "worse"
    return "not worse" if high <= tolerance else "open"
