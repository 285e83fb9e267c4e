"""The judge `sequential`: valid at every look from the first order (statistics.md 0-4).

`streams` says what is weighed, `reference` how orders are scored, `bets` and `means` hold the two
engines, `fold` takes orders in, `verdict` weighs, `evidence` and `words` show.
"""

from __future__ import annotations
