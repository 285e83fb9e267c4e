"""Execution events in, exact per-variant sums out. Pure."""
