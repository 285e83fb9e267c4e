"""Exact order flow for stories: partial sums of a second, from the figures that a line gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from math import sqrt
from statistics import NormalDist
from typing import Any

from tradecanary.schemas.decisions import Vector
from tradecanary.schemas.execution import Mode, OrderStatus
from tradecanary.schemas.histogram import bucket_of
from tradecanary.schemas.metrics import (
    MeasureSums,
    MetricsBatch,
    PartialSums,
    PublisherProgress,
    SourceRange,
)
from tradecanary.schemas.strategy_set import only
from tradecanary.schemas.units import US_PER_S

_STATUSES = tuple(OrderStatus)
NORMAL = NormalDist()
_OTHER_MATTERS = frozenset({"foreign", "astray", "coinless", "behind", "fallback"})
"""Words of a line that are not about the orders that are routed well."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one variant's orders do, per second."""

    rate: float = 0.0
    fill: float = 95.0
    reject: float = 0.0
    latency: float = 3.5
    slippage: float = 1.0
    pnl: float = 2.0
    accounts: int = 63

    def of(self, account: str, cohort_us: int, spread: float) -> Figures:
        """Return what one order of `account` does, where accounts differ by `spread` bp.

        Half of the variance is the account's own; fills and rejections are drawn too.
        """
        if not spread:
            return self

        def draw(*parts: object) -> float:
            digest = sha256("/".join(map(str, parts)).encode()).digest()
            return (int.from_bytes(digest[:8], "big") + 0.5) / (1 << 64)

        def normal(name: str) -> float:
            own, now = draw(name, account), draw(name, account, cohort_us)
            return (NORMAL.inv_cdf(own) + NORMAL.inv_cdf(now)) / sqrt(2)

        return replace(
            self,
            fill=100.0 * (draw("fill", account, cohort_us) < self.fill / 100),
            reject=100.0 * (draw("reject", account, cohort_us) < self.reject / 100),
            latency=self.latency * (1 + 0.1 * normal("latency")),
            slippage=self.slippage + spread * normal("slippage"),
        )

    def with_(self, name: str, value: str) -> Figures:
        """Return the figures with one of them replaced."""
        number = float(value.rstrip("%msbp/"))
        changed: dict[str, Any] = {name: int(number) if name == "accounts" else number}
        return replace(self, **changed)


