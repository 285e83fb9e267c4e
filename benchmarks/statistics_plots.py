"""`make plots`: the pictures of docs/statistics.md, from seeded orders through the judge itself.

Writes docs/statistics-rollouts.png and docs/statistics-weights.png; about two minutes of one core.
Seeds are fixed: the same code gives the same figures.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import fmean

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.decisions.drawn import in_batches, seed_of
from benchmarks.decisions.flow import Flow
from benchmarks.decisions.judging import canary_orders_until
from benchmarks.decisions.sequential import adapter
from benchmarks.decisions.world import FAULTS, Fault
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges import JUDGES
from tradecanary.processors.decision.judges.judge import Verdict
from tradecanary.processors.decision.planning.plan import plan
from tradecanary.processors.decision.policy import Policy

DOCS = Path(__file__).parents[1] / "docs"
RUNS = 100
WEIGHTS_BP = (500, 5_000)
MOST = 20_000
BEYOND = 5
"""So many times as long as the rollout do its pictures go on."""
STREAM = "slippage_mean"
UNIT = "order"
"""The coin is tossed for an order."""
SETTINGS = Sequential()
JUDGE = adapter(SETTINGS)
SLIPPING = FAULTS[3]
SHOWN = {
    "slippage +0.5 bp": (SLIPPING, "slippage", 1),
    "latency x1.2": (FAULTS[1], "latency", 1),
    "2 % of orders +30 ms": (FAULTS[2], "latency far", 2),
    "fills 95 to 90 %": (FAULTS[0], "fill rate", 5),
}
"""The fault, and which effect of the plan it is: its name, and how many times the margin."""
GOOD, BAD, GREY = "#1b7837", "#b2182b", "#666666"
BARS = ((-0.19, 500, "#2166ac", "white"), (0.19, 5_000, "#92c5de", "black"))


@dataclass(slots=True)
class Course:
    """One rollout look by look: canary orders, e-value; and the effect's (orders, low, high).

    `ended`: canary orders at its end; what follows shows how it would have gone on.
    """

    harmful: bool = False
    ended: int = 0
    orders: list[int] = field(default_factory=list)
    e_values: list[float] = field(default_factory=list)
    effect: list[tuple[int, float, float, float]] = field(default_factory=list)


def course(fault: Fault | None) -> Course:
    """Return one rollout at 5 %: until it is rolled back or every test has passed, and beyond."""
    found = Course()
    flow = in_batches(WEIGHTS_BP[0], MOST, fault=fault).flow(seed_of("plots", WEIGHTS_BP[0], 1))
    state = JUDGE.start(flow.reference)
    for look in flow.looks(JUDGE.histograms):
        for mature in look.matured:
            state = JUDGE.fold(state, mature)
        judgement = JUDGE.judge(state, look.stable, look.canary)
        found.orders.append(look.canary_orders)
        found.e_values.append(math.exp(judgement.checks[0].value))
        found.effect += [
            (shown.orders, shown.effect, shown.low, shown.high)
            for shown in JUDGES[SETTINGS.kind, UNIT].streams(state.state, SETTINGS)
            if shown.stream == STREAM
        ]
        found.harmful = judgement.verdict is Verdict.HARMFUL
        if not found.ended and (found.harmful or judgement.promotable):
            found.ended = look.canary_orders
        if found.ended and look.canary_orders > BEYOND * found.ended:
            break
    return found


def rollouts() -> Figure:
    """Return e-value and effect of a healthy rollout and of one with +0.5 bp of slippage."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharex="col", sharey="row")
    for column, (name, fault, colour) in enumerate(
        (("Healthy canary", None, GOOD), ("Canary with +0.5 bp of slippage", SLIPPING, BAD))
    ):
        played = course(fault)
        _evidence(axes[0][column], played, colour)
        axes[0][column].set_title(name)
        _effect(axes[1][column], played, colour)
        most = 1.1 * played.ended if fault is None else BEYOND * played.ended
        axes[1][column].set_xlim(0, most)
        for each in axes[:, column]:
            each.axvline(played.ended, color=colour, lw=1, ls=":")
    axes[0][0].set_ylabel("e-value")
    axes[1][0].set_ylabel("slippage, canary less stable (bp)")
    return figure


