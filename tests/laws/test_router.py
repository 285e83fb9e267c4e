"""The router: whatever happens around it, an order gets an answer that may be obeyed."""

from dataclasses import replace

import pytest

from tests.laws.gateway import S, Service, canary_order, following
from tests.laws.test_vectors import VECTOR, cell
from tradecanary.producers.clock import Clock
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.vectors import Reading
from tradecanary.schemas.routing import (
    BreakerState,
    CellWeights,
    LeaseState,
    UnitKind,
    VariantWeight,
)


def test_before_any_vector_the_constructors_baseline_serves() -> None:
    """Revision 0, stable, all of it; and the status says why."""
    service = Service()
    route = service.order()
    assert ("stable", "v1", "handler of v1", 0, 10_000, False) == (
        route.variant, route.version, route.handler, route.revision, route.weight_bp, route.killed,
    )  # fmt: skip
    assert service.router.status().fallback == "no vector was read yet"
    assert service.router.status().lease is LeaseState.NONE


def test_a_vector_splits_the_orders() -> None:
    """Both variants get orders of its revision, each with its own weight."""
    service = following(2_500)
    routes = [service.order() for _ in range(400)]
    assert {(r.variant, r.version, r.revision, r.weight_bp) for r in routes} == {
        ("canary", "v2", 7, 2_500),
        ("stable", "v1", 7, 7_500),
    }
    assert 60 < sum(route.variant == "canary" for route in routes) < 140


def test_an_order_outside_the_cells_gets_the_baseline() -> None:
    """Revision 0 for it, while the cells are followed."""
    service = Service()
    service.read(replace(VECTOR, cells=(cell(10_000, venue="XNAS"),)))
    assert service.order("XNAS").revision == 7
    assert (service.order("BATS").revision, service.order("BATS").version) == (0, "v1")


def test_by_account_the_coin_is_the_accounts() -> None:
    """An account stays where it is, order after order, and is the unit of its events."""
    service = following(5_000, "account")
    for account in ("A1", "A2", "A3", "A4"):
        routes = [service.order(account=account) for _ in range(5)]
        assert len({route.variant for route in routes}) == 1
        event = routes[0].outcome("CANCELED")
        assert event is not None
        assert account == event.unit


def test_a_stale_transport_cannot_keep_a_lease() -> None:
    """route() itself sees the lease end: a hung thread that calls nothing leaves no canary."""
    service = following(10_000)
    service.wait(10 * S - 1)
    assert service.order().variant == "canary"
    service.wait(1)
    assert service.order().revision == 0
    assert service.withdrawn == []
    service.router.tick()
    assert service.withdrawn == ["canary"]
    assert service.router.status().lapses == 1


def test_a_lapse_goes_to_the_baseline_of_the_last_vector() -> None:
    """After a promotion that is the promoted version, also when the vector came stale."""
    service = Service()
    service.read(replace(VECTOR, cells=(), baseline="v2"), age_ms=60_000)
    assert (service.order().version, service.order().revision) == ("v2", 0)
    assert service.router.status().lease is LeaseState.LAPSED


def test_renewals_keep_it_and_old_marks_do_not_count() -> None:
    """Equal content renews; an older epoch is ignored, reported, and renews nothing."""
    service = following(10_000)
    for _ in range(5):
        service.wait(4 * S)
        assert service.read(replace(VECTOR, cells=(cell(10_000),))) is Reading.RENEW
    assert service.read(replace(VECTOR, epoch=2, revision=99)) is Reading.IGNORE
    assert "older than epoch 3" in service.router.last_ignored
    service.wait(10 * S)
    service.read(replace(VECTOR, epoch=2, revision=99))
    assert service.order().revision == 0


def test_a_vector_that_cannot_be_obeyed_raises_the_mark() -> None:
    """Baseline for all, and the older one that could be obeyed does not come back."""
    service = following(5_000)
    broken = CellWeights("*", "*", (VariantWeight("canary", "v9", 10_000),))
    assert service.read(replace(VECTOR, revision=8, cells=(broken,))) is Reading.ADOPT
    assert "v9" in service.router.status().fallback
    assert service.read(VECTOR) is Reading.IGNORE
    assert {service.order().revision for _ in range(20)} == {0}
    assert service.withdrawn == ["canary"]


def test_a_rollback_withdraws_the_canary_and_says_so() -> None:
    """on_withdrawn once, acknowledged in the status when it returned."""
    service = following(5_000)
    service.read(replace(VECTOR, revision=8, cells=(cell(0),), reason="slower"))
    service.read(replace(VECTOR, revision=8, cells=(cell(0),), reason="slower"))
    assert service.withdrawn == ["canary"]
    (withdrawal,) = service.router.status().withdrawals
    assert (withdrawal.cause, withdrawal.acknowledged) == ("revision 8: slower", True)


