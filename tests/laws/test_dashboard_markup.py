"""What comes out of the log is text on the dashboard, whatever is written there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tradecanary.dashboard.markup import Markup, joined, tag
from tradecanary.dashboard.series import Point, Series
from tradecanary.schemas.units import US_PER_S


@given(st.text())
def test_text_never_becomes_markup(text: str) -> None:
    """Neither between tags nor in an attribute."""
    made = tag("p", text, title=text)

    inside = made.removeprefix("<p").removesuffix("</p>")
    assert 0 == inside.count("<")
    assert 2 == inside.count('"')


def test_markup_stays_markup() -> None:
    """Sequences are joined, None is nothing, numbers are text, attributes may be left out."""
    inner = tag("b", 1.5, None, [tag("i", "x"), " & "], class_=None, data_n=3)

    assert '<b data-n="3">1.5<i>x</i> &amp; </b>' == inner
    assert isinstance(joined(inner, inner), Markup)
    assert '<input name="n">' == tag("input", name="n")


@given(st.lists(st.tuples(st.integers(1, 5_000_000), st.sampled_from((0, 500))), max_size=2_000))
def test_a_series_is_bounded_and_keeps_its_ends(steps: list[tuple[int, int]]) -> None:
    """Whatever comes, however long: at most so many points, in order, the first among them."""
    series, time_us = Series("r", most=40), 0
    first: Point | None = None
    for step_us, weight in steps:
        time_us += step_us
        point = Point(time_us, weight, None, None)
        series.add(point)
        first = first or point

    times = [point.time_us for point in series.points]
    assert times == sorted(set(times))
    assert len(times) <= 40
    assert not first or series.points[0] == first


def test_a_steady_rollout_is_kept_from_its_start() -> None:
    """After an hour of a point a second the first minute is still there."""
    series = Series("r")
    for second in range(3_600):
        series.add(Point(second * US_PER_S, 500, 480, 0.5))

    assert 0 == series.points[0].time_us
    assert 3_590 * US_PER_S < series.points[-1].time_us
    assert 240 <= len(series.points) <= 480
