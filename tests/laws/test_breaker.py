"""The breaker latches at its limit and is closed by a higher rearm number alone."""

from hypothesis import given
from hypothesis import strategies as st

from tradecanary.producers.breaker import Breaker


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 12))
def test_it_opens_at_consecutive_errors_and_stays_open(errors: list[bool], limit: int) -> None:
    """Open exactly when some run of errors reached the limit, whatever came after it."""
    breaker = Breaker(limit)
    longest = run = 0
    for error in errors:
        breaker = breaker.after(error=error)
        run = run + 1 if error else 0
        longest = max(longest, run)
    assert (longest >= limit) == breaker.open


@given(st.integers(0, 5), st.integers(0, 5))
def test_only_a_higher_number_rearms(obeyed: int, offered: int) -> None:
    """A number that was obeyed before closes nothing: a renewed vector must not re-arm."""
    breaker = Breaker(limit=1).rearmed(obeyed).after(error=True)
    assert breaker.rearmed(offered).open == (offered <= obeyed)
    assert breaker.rearmed(offered).rearm == max(obeyed, offered)
