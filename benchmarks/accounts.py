"""`python -m benchmarks.accounts`: the table of statistics.md 2.7, about four minutes of one core.

Sticky accounts, slippage t(3) with intraclass correlation .14, looks to 128,000 orders: how often
a healthy canary is rolled back (alpha .05, 60 runs) and +0.5 bp found (alpha .01, 25 runs, mean
canary orders until then), without and with 128,000 orders before the rollout.
"""

from __future__ import annotations

from tests.simulation.accounts_world import World

BEFORE = 128_000


def false_rollbacks(accounts: int, weight_bp: int, before: int, runs: int = 60) -> str:
    """Return the share of healthy canaries that are rolled back."""
    world = World(accounts, weight_bp, before=before, alpha=0.05)
    return f"{sum(world.run(seed) > 0 for seed in range(runs)) / runs:.2f}"


def found(accounts: int, weight_bp: int, before: int, runs: int = 25) -> str:
    """Return how many canaries 0.5 bp worse are rolled back, and their mean canary orders."""
    world = World(accounts, weight_bp, before=before, harm_bp=0.5)
    orders = [at for at in map(world.run, range(runs)) if at]
    mean = sum(orders) / len(orders) if orders else 0
    return f"{len(orders)}/{runs} ({mean:.0f})"


if __name__ == "__main__":
    print(
        "| accounts, weight | A/A, no past | A/A, with past | +0.5 bp found, no past | with past |"
    )
    print("|---|---|---|---|---|")
    for accounts in (100, 300, 1_000):
        for weight_bp in (1_000, 5_000):
            cells = [
                rate(accounts, weight_bp, before)
                for rate in (false_rollbacks, found)
                for before in (0, BEFORE)
            ]
            print(f"| {accounts}, {weight_bp // 100} % | {' | '.join(cells)} |", flush=True)
