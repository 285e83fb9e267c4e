"""Sums and commands in, decisions and routing weights out. Pure."""