def test_a_promotion_withdraws_nothing() -> None:
    """Neither stable at the step to 10000, nor the canary when FINISH renames its version."""
    service = following(5_000)
    service.read(replace(VECTOR, revision=8, cells=(cell(10_000),)))
    promoted = CellWeights("*", "*", (VariantWeight("stable", "v2", 10_000),))
    service.read(replace(VECTOR, revision=9, cells=(promoted,), baseline="v2"))
    assert service.withdrawn == []
    assert service.order().version == "v2"


def test_a_callback_that_fails_is_not_acknowledged() -> None:
    """The service's fault stays its own, and shows."""

    def fails(variant: str) -> None:
        raise RuntimeError(variant)

    service = Service()
    service.router = OrderRouter(
        "momentum", {"v1": 1, "v2": 2}, "v1",
        on_withdrawn=fails, clock=Clock.of(lambda: service.now_us),
    )  # fmt: skip
    service.kill()
    assert [w.acknowledged for w in service.router.status().withdrawals] == [False]


@pytest.mark.parametrize("strategy", ["momentum", "*"])
def test_a_kill_outlives_lease_and_vectors(strategy: str) -> None:
    """No handler until it is taken back under the same key; then the vector counts again."""
    service = following(5_000)
    service.kill(strategy)
    assert service.withdrawn == ["canary", "stable"]
    service.read(replace(VECTOR, epoch=9))
    service.wait(60 * S)
    service.router.tick()
    route = service.order()
    assert (route.handler, route.killed, route.outcome("FILLED")) == (None, True, None)
    other = "*" if strategy == "momentum" else "momentum"
    service.kill(other, killed=False)
    assert service.order().killed
    service.kill(strategy, killed=False)
    assert not service.order().killed
    service.read(replace(VECTOR, epoch=10))
    assert service.order().revision == 7


def test_a_kill_of_another_strategy_is_not_ours() -> None:
    """Only the strategy's own key and `*` kill."""
    service = following(5_000)
    service.kill("mean-reversion")
    assert not service.order().killed


def test_a_baseline_that_is_not_loaded_gives_no_handler() -> None:
    """Such an order cannot be traded, is not counted, and the status attests it."""
    service = Service(versions=("v2",))
    route = service.order()
    assert (route.handler, route.killed, route.outcome("FILLED")) == (None, False, None)
    assert "v1 is not loaded" in service.router.status().fallback
    assert service.router.status().counts == ()


def test_the_breaker_works_at_once_and_is_rearmed_by_the_vector() -> None:
    """Three consecutive canary errors: from the next order on all is revision 0."""
    service = following(5_000)
    for _ in range(3):
        canary_order(service).outcome("REJECTED")
    assert {service.order().revision for _ in range(20)} == {0}
    service.router.tick()
    assert service.withdrawn == ["canary"]
    assert service.router.status().breaker is BreakerState.OPEN
    service.read(replace(VECTOR, revision=8, cells=(cell(5_000),)))
    assert service.order().revision == 0
    service.read(replace(VECTOR, revision=9, cells=(cell(5_000),), rearm=1))
    assert service.order().revision == 9
    assert service.router.status().rearm == 1


def test_stable_errors_do_not_open_the_breaker() -> None:
    """It protects from the canary; stable's errors are the guards' business."""
    service = following(5_000)
    for _ in range(60):
        route = service.order()
        route.outcome("REJECTED" if route.variant == "stable" else "FILLED", filled_qty=1)
    assert service.router.status().breaker is BreakerState.CLOSED


def test_by_account_a_lapse_waits_for_a_reissue() -> None:
    """Renewals of the same revision leave the accounts at the baseline; the status says LAPSED."""
    service = following(10_000, "account")
    vector = replace(VECTOR, cells=(cell(10_000),), unit=UnitKind.ACCOUNT)
    service.wait(11 * S)
    assert service.read(vector) is Reading.RENEW
    assert service.order().revision == 0
    assert service.router.status().lease is LeaseState.LAPSED
    assert service.withdrawn == ["canary"]
    service.read(replace(vector, revision=8))
    assert service.order().revision == 8


@pytest.mark.parametrize(
    "bad", [{"strategy": "*"}, {"baseline": ""}, {"order_horizon_ms": 0}, {"unit": "orders"}]
)
def test_settings_that_cannot_be_meant_are_refused(bad: dict[str, object]) -> None:
    """At the start a service may be told loudly."""
    good = {"strategy": "m", "versions": {}, "baseline": "v1"}
    with pytest.raises(ValueError, match=r"was|orders"):
        OrderRouter(**{**good, **bad})  # type: ignore[arg-type]
