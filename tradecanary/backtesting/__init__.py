"""Backtests: what other policies would have done with recorded flow.

`backtest.py` is the library call. A record (`record.py`, from a topic or a file) is looked at on a
grid of event time (`grid.py`); what ran live is folded again from its recorded looks (`live.py`).
"""
