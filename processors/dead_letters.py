"""Dead letters: bytes that broke a contract, with where they lay and why."""

from __future__ import annotations

from tradecanary.processors.stage import Batch, Emit
from tradecanary.schemas.decisions import DeadLetter
from tradecanary.schemas.topics import DEAD_LETTERS

LETTER_BYTES = 512 << 10
"""Longer values are cut, so that a letter always fits where the record did."""


def dead_letter(stage: str, batch: Batch, index: int, reason: str) -> Emit:
    """Return the effect that sets the record at `index` of `batch` aside."""
    value = batch.values[index]
    topic, partition = batch.partition
    letter = DeadLetter(
        stage=stage,
        topic=topic,
        partition=partition,
        offset=batch.offset(index),
        reason=reason,
        key=batch.key(index),
        value=None if value is None else value[:LETTER_BYTES],
        value_length=0 if value is None else len(value),
    )
    return Emit(DEAD_LETTERS.name, f"{topic}-{partition}".encode(), letter)