def _evidence(axes: Axes, played: Course, colour: str) -> None:
    limit = 1 / SETTINGS.alpha
    axes.semilogy(played.orders, played.e_values, color=colour, lw=1.6)
    _line(axes, limit, f"limit\n{limit:g}")
    axes.set_ylim(0.01, 1e4)
    axes.set_yticks([0.01, 1, 100, 1e4], ["0.01", "1", "100", "10,000"])
    axes.minorticks_off()
    said = "rolled back" if played.harmful else "all promotion tests passed"
    side, away = ("left", 6) if played.harmful else ("right", -6)
    axes.annotate(f"{said}\nat {played.ended:,} canary orders", (played.ended, 0.02), (away, 0),
                  textcoords="offset points", ha=side, va="bottom", color=colour,
                  fontsize=9)  # fmt: skip


def _effect(axes: Axes, played: Course, colour: str) -> None:
    orders, effects, lows, highs = zip(*played.effect, strict=True)
    axes.fill_between(orders, lows, highs, color=colour, alpha=0.18, lw=0, label="95 % interval")
    axes.plot(orders, effects, color=colour, lw=1.6, label="estimate")
    margin = SETTINGS.margins.slippage_bp
    _line(axes, margin, f"margin\n+{margin:g} bp")
    axes.axhline(0, color=GREY, lw=0.8)
    axes.set_ylim(-0.6, 1.4)
    axes.set_xlabel("canary orders")
    axes.legend(frameon=False, loc="lower right", fontsize=9)


def _line(axes: Axes, at: float, label: str) -> None:
    axes.axhline(at, color=GREY, lw=1, ls="--")
    axes.text(1.01, at, label, color=GREY, fontsize=9, va="center",
              transform=axes.get_yaxis_transform())  # fmt: skip


def weights() -> Figure:
    """Return mean canary orders until rollback at 5 % and at 50 %, beside the plan."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots()
    planned = {weight_bp: _planned(weight_bp) for weight_bp in WEIGHTS_BP}
    for row, (fault, name, times) in enumerate(SHOWN.values()):
        for offset, weight_bp, colour, text in BARS:
            mean = fmean(_orders(weight_bp, fault, run) for run in range(RUNS))
            y = row + offset
            axes.barh(y, mean, 0.36, color=colour, label=f"{weight_bp / 100:g} % weight")
            axes.text(10, y, f"{mean:,.0f}", va="center", color=text, fontsize=9)
            wanted = planned[weight_bp][name, times]
            if wanted is not None:
                axes.plot([wanted, wanted], [y - 0.18, y + 0.18], color="black", lw=2,
                          label="tradecanary plan")  # fmt: skip
    axes.set_yticks(range(len(SHOWN)), list(SHOWN))
    axes.invert_yaxis()
    axes.set_xlabel(f"canary orders until rollback, mean of {RUNS} rollouts")
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    axes.legend(once.values(), once.keys(), frameon=False, loc="upper right")
    return figure


def _orders(weight_bp: int, fault: Fault, run: int) -> int:
    flow = in_batches(weight_bp, MOST, fault=fault).flow(seed_of("plots", weight_bp, run))
    return canary_orders_until(JUDGE, flow).rolled_back_at or MOST


def _planned(weight_bp: int) -> dict[tuple[str, float], float | None]:
    ramp = [
        {"name": "Only", "weight_bp": weight_bp, "min_orders": 1},
        {"name": "Full", "weight_bp": 10_000},
    ]
    flow: Flow = in_batches(weight_bp, 10).flow(seed_of("plots", weight_bp, 0))
    policy = Policy.model_validate({"name": "one", "ramp": ramp})
    made = plan(policy, flow.reference, 10 * 10_000 / weight_bp)
    return {(e.effect.name, e.effect.times): e.canary_orders for e in made.effects}


def styled() -> AbstractContextManager[None]:
    """Return what gives figures their looks."""
    return rc_context(
        {
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
        }
    )


if __name__ == "__main__":
    save = partial(Figure.savefig, dpi=100, metadata={"Software": None})
    with styled():
        for name, made in (("rollouts", rollouts()), ("weights", weights())):
            save(made, DOCS / f"statistics-{name}.png")
            print(f"written: docs/statistics-{name}.png")
