"""What an audit finds: always one record, by topic, partition and offset."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class What(StrEnum):
    """What is wrong with a record, or with what lies before it."""

    UNREADABLE = "UNREADABLE"
    CHANGED = "CHANGED"
    REMOVED = "REMOVED"
    REORDERED = "REORDERED"
    UNLINKED = "UNLINKED"
    UNSUPPORTED = "UNSUPPORTED"
    UNWRITTEN = "UNWRITTEN"
    INPUT_REMOVED = "INPUT_REMOVED"
    MISROUTED = "MISROUTED"
    UNKNOWN_REVISION = "UNKNOWN_REVISION"


MEANINGS: dict[What, str] = {
    What.UNREADABLE: "the bytes are no record of this topic",
    What.CHANGED: "the decision is not the one its hash was made of",
    What.REMOVED: "decisions before this one are not there",
    What.REORDERED: "the decision lies behind a later one, or is there twice",
    What.UNLINKED: "the decision does not go on where the one before it ended",
    What.UNSUPPORTED: "the decision is not what its inputs give",
    What.UNWRITTEN: "this look gives a decision that is not there",
    What.INPUT_REMOVED: "an input that was looked at is not there",
    What.MISROUTED: "the order was not routed as the weights of its revision say",
    What.UNKNOWN_REVISION: "no decision issued the revision that the order names",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where it lies, what was expected there and what was found."""

    what: What
    topic: str
    partition: int
    offset: int
    strategy: str
    expected: str
    found: str
