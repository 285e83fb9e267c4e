"""A lease is renewed by fresh records only, and lapses by the router's own monotonic clock."""

from hypothesis import given
from hypothesis import strategies as st

from tradecanary.producers.leases import FRESH_MS, BrokerClock, Lease
from tradecanary.schemas.routing import LeaseState

MS = 1_000_000
MINUTE_NS = 60_000 * MS


@given(
    st.integers(-(10**9), 10**9),
    st.lists(st.integers(0, 5_000), min_size=1, max_size=20),
    st.integers(0, 10_000),
)
def test_age_is_told_by_the_least_delayed_report(
    difference_ms: int, delays_ms: list[int], age_ms: int
) -> None:
    """Whatever the hosts' clocks say, a record's age is wrong by the smallest delay at most."""
    clock = BrokerClock()
    append_ms = 2_000_000_000
    for n, delay in enumerate(delays_ms):
        append_ms += n
        clock = clock.heard(append_ms, (append_ms + difference_ms + delay) * MS)
    now_ns = (append_ms + difference_ms + age_ms) * MS
    assert age_ms - min(delays_ms) == clock.age_ms(append_ms, now_ns)


def test_old_reports_are_forgotten() -> None:
    """A difference counts for ten minutes: clocks drift, and brokers are replaced."""
    clock = BrokerClock().heard(1_000, 1_000 * MS)
    clock = clock.heard(1_000 + 9 * 60_000, (1_500 + 9 * 60_000) * MS)
    assert clock.age_ms(0, 9 * MINUTE_NS) == 9 * 60_000
    later_ns = 12 * MINUTE_NS
    assert clock.age_ms(0, later_ns) == 12 * 60_000 - 500
    assert clock.age_ms(0, 30 * MINUTE_NS) is None


def test_an_unknown_clock_renews_nothing() -> None:
    """Before the first delivery report no record is fresh."""
    lease = Lease(sticky=False).heard(0, BrokerClock().age_ms(0, 0), 10_000, 1)
    assert lease.state is LeaseState.LAPSED
    assert lease.lapses == 0


@given(st.integers(0, 10_000), st.integers(1, 60_000))
def test_only_fresh_records_renew(age_ms: int, lease_ms: int) -> None:
    """A record of at most 3 s renews for lease_ms from now; an older one leaves the end alone."""
    lease = Lease(sticky=False).heard(0, 0, lease_ms, 1)
    assert lease.until_ns == lease_ms * MS
    renewed = lease.heard(7 * MS, age_ms, lease_ms, 1)
    expected = (lease_ms + 7 if age_ms <= FRESH_MS else lease_ms) * MS
    assert expected == renewed.until_ns


def test_a_lease_lapses_at_its_end_and_once() -> None:
    """Valid up to its last nanosecond, lapsed from its end on, counted once."""
    lease = Lease(sticky=False).heard(0, 0, 10_000, 1)
    assert lease.at(10_000 * MS - 1, 1).state is LeaseState.VALID
    lapsed = lease.at(10_000 * MS, 1)
    assert lapsed.state is LeaseState.LAPSED
    assert lapsed.at(20_000 * MS, 1).lapses == 1


def test_by_account_a_lapse_waits_for_a_newer_revision() -> None:
    """Renewals of the revision under which it lapsed do not move positions back and forth."""
    lapsed = Lease(sticky=True).heard(0, 0, 10_000, 5).at(10_000 * MS, 5)
    assert lapsed.heard(11_000 * MS, 0, 10_000, 5).state is LeaseState.LAPSED
    stale_newer = lapsed.heard(11_000 * MS, 9_000, 10_000, 6)
    assert stale_newer.state is LeaseState.LAPSED
    assert stale_newer.heard(12_000 * MS, 0, 10_000, 6).state is LeaseState.VALID
    assert lapsed.heard(11_000 * MS, 0, 10_000, 6).state is LeaseState.VALID


def test_by_order_a_lapse_ends_with_the_next_fresh_record() -> None:
    """Orders hold no positions: any renewal will do."""
    lapsed = Lease(sticky=False).heard(0, 0, 10_000, 5).at(10_000 * MS, 5)
    assert lapsed.heard(11_000 * MS, 0, 10_000, 5).state is LeaseState.VALID


def test_a_retained_vector_older_than_its_lease_lapsed_for_everybody() -> None:
    """A router by account that starts on it waits, too; one that starts in the gap does not."""
    old = Lease(sticky=True).heard(0, 60_000, 10_000, 5)
    assert old.heard(1, 0, 10_000, 5).state is LeaseState.LAPSED
    young = Lease(sticky=True).heard(0, 4_000, 10_000, 5)
    assert young.heard(1, 0, 10_000, 5).state is LeaseState.VALID
