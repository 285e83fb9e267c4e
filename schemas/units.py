"""Units and the few constants that several parts must agree on."""

from __future__ import annotations

FULL_WEIGHT_BP = 10_000
"""All of the flow, in basis points."""

US_PER_S = 1_000_000
US_PER_MS = 1_000
MICROS = 1_000_000
"""Money is summed in millionths of the reporting currency."""

COHORT_US = US_PER_S
"""Length of a cohort's window of `submitted_at`: tumbling, epoch-aligned, half-open."""

STABLE = "stable"
CANARY = "canary"
