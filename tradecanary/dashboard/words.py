"""How the dashboard writes figures: the same figure, the same width, a unit wherever one helps."""

from __future__ import annotations

import math

from tradecanary.schemas.units import US_PER_S
from tradecanary.trail import utc

_SAID_NATS = math.log(1_000_000)
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
_UNKNOWN = "–"


def duration(seconds: float) -> str:
    """Return seconds as people say them: `2 d 03 h`, `1 h 02 min`, `3 min 20 s`, `12 s`."""
    whole = max(0, int(seconds))
    if whole >= _DAY_S:
        return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S:02d} h"
    if whole >= _HOUR_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S:02d} min"
    return f"{whole // _MINUTE_S} min {whole % _MINUTE_S:02d} s" if whole >= _MINUTE_S else (
        f"{whole} s"
    )  # fmt: skip


def percent(weight_bp: float | None) -> str:
    """Return basis points as percent, to three digits, a dash when unknown."""
    return _UNKNOWN if weight_bp is None else f"{weight_bp / 100:.3g} %"


def figure(value: float, unit: str = "") -> str:
    """Return a figure with its unit; whole numbers without decimals, small ones with more."""
    if not math.isfinite(value):
        text = "∞" if value > 0 else "−∞"
    elif value == int(value) or abs(value) >= 1_000:  # noqa: PLR2004 - decimals say nothing there
        text = f"{value:,.0f}"
    elif abs(value) < 0.1:  # noqa: PLR2004 - two decimals would say nothing
        text = f"{value:.2g}" if abs(value) >= 1e-4 else f"{value:.0e}"  # noqa: PLR2004 - as above
    else:
        text = f"{value:,.2f}"
    shown = "" if unit in {"money", "orders"} else unit  # the name says it
    return f"{text.replace('-', '−')} {shown}".rstrip()


def signed(value: float, unit: str = "") -> str:
    """Return a difference: with its sign, and none when it rounds to nothing."""
    text = figure(value, unit)
    return text if text.startswith("−") or value == 0 else f"+{text}"


def e_value(nats: float) -> str:
    """Return an e-value, given as its logarithm, as people read it."""
    if nats > _SAID_NATS:
        return "> 1,000,000"
    e = math.exp(nats)
    return f"{e:,.0f}" if e >= 10 else f"{e:.2g}"  # noqa: PLR2004 - below ten decimals matter


def hour(time_us: int) -> str:
    """Return the time of the day, UTC."""
    text = utc(time_us)
    return text[11:19] if text.endswith("Z") else text


def moment(time_us: int) -> str:
    """Return day and time, UTC."""
    text = utc(time_us)
    return f"{text[:10]} {text[11:19]}" if text.endswith("Z") else text


def age(since_us: int, now_us: int) -> str:
    """Return how long ago something was."""
    seconds = max(0, now_us - since_us) / US_PER_S
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)  # noqa: PLR2004 - as above
