"""All that the decider remembers, as frozen values; one PartitionState a control partition."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tradecanary.processors.decision.account_past import Past
from tradecanary.processors.decision.cohorts import Cohort, Horizons
from tradecanary.processors.decision.frontier import Flow
from tradecanary.processors.decision.history import History
from tradecanary.processors.decision.judges.judge import JudgeState
from tradecanary.processors.decision.judges.sequential.reference import Reference
from tradecanary.processors.decision.keyed import Keyed
from tradecanary.processors.decision.losses import FlowCounts
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.decisions import RolloutStatus, RouterFact, Vector
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.routing import Command, KillSwitch, RouterStatus


@dataclass(frozen=True, slots=True)
class LookEvent:
    """What one look sees: the recorded time, new input in order, and whether it is the end.

    `decision_header`: of a recorded look whose decisions an older release wrote, the header of that
    release's contract. Their hashes, and the salts that come of them, are those of its bytes.
    `thinned`: recorded flow, routed anew (a backtest): what was left out has revision 0.
    """

    epoch: int
    recorded_at_us: int
    manifests: tuple[MetricsBatch, ...] = ()
    commands: tuple[Command, ...] = ()
    routers: tuple[RouterFact, ...] = ()
    kills: tuple[KillSwitch, ...] = ()
    at_end: bool = True
    decision_header: bytes = b""
    thinned: bool = False


@dataclass(frozen=True, slots=True)
class RouterSeen:
    """A router incarnation's newest status, and when the decider heard it.

    `lapsed_since_us`: since when it says LAPSED under the revision it follows (-1: it does not).
    `reissued_lapses`: its count of lapses when a revision was last issued for it (-1: never).
    """

    status: RouterStatus
    heard_at_us: int
    lapsed_since_us: int = -1
    reissued_lapses: int = -1


@dataclass(frozen=True, slots=True)
class Money:
    """Exact sums of one variant under one revision, for guards in money."""

    orders: int = 0
    pnl_micros: int = 0
    notional_micros: int = 0


@dataclass(frozen=True, slots=True)
class RevisionFacts:
    """A revision of this rollout: its phase, the canary's weight, both variants' money."""

    phase: int
    canary_bp: int
    stable: Money = Money()
    canary: Money = Money()


@dataclass(frozen=True, slots=True)
class Burst:
    """Canary errors since its last outcome that was none."""

    errors: int = 0
    accounts: int = 0
    since_us: int = -1


@dataclass(frozen=True, slots=True)
class Silence:
    """Canary orders expected since the last one, in billionths; from mature cohorts only."""

    expected_e9: int = 0


@dataclass(frozen=True, slots=True)
class PhaseRun:
    """The phase that runs: its clock, its orders, and what was lost of the strategy's flow.

    `all_orders`: of the whole strategy while the clock may run. `mature` and `accounts`: orders
    and (where they are the unit) active accounts by variant, from mature cohorts.
    """

    index: int = 0
    time_us: int = 0
    stable: Sums = field(default_factory=Sums)
    canary: Sums = field(default_factory=Sums)
    all_orders: int = 0
    flow: FlowCounts = field(default_factory=FlowCounts)
    mature: dict[str, int] = field(default_factory=dict)
    accounts: dict[str, Keyed[None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rollout:
    """One attempt to replace stable by a canary.

    `references`: what each phase froze. `judge_state`: of the row that `judge_of(spec)` names.
    `hold`: what holds now; `told_hold`: what was last written to hold, and not that it is over;
    `free_since_us`: since when nothing holds after that. `gap`: where the metrics had one while
    nothing could be halted; only RESUME ends it. `astray`: money of misrouted orders that the
    canary was given.
    """

    spec: RolloutSpec
    starter: str
    created_at_us: int
    status: RolloutStatus = RolloutStatus.PENDING
    started_at_us: int = -1
    ended_at_us: int = -1
    canary_since_us: int = -1
    order_horizon_us: int = 0
    markout_horizon_us: int = 0
    salt: str = ""
    time_us: int = 0
    phase: PhaseRun = PhaseRun()
    stable: Sums = field(default_factory=Sums)
    canary: Sums = field(default_factory=Sums)
    revisions: dict[int, RevisionFacts] = field(default_factory=dict)
    pending: dict[str, Cohort] = field(default_factory=dict)
    references: dict[int, Reference] = field(default_factory=dict)
    judge_state: JudgeState = None
    peak_pnl_micros: int = 0
    deepest_micros: int = 0
    burst: Burst = Burst()
    silence: Silence = Silence()
    misrouted: int = 0
    late: int = 0
    promotable: bool = False
    approvals: dict[str, str] = field(default_factory=dict)
    hold: str = ""
    hold_reason: str = ""
    told_hold: str = ""
    free_since_us: int = -1
    outcome: str = ""
    astray: Money = Money()
    astray_orders: int = 0
    gap: str = ""

    @property
    def horizons(self) -> Horizons:
        """The horizons frozen by START."""
        return Horizons(self.order_horizon_us, self.markout_horizon_us)

    def unheld(self) -> Rollout:
        """Return the rollout with nothing that holds, after a decision that says so."""
        return replace(self, hold="", hold_reason="", told_hold="", free_since_us=-1)

    @property
    def canary_pnl_micros(self) -> int:
        """The canary's cumulative P&L since the start, misrouted orders too."""
        earned = sum(facts.canary.pnl_micros for facts in self.revisions.values())
        return earned + self.astray.pnl_micros

    @property
    def canary_bp(self) -> int:
        """The canary's weight in the newest vector, 0 before the first."""
        return self.revisions[max(self.revisions)].canary_bp if self.revisions else 0


@dataclass(frozen=True, slots=True)
class End:
    """How a rollout ended that another one has followed."""

    spec_hash: str
    status: RolloutStatus


@dataclass(frozen=True, slots=True)
class StrategyState:
    """One strategy: its chain of decisions, its vector, its routers and its rollout.

    `accounts`: stable's orders by account, before the rollout that runs. `past`: the ids of
    rollouts that ended; `ends`: how, by id, where this version saw the end.
    """

    strategy: str
    number: int = 0
    last_hash: str = ""
    revision: int = 0
    vector: Vector | None = None
    vector_rollout: str = ""
    vector_reason: str = ""
    vector_hash: str = ""
    unit: str = "order"
    rearm: int = 0
    frozen: str = ""
    killed: bool = False
    written_at_us: int = -1
    written_epoch: int = 0
    orders_at_us: int = -1
    routers: dict[str, RouterSeen] = field(default_factory=dict)
    history: History = field(default_factory=History)
    accounts: Past = field(default_factory=Past)
    rollout: Rollout | None = None
    answered: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    ends: dict[str, End] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartitionState:
    """All that one decider knows of one control partition."""

    partition: int
    look: int = 0
    epoch: int = 0
    recorded_at_us: int = 0
    flow: Flow | None = None
    kills: dict[str, KillSwitch] = field(default_factory=dict)
    strategies: dict[str, StrategyState] = field(default_factory=dict)
