"""The benchmark's vectorised sums are the product's sums, to the bit."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.decisions.arriving import Lifetimes
from benchmarks.decisions.block import Block, buckets, sums_of
from benchmarks.decisions.drawn import in_batches, in_time, seed_of
from benchmarks.decisions.flow import Flow
from benchmarks.decisions.methods import THRESHOLDS
from benchmarks.decisions.orders import MEASURED, SCORED, STATUSES, Orders
from benchmarks.decisions.world import FAULTS
from tradecanary.processors.decision.cohorts import Cohort
from tradecanary.processors.decision.judge_settings import Thresholds
from tradecanary.processors.decision.judges import JUDGES
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.execution import VALUE_LIMIT, Mode
from tradecanary.schemas.histogram import bucket_of
from tradecanary.schemas.metrics import MeasureSums, PartialSums
from tradecanary.schemas.units import CANARY, COHORT_US, STABLE

values = st.integers(-VALUE_LIMIT + 1, VALUE_LIMIT - 1) | st.integers(-300, 300)


@given(st.lists(values, min_size=1, max_size=60))
def test_buckets_are_those_of_the_product(found: list[int]) -> None:
    """Whatever the values, vectorised buckets are `bucket_of`."""
    assert [bucket_of(value) for value in found] == buckets(np.array(found)).tolist()


def _partial(
    cohort: Cohort, variant: str, status: int, measured: dict[str, int | None]
) -> PartialSums:
    """Return one order as the aggregator would report it."""
    return PartialSums(
        strategy="s",
        region="",
        venue="",
        variant=variant,
        version="",
        routing_revision=cohort.revision,
        weight_bp=500,
        mode=Mode.LIVE,
        account="",
        cohort_us=cohort.cohort_us,
        orders=1,
        markouts=0,
        status_counts=tuple(int(number == status) for number in range(len(STATUSES))),
        late=0,
        unbenchmarked=0,
        unacknowledged=0,
        error_accounts=0,
        measures=tuple(
            MeasureSums(name, 1, value, value**2, (bucket_of(value),), (1,))
            for name, value in measured.items()
            if value is not None
        ),
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([10, 2**40]))
def test_cohorts_are_the_merged_partial_sums(seed: int, cohort_rows: int, size: int) -> None:
    """A block's cohorts equal what the decider makes of the same orders, one by one."""
    rng = np.random.default_rng(seed)
    shape = 2 * cohort_rows, 7
    orders = Orders(
        rng.integers(0, len(STATUSES), shape).astype(np.int8),
        {name: rng.integers(-size, size, shape) for name in MEASURED},
        {name: rng.random(shape) < 0.7 for name in SCORED},
    )
    canary = rng.random(shape) < 0.4
    block = Block(orders, canary, 500, phase=2, first_cohort=9, cohort_rows=cohort_rows)
    empty = {STABLE: Sums(), CANARY: Sums()}
    expected = [Cohort((9 + number) * COHORT_US, 3, variants=empty) for number in range(2)]
    for row in range(shape[0]):
        number = row // cohort_rows
        for place in range(shape[1]):
            known = {
                name: bool(orders.known[name][row, place]) if name in SCORED else True
                for name in MEASURED
            }
            measured = {
                name: int(orders.values[name][row, place]) if known[name] else None
                for name in MEASURED
            }
            variant = CANARY if canary[row, place] else STABLE
            status = int(orders.statuses[row, place])
            partial = _partial(expected[number], variant, status, measured)
            expected[number] = expected[number].plus([partial], SCORED)

    found = list(block.cohorts(SCORED))
    assert [cohort.key for cohort in expected] == [cohort.key for cohort in found]
    for ours, theirs in zip(found, expected, strict=True):
        for variant in (STABLE, CANARY):
            assert _plain(theirs.variants[variant]) == _plain(ours.variants[variant])


def _plain(sums: Sums) -> tuple[object, ...]:
    """Return the sums with a measure nobody had left out: the product has no entry for it."""
    measures = {name: total for name, total in sums.measures.items() if total.n}
    return sums.orders, sums.statuses, measures


