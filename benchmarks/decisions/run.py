"""All runs of all scenarios, on a few processes; the answers do not depend on how many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from benchmarks.decisions.drawn import seed_of
from benchmarks.decisions.methods import METHODS
from benchmarks.decisions.scenarios import Scenario

_JOBS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What one method did in one run.

    `orders`: canary orders from the fault (or the start) to the rollback, None without one.
    `early`: it had rolled back before the fault was there. `promoted_at`: from the start.
    """

    method: str
    orders: int | None
    early: bool
    promoted_at: int | None


def answers(scenario: Scenario, run: int) -> tuple[Answer, ...]:
    """Return what every method of the scenario does in run number `run`, on the same orders."""
    flow = scenario.source.flow(seed_of(scenario.name, scenario.weight_bp, run))
    found = []
    for method in scenario.methods:
        outcome = METHODS[method](flow)
        at = outcome.rolled_back_at
        before = 0 if at is None else flow.canary_orders_before(flow.fault_row)
        early = at is not None and at <= before
        orders = None if at is None or early else at - before
        found.append(Answer(method, orders, early, outcome.promoted_at))
    return tuple(found)


def run_all(
    scenarios: Sequence[Scenario], runs: int, processes: int
) -> Iterator[tuple[int, tuple[Answer, ...]]]:
    """Yield scenario number and answers of every run, in a fixed sequence."""
    jobs = [(number, run) for number in range(len(scenarios)) for run in range(runs)]
    # Not forked: the progress bar has a thread.
    with ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=_know, initargs=(tuple(scenarios),)
    ) as pool:
        found = pool.map(_job, jobs, chunksize=_JOBS_AT_ONCE)
        for (number, _), answered in zip(jobs, found, strict=True):
            yield number, answered


_known: list[Scenario] = []
"""In a process of the pool: the scenarios, sent once and not with every job."""


def _know(scenarios: tuple[Scenario, ...]) -> None:
    _known.extend(scenarios)


def _job(job: tuple[int, int]) -> tuple[Answer, ...]:
    number, run = job
    return answers(_known[number], run)