@dataclass
class Flow:
    """One source partition's manifests, in sequence."""

    offset: int = 0
    transaction: int = 0
    missing: int = 0
    bad: int = 0
    fractions: dict[str, float] = field(default_factory=dict)

    def manifest(self, vector: Vector | None, cohort_us: int, words: list[str]) -> MetricsBatch:
        """Return the next manifest: orders of one cohort under `vector`, or none."""
        partials: tuple[PartialSums, ...] = ()
        if cohort_us >= 0:
            well = self._partials(vector, cohort_us, words)
            partials = (*well, *self._astray(vector, cohort_us, words))
        events = sum(partial.orders for partial in partials)
        end = self.offset + events + self.bad
        seen = SourceRange(
            0, self.offset, end, events, 0, self.missing, self.bad, 0, caught_up=True
        )
        top_seq = -1 if "foreign=yes" in words else self.offset
        newest_us, missing, serves = cohort_us + US_PER_S - 1, self.missing, only("momentum")
        progress = PublisherProgress(0, "g1", events, top_seq, newest_us, missing, serves)
        heard = (progress, *_behind(newest_us, words)) if events else ()
        manifest = MetricsBatch("a", 1, self.transaction, 0, 1, (seen,), heard, partials)
        self.offset = end
        self.transaction += 1
        self.missing = self.bad = 0
        return manifest

    def _whole(self, name: str, amount: float) -> int:
        """Whole units of an amount; the rest is carried to the next second."""
        total = self.fractions.get(name, 0.0) + amount
        whole = int(total + 1e-9)
        self.fractions[name] = total - whole
        return whole

    def _partials(
        self, vector: Vector | None, cohort_us: int, words: list[str]
    ) -> tuple[PartialSums, ...]:
        total, accounts, spread = 200.0, 0, 0.0
        figures = {"stable": Figures(), "canary": Figures()}
        shares = {"stable": 10_000, "canary": 0}
        versions = {"stable": "momentum-1.0.0-aaaaaaaa", "canary": ""}
        weights = vector.cells[0].weights if vector else ()
        for weight in weights:
            shares[weight.variant] = weight.weight_bp
            versions[weight.variant] = weight.version
        if weights and all(weight.variant != "canary" for weight in weights):
            shares["canary"] = 0
        for word in words:
            key, value = word.split("=")
            if key in _OTHER_MATTERS:
                continue
            if key == "rate":
                total = float(value.rstrip("/s"))
                continue
            if key == "accounts":  # one order an account and second
                accounts = int(value)
                total = float(accounts)
                continue
            if key == "spread":
                spread = float(value.rstrip("bp"))
                continue
            variant, name = key.split(".")
            figures[variant] = figures[variant].with_(name, value)
        found = []
        for variant, what in figures.items():
            rate = what.rate or total * shares[variant] / 10_000
            orders = self._whole(f"{variant} orders", rate) if shares[variant] else 0
            for number in range(orders if accounts else min(orders, 1)):
                each = 1 if accounts else orders
                # the first accounts are the canary's: a higher weight never moves one back
                at = number if variant == "canary" else accounts - 1 - number
                account = f"A{at:04}" if accounts else ""
                mine = what.of(account, cohort_us, spread)
                partial = self._partial(vector, variant, versions, shares, cohort_us, each, mine)
                found.append(replace(partial, account=account))
        return tuple(found)

    def _astray(
        self, vector: Vector | None, cohort_us: int, words: list[str]
    ) -> Iterator[PartialSums]:
        """Yield the orders that are tagged with a weight that no vector gave, or no revision."""
        for key, value in (word.split("=") for word in words):
            if key not in {"astray", "coinless"} or vector is None:
                continue
            canary, is_astray = vector.cells[0].weights[-1], key == "astray"
            under, what = (vector, Figures()) if is_astray else (None, Figures(pnl=-40.0))
            shares = {"canary": canary.weight_bp + 1 if is_astray else 10_000}
            versions, orders = {"canary": canary.version}, int(value)
            yield self._partial(under, "canary", versions, shares, cohort_us, orders, what)

    def _partial(
        self,
        vector: Vector | None,
        variant: str,
        versions: dict[str, str],
        shares: dict[str, int],
        cohort_us: int,
        orders: int,
        what: Figures,
    ) -> PartialSums:
        rejected = self._whole(f"{variant} rejected", orders * what.reject / 100)
        filled = self._whole(f"{variant} filled", (orders - rejected) * what.fill / 100)
        counts = dict.fromkeys(_STATUSES, 0)
        counts[OrderStatus.REJECTED] = rejected
        counts[OrderStatus.FILLED] = filled
        counts[OrderStatus.CANCELED] = orders - rejected - filled
        return PartialSums(
            strategy="momentum",
            region="us",
            venue="XNYS",
            variant=variant,
            version=versions[variant],
            routing_revision=vector.revision if vector else 0,
            weight_bp=shares[variant],
            mode=Mode.LIVE,
            account="",
            cohort_us=cohort_us,
            orders=orders,
            markouts=0,
            status_counts=tuple(counts.values()),
            late=0,
            unbenchmarked=0,
            unacknowledged=0,
            error_accounts=what.accounts if rejected else 0,
            measures=(
                _measure("latency_us", orders, round(what.latency * 1000)),
                _measure("slippage_milli_bp", filled, round(what.slippage * 1000)),
                _measure("pnl_micros", orders, round(what.pnl * 1e6)),
                _measure("notional_micros", orders, 10_000_000_000),
            ),
        )


def _behind(newest_us: int, words: list[str]) -> Iterator[PublisherProgress]:
    """Yield what is heard of a publisher of another strategy whose clock is behind."""
    for key, value in (word.split("=") for word in words):
        if key == "behind":
            late_us = newest_us - int(value) * US_PER_S
            yield PublisherProgress(0, "slow-clock", 1, 0, late_us, 0, only("other"))


def _measure(name: str, n: int, value: int) -> MeasureSums:
    buckets = ((bucket_of(value),), (n,)) if n else ((), ())
    return MeasureSums(name, n, n * value, n * value * value, *buckets)
