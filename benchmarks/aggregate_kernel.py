"""What an event costs in the aggregator, without a broker: `python -m benchmarks.aggregate_kernel`.

Batches of 2000 prepared records, as a poll brings them. The figures steer work on the compiled
fold; the bar of the project (share of a bare consume loop) is measured on a real Kafka.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from benchmarks.flow import CANARY, STABLE
from tests.executions import event
from tradecanary.processors.aggregation.compiled import CompiledFold
from tradecanary.processors.aggregation.folding import Fold, empty_snapshot
from tradecanary.processors.aggregation.oracle import PlainFold
from tradecanary.processors.runtime.aggregation_task import ScannedBatch
from tradecanary.processors.stage import LogRecord
from tradecanary.schemas.codec import encode
from tradecanary.schemas.execution import ExecutionEvent, OrderStatus, Side

BATCH = 2_000
TRANSACTION_BATCHES = 50
START_US = 1_700_000_000_000_000


def _event(rng: random.Random, seq: int) -> ExecutionEvent:
    """Return an event of four strategies at three venues, at 100 000 events a second."""
    canary = rng.random() < 0.05
    time_us = START_US + 10 * seq
    account = f"A{rng.randrange(200):05d}"
    mid = 187.0 + rng.gauss(0, 0.5)
    unit = f"order-{seq:012d}"
    return event(
        source=f"gateway-{seq % 4}", source_seq=seq // 4,
        strategy=f"strategy-{rng.randrange(4)}", version=CANARY if canary else STABLE,
        variant="canary" if canary else "stable", routing_revision=12,
        weight_bp=500 if canary else 9_500, unit=unit, order_id=unit, account=account,
        venue=rng.choice(("XNAS", "ARCX", "BATS")), side=rng.choice((Side.BUY, Side.SELL)),
        status=OrderStatus.FILLED if rng.random() < 0.9 else OrderStatus.REJECTED,
        arrival_mid=mid, avg_price=mid + rng.gauss(0, 0.02), pnl=rng.gauss(0, 4),
        submitted_at=time_us - 1_500, event_time=time_us,
        ack_latency_us=int(rng.lognormvariate(6.5, 0.5)),
    )  # fmt: skip


def prepared(events: int) -> list[ScannedBatch]:
    """Return batches with this many events in all, the same at each call."""
    rng = random.Random(1)
    records = [
        LogRecord(
            "executions", 0, seq, START_US // 1_000 + seq // 100, None, encode(_event(rng, seq))
        )
        for seq in range(events)
    ]
    return [ScannedBatch(records[at : at + BATCH]) for at in range(0, events, BATCH)]


def _ns_per_event(make: Callable[[], Fold], batches: Sequence[ScannedBatch]) -> tuple[float, float]:
    """Return the least cost of adding and of draining, in ns an event, over three passes."""
    adding, draining = [], []
    events = sum(len(batch.values) for batch in batches)
    for _ in range(3):
        fold = make()
        fold.restore(empty_snapshot(0, 0, from_start=True))
        added_ns = drained_ns = 0
        for at in range(0, len(batches), TRANSACTION_BATCHES):
            began = time.perf_counter_ns()
            for batch in batches[at : at + TRANSACTION_BATCHES]:
                fold.add(0, batch, summed=True)
            middle = time.perf_counter_ns()
            fold.drain()
            added_ns += middle - began
            drained_ns += time.perf_counter_ns() - middle
        adding.append(added_ns / events)
        draining.append(drained_ns / events)
    return min(adding), min(draining)


def main() -> None:
    """Print both folds' cost an event."""
    print("preparing 200 000 events ...")
    batches = prepared(200_000)
    print(f"{'fold':<12}{'add':>12}{'drain':>12}   ns an event, transactions of 100 000 events")
    began = time.perf_counter()
    for name, make, used in (
        ("compiled", CompiledFold, batches),
        ("plain", PlainFold, batches[:10]),
    ):
        added, drained = _ns_per_event(make, used)
        print(f"{name:<12}{added:>12.0f}{drained:>12.0f}")
    print(f"took {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
