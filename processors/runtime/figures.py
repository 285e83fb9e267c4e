"""Makes Prometheus figures; docs/metrics.md lists them all."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Figures:
    """Makes figures in one registry, under one name."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """Return a new counter; the client adds `_total` to its name."""
        return Counter(f"tradecanary_{name}", text, labels, registry=self._registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """Return a new gauge."""
        return Gauge(f"tradecanary_{name}", text, labels, registry=self._registry)

    def histogram(self, name: str, text: str) -> Histogram:
        """Return a new histogram of durations."""
        return Histogram(f"tradecanary_{name}", text, registry=self._registry, buckets=_SECONDS)

    def info(self, name: str, text: str) -> Info:
        """Return a new series that is always 1; the client adds `_info` to its name."""
        return Info(f"tradecanary_{name}", text, registry=self._registry)
