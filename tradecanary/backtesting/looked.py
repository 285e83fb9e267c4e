"""What a backtest hands on: looks, and what was seen of one rollout over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tradecanary.processors.decision import evidence
from tradecanary.processors.decision.judges import judge_of
from tradecanary.processors.decision.judges.judge import Judgement
from tradecanary.processors.decision.model import PartitionState, Rollout
from tradecanary.processors.decision.rollout_look import judge
from tradecanary.processors.decision.sums import Sums
from tradecanary.processors.decision.transitions import CARRYING
from tradecanary.processors.stage import Emit
from tradecanary.schemas.decisions import Decision, RolloutStatus, StreamEvidence
from tradecanary.schemas.execution import Mode
from tradecanary.schemas.metrics import MetricsBatch, PartialSums
from tradecanary.schemas.units import US_PER_S

SAMPLE_US = US_PER_S
"""How often the judge is asked for the evidence table; it decides at every look."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One look: when, the state after it, what it wrote, what it saw, and events seen so far."""

    time_us: int
    state: PartitionState
    effects: tuple[Emit, ...]
    manifests: tuple[MetricsBatch, ...]
    events: int


@dataclass(frozen=True, slots=True)
class Sample:
    """The judge's word at one look, and the canary's weight after it."""

    time_us: int
    canary_bp: int
    status: RolloutStatus
    judgement: Judgement
    streams: tuple[StreamEvidence, ...]


@dataclass(slots=True)
class Seen:
    """All of one rollout: its decisions, evidence by cohort and variant, samples, last state."""

    decisions: list[Decision] = field(default_factory=list)
    windows: dict[tuple[int, str], Sums] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    last: Rollout | None = None


@dataclass(slots=True)
class Watcher:
    """Takes every look of one strategy, and keeps what the tables are made of, by rollout."""

    strategy: str
    rollouts: dict[str, Seen] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    _sampled_us: int = -(1 << 62)

    def take(self, looked: Looked) -> None:
        """Take one look."""
        decided = [
            effect.record
            for effect in looked.effects
            if isinstance(effect.record, Decision) and effect.record.strategy == self.strategy
        ]
        self.decisions += decided
        for decision in decided:
            self._of(decision.rollout).decisions.append(decision)
        strategy = looked.state.strategies.get(self.strategy)
        rollout = strategy.rollout if strategy else None
        if rollout is None:
            return
        seen = self._of(rollout.spec.rollout)
        if seen.last is rollout:
            return
        before, seen.last = seen.last, rollout
        if before is not None and before.status in CARRYING:
            self._count(seen, rollout, looked.manifests)
        if decided or looked.time_us - self._sampled_us >= SAMPLE_US:
            self._sample(seen, rollout, looked.time_us)

    def _of(self, rollout: str) -> Seen:
        return self.rollouts.setdefault(rollout, Seen())

    def _count(self, seen: Seen, rollout: Rollout, manifests: tuple[MetricsBatch, ...]) -> None:
        groups: dict[tuple[int, str], list[PartialSums]] = {}
        for partial in self._evidence(rollout, manifests):
            groups.setdefault((partial.cohort_us, partial.variant), []).append(partial)
        for place, group in groups.items():
            seen.windows[place] = seen.windows.get(place, Sums()).plus(group)

    def _evidence(
        self, rollout: Rollout, manifests: tuple[MetricsBatch, ...]
    ) -> Iterator[PartialSums]:
        for manifest in manifests:
            for partial in manifest.partials:
                if (
                    partial.strategy == self.strategy
                    and partial.mode is Mode.LIVE
                    and partial.routing_revision in rollout.revisions
                    and evidence.in_scope(rollout, partial)
                    and not evidence.is_misrouted(rollout, partial)
                ):
                    yield partial

    def _sample(self, seen: Seen, rollout: Rollout, time_us: int) -> None:
        if rollout.status in CARRYING or seen.samples:
            self._sampled_us = time_us
            settings = rollout.spec.policy.judge
            streams = judge_of(rollout.spec).streams(rollout.judge_state, settings)
            said = judge(rollout)
            sample = Sample(time_us, rollout.canary_bp, rollout.status, said, streams)
            seen.samples.append(sample)