def _pooled(cohorts: list[Cohort], variant: str) -> Sums:
    """Return cohorts' sums merged as the decider merges them."""
    partials = []
    for cohort in cohorts:
        sums = cohort.variants[variant]
        partial = _partial(cohort, variant, 0, {})
        measures = tuple(
            MeasureSums(name, each.n, each.total, each.total_sq, (), ())
            for name, each in sums.measures.items()
        )
        partials.append(
            replace(partial, orders=sums.orders, status_counts=sums.statuses, measures=measures)
        )
    return Sums().plus(partials)


def test_the_adapter_of_thresholds_is_the_judge_on_pooled_sums() -> None:
    """At every look the answer is the production judge's on all cohorts so far."""
    flow = in_batches(500, 400, fault=FAULTS[3]).flow(seed_of("law", 500, 1))
    settings, cohorts, verdicts = Thresholds(), [], Counter[str]()
    for look in flow.looks(()):
        cohorts += [mature.cohort for mature in look.matured]
        stable = _pooled(cohorts, STABLE).evidence(STABLE)
        canary = _pooled(cohorts, CANARY).evidence(CANARY)
        expected = JUDGES["thresholds", "order"].judge(None, settings, stable, canary)
        assert expected == THRESHOLDS.judge(None, look.stable, look.canary)
        verdicts[expected.verdict.value] += 1

    assert {"INCONCLUSIVE", "HARMFUL"} <= set(verdicts)


def _orders_of(flow: Flow) -> tuple[int, int]:
    """Return the canary orders of mature cohorts, and of all looks."""
    folded = at_risk = 0
    for look in flow.looks(()):
        folded += sum(mature.cohort.orders(CANARY) for mature in look.matured)
        assert folded <= look.canary_orders
        at_risk = look.canary_orders
    return folded, at_risk


def test_cohorts_mature_at_their_horizon() -> None:
    """By the clock the last two seconds are at risk and no evidence yet; in batches nothing is."""
    timed, batched = in_time(5_000, 100, 6), in_batches(500, 300)
    folded, at_risk = _orders_of(timed.flow(seed_of("law", 5_000, 1)))
    rows = [block.canary for block in timed.flow(seed_of("law", 5_000, 1)).blocks()]
    known = int(np.concatenate(rows)[: 4 * 5].sum())

    assert (known, True) == (folded, folded < at_risk)
    folded, at_risk = _orders_of(batched.flow(seed_of("law", 500, 1)))
    assert folded == at_risk


def test_lifetimes_change_when_orders_are_heard_of_and_no_cohort() -> None:
    """Mature cohorts hold what was submitted in them; pooled evidence holds what has ended."""
    drawn, seed = in_time(5_000, 50, 9), seed_of("law", 5_000, 3)
    looks = list(Lifetimes(drawn, stable_s=5, canary_s=2).flow(seed).looks(SCORED))
    submitted = [cohort for block in drawn.flow(seed).blocks() for cohort in block.cohorts(SCORED)]
    found = [mature.cohort for look in looks for mature in look.matured]

    assert [cohort.key for cohort in submitted[:4]] == [cohort.key for cohort in found]
    for ours, theirs in zip(found, submitted, strict=False):
        for variant in (STABLE, CANARY):
            assert _plain(theirs.variants[variant]) == _plain(ours.variants[variant])
    early = looks[2 * 5 + 4]  # the canary's first unfilled orders have ended, none of stable's
    assert early.stable.orders == early.stable.filled
    assert early.canary.orders > early.canary.filled
    assert any(look.canary_orders > look.canary.orders for look in looks)


def test_a_reference_is_all_of_its_orders() -> None:
    """Sums of orders in any shape hold each of them once."""
    (block,) = in_batches(5_000, 50).flow(seed_of("law", 5_000, 2)).blocks()
    sums = sums_of(block.orders, ("latency_us",))

    assert block.orders.statuses.size == sums.orders == sum(sums.statuses)
    latency = sums.measure("latency_us")
    assert latency.total == int(block.orders.values["latency_us"].sum())
    assert latency.n == sum(latency.histogram.values()) == sums.orders
