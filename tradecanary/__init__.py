"""Moves order flow to a new build step by step, and takes it back when it trades worse."""
