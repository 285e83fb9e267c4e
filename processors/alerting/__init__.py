"""Decisions -> alerts: what people are told, how urgently, and who. Pure."""
