"""Strategies that trade in the demo and in the tests, in two versions each."""
