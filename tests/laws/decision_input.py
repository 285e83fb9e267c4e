"""Anything that a decider may be shown: sums, commands, kills and routers, sound or not."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tradecanary.schemas.execution import Mode, OrderStatus
from tradecanary.schemas.measures import MEASURE_NAMES
from tradecanary.schemas.metrics import MeasureSums, PartialSums
from tradecanary.schemas.routing import (
    EVERYWHERE,
    BreakerState,
    CommandKind,
    KillSwitch,
    LeaseState,
    UnitKind,
)
from tradecanary.schemas.units import CANARY, STABLE, US_PER_S

STRATEGIES = ("momentum", "reversal")
BUILDS = ("momentum-1.0.0-aaaaaaaa", "momentum-2.0.0-bbbbbbbb")

_LONG = st.integers(-(2**62), 2**62) | st.integers(-1_000, 1_000)
_COUNT = st.integers(0, 2**40) | st.integers(0, 50)


@dataclass(frozen=True, slots=True)
class Shipment:
    """A manifest: how it lies to the frontier, the figures of its flow, groups of any content."""

    how: str
    words: tuple[str, ...]
    partials: tuple[PartialSums, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """A command; `again`: the last one's id comes once more. No arguments: those that fit.

    `same` as arguments: those of the strategy's last START, under a new command.
    """

    kind: CommandKind
    strategy: str
    actor: str
    arguments: str
    policy: int
    again: bool


def _measure(name: str, n: int, total: int, square: int, bucket: int) -> MeasureSums:
    return MeasureSums(name, n, total, square, (bucket,) if n else (), (n,) if n else ())


_MEASURES = st.builds(
    _measure, st.sampled_from(MEASURE_NAMES), _COUNT, _LONG, _COUNT, st.integers(-200, 200)
)
PARTIALS = st.builds(
    PartialSums,
    strategy=st.sampled_from([*STRATEGIES, "unheard-of"]),
    region=st.sampled_from(["us", "eu"]),
    venue=st.sampled_from(["XNYS", "XLON"]),
    variant=st.sampled_from([STABLE, CANARY, "other"]),
    version=st.sampled_from([*BUILDS, "other"]),
    routing_revision=st.integers(0, 6),
    weight_bp=st.integers(0, 10_000),
    mode=st.sampled_from(list(Mode)),
    account=st.sampled_from(["", "a1", "a2"]),
    cohort_us=st.integers(-120, 5).map(lambda seconds: seconds * US_PER_S),
    orders=_COUNT,
    markouts=_COUNT,
    status_counts=st.tuples(*[_COUNT] * len(OrderStatus)),
    late=_COUNT,
    unbenchmarked=_COUNT,
    unacknowledged=_COUNT,
    error_accounts=st.integers(0, 2**62),
    measures=st.lists(_MEASURES, max_size=5, unique_by=lambda one: one.name).map(tuple),
)
MANIFESTS = st.builds(
    Shipment,
    how=st.sampled_from(["next", "next", "next", "gap", "behind", "lagging", "missing"]),
    words=st.sampled_from(
        [
            (),
            ("rate=0",),
            ("canary.reject=60%",),
            ("canary.rate=0.4",),
            ("canary.slippage=9",),
            ("stable.latency=1", "canary.latency=50"),
            ("accounts=7",),
        ]
    ),
    partials=st.lists(PARTIALS, max_size=1).map(tuple),
)
COMMANDS = st.builds(
    Ask,
    kind=st.sampled_from(list(CommandKind)),
    strategy=st.sampled_from([STRATEGIES[0], *STRATEGIES]),
    actor=st.sampled_from(["ana", "bob"]),
    arguments=st.sampled_from(
        [
            "",
            "",
            "",
            "same",
            "{}",
            "{",
            "[1]",
            '{"gate": "half"}',
            '{"gate": "start"}',
            '{"gate": 3}',
        ]
    ),
    policy=st.integers(0, 6),
    again=st.sampled_from([False, False, False, True]),
)
BEGINS = st.none() | st.integers(0, 6)
_OUTRANKED = (CommandKind.INCREASE, CommandKind.ABORT)
KINDS = st.sampled_from([_OUTRANKED, (CommandKind.FREEZE,)]) | st.sampled_from(
    [
        (CommandKind.HALT,),
        (CommandKind.RESUME,),
        (CommandKind.HALT, CommandKind.RESUME),
        (CommandKind.INCREASE,),
        (CommandKind.PROMOTE,),
        (CommandKind.APPROVE,),
        (CommandKind.ABORT,),
        (CommandKind.HALT, CommandKind.INCREASE),
        (CommandKind.INCREASE, CommandKind.HALT),
        (CommandKind.HALT, CommandKind.RESUME, CommandKind.ABORT),
        (CommandKind.PROMOTE, CommandKind.ABORT),
        (CommandKind.ABORT, CommandKind.START),
        (CommandKind.START, CommandKind.ABORT),
    ]
)
KILLS = st.builds(
    KillSwitch,
    strategy=st.sampled_from([*STRATEGIES, EVERYWHERE, "unheard-of"]),
    killed=st.booleans(),
    actor=st.just("ana"),
    time_us=st.just(0),
    reason=st.text(max_size=3),
)
ROUTERS = st.fixed_dictionaries(
    {},
    optional={
        "versions": st.sampled_from([BUILDS, BUILDS, BUILDS[:1], ()]),
        "unit": st.sampled_from(list(UnitKind)),
        "lease": st.sampled_from(list(LeaseState)),
        "breaker": st.sampled_from([BreakerState.CLOSED, BreakerState.CLOSED, BreakerState.OPEN]),
        "lapses": st.integers(0, 3),
        "incarnation": st.integers(1, 3),
        "horizon_us": st.sampled_from([2 * US_PER_S, 2 * US_PER_S, 9 * US_PER_S]),
        "routed": st.integers(0, 30),
        "reported": st.integers(0, 30),
        "open": st.integers(0, 30),
        "revision": st.integers(0, 6),
    },
)

_QUICK: dict[str, object] = {
    "name": "quick",
    "ramp": [
        {"name": "few", "weight_bp": 500, "min_duration_s": 6},
        {"name": "half", "weight_bp": 5_000, "min_orders": 400},
        {"name": "all", "weight_bp": 10_000},
    ],
    "judge": {"kind": "thresholds", "min_orders": 20, "fill_rate_pp": 20, "latency_pct": 200},
    "watch_s": 4,
    "max_duration_s": 60,
    "max_pending_s": 30,
}
LIMITS: dict[str, object] = {
    "max_instruments": 1,
    "price_collar_pct": 5,
    "max_order_value": 10_000,
    "max_orders": 1_000_000,
    "max_position": 100_000,
    "max_venues": 3,
}
"""Predefined limits that no test reaches."""
_OF_SPEC = ("unit", "scope", "owner", "budget", "limits")
_CHANGES: tuple[dict[str, object], ...] = (
    {},
    {"guards": {"error_burst": 2, "loss_budget": 500, "max_orders": 900, "vanished_orders": 9}},
    {"approvals": {"start": True, "phases": ["half"], "promotion": True}},
    {"criteria": "roll_back", "watch_s": 0, "max_duration_s": 20},
    {"unit": "account", "scope": [{"region": "us"}, {"region": "eu", "venue": "XLON"}]},
    {"data": {"stale_hold_s": 2, "stale_roll_back_s": 9, "missing_roll_back_pct": 5}},
    {"owner": "desk", "budget": 700, "limits": LIMITS | {"max_orders": 900}},
)


def spec(rollout: str, strategy: str, builds: tuple[str, str], policy: int) -> dict[str, object]:
    """Return the SPEC of a rollout under one of the quick policies."""
    changes = dict(_CHANGES[policy])
    own = {name: changes.pop(name) for name in _OF_SPEC if name in changes}
    stable, canary = builds
    made = {"rollout": rollout, "strategy": strategy, "stable": stable, "canary": canary}
    return {**made, **own, "policy": _QUICK | changes}
