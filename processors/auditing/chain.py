"""The hash chain of a strategy's decisions, checked record by record in the order of the log.

Theory of operation. Each decision carries the hash of its own content and that of the decision
before. A changed record no longer has its hash; whoever makes the hash anew breaks the link of the
next one; whoever makes all hashes anew still has to invent inputs (`support.py`). What follows a
changed record is not held to it: one change is one finding.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from tradecanary.processors.auditing.findings import Finding, What
from tradecanary.processors.stage import LogRecord
from tradecanary.schemas.decisions import Decision, Vector

_HASH_BYTES = 66
"""The hash is the last field: 64 hex digits behind their length, a varint of two bytes."""
_LENGTH = b"\x80\x01"
_EMPTY_TEXT = b"\x00"


@dataclass(frozen=True, slots=True)
class Link:
    """Where the chain ended: without a hash when the last record cannot be trusted."""

    number: int
    epoch: int
    hash: str = ""
    after: Vector | None = None


@dataclass(frozen=True, slots=True)
class Hole:
    """Numbers (`first` to `last`) that were skipped before the record at `offset`."""

    first: int
    last: int
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Chain:
    """One strategy's chain so far. `from_start`: the topic still holds its first record."""

    strategy: str
    from_start: bool
    first: int = 0
    last: Link | None = None
    holes: tuple[Hole, ...] = ()


def content_hash(value: bytes) -> str:
    """Return the SHA-256 (hex) that the decision in `value` must carry, an empty text if none can.

    It is made of the record's own bytes with an empty hash, so that it does not depend on which
    version of the contract wrote them.
    """
    if value[-_HASH_BYTES : 2 - _HASH_BYTES] != _LENGTH:
        return ""
    return hashlib.sha256(value[:-_HASH_BYTES] + _EMPTY_TEXT).hexdigest()


def step(chain: Chain, record: LogRecord, decision: Decision) -> tuple[Chain, tuple[Finding, ...]]:
    """Return the chain after `decision`, which `record` holds, and what is wrong with it."""
    due = chain.last.number + 1 if chain.last else 1
    made = content_hash(record.value or b"")
    if made != decision.hash:
        found = _finding(What.CHANGED, record, chain, f"hash {made}", f"hash {decision.hash}")
        return _untrusted(chain, due), (found,)
    number = decision.number
    link = Link(number, decision.epoch, decision.hash, decision.after)
    if number < due:
        return _late(chain, record, number)
    first = chain.first or number
    if number > due:
        known = chain.last is not None or chain.from_start
        skipped = (Hole(due, number - 1, record.topic, record.partition, record.offset),)
        holes = chain.holes + (skipped if known else ())
        return replace(chain, first=first, last=link, holes=holes), ()
    return replace(chain, first=first, last=link), _link_findings(chain, record, decision)


def unreadable(chain: Chain) -> Chain:
    """Return the chain after a record that is no decision: one link that nobody can check."""
    return _untrusted(chain, chain.last.number + 1 if chain.last else 1)


def finish(chain: Chain) -> tuple[Finding, ...]:
    """Return what was still missing when the topic ended."""
    return tuple(
        Finding(
            What.REMOVED,
            hole.topic,
            hole.partition,
            hole.offset,
            chain.strategy,
            f"decision {hole.first}",
            f"decision {hole.last + 1}: {_numbers(hole)} not in the topic",
        )
        for hole in chain.holes
    )


def _numbers(hole: Hole) -> str:
    if hole.first == hole.last:
        return f"{hole.first} is"
    return f"{hole.first} to {hole.last} are"


def _untrusted(chain: Chain, number: int) -> Chain:
    epoch = chain.last.epoch if chain.last else 0
    return replace(chain, first=chain.first or number, last=Link(number, epoch))


def _late(chain: Chain, record: LogRecord, number: int) -> tuple[Chain, tuple[Finding, ...]]:
    assert chain.last is not None, "only behind another one can a decision be late"
    holes: list[Hole] = []
    fills = False
    for hole in chain.holes:
        if not hole.first <= number <= hole.last:
            holes.append(hole)
            continue
        fills = True
        if hole.first < number:
            holes.append(replace(hole, last=number - 1))
        if number < hole.last:
            holes.append(replace(hole, first=number + 1))
    again = "" if fills else ", which was there before"
    found = _finding(
        What.REORDERED,
        record,
        chain,
        f"decision {chain.last.number + 1}",
        f"decision {number}{again}",
    )
    return replace(chain, holes=tuple(holes)), (found,)


def _link_findings(chain: Chain, record: LogRecord, decision: Decision) -> tuple[Finding, ...]:
    last = chain.last
    if last is not None and not last.hash:
        return ()  # the one before is found already
    expected = last.hash if last is not None else ""
    if decision.previous_hash != expected:
        said = f"previous hash {expected or '(none)'}"
        was = f"previous hash {decision.previous_hash or '(none)'}"
        return (_finding(What.UNLINKED, record, chain, said, was),)
    if last is None or last.after is None:
        return ()
    if decision.before != last.after:
        said, was = f"before: {vector_text(last.after)}", f"before: {vector_text(decision.before)}"
        return (_finding(What.UNLINKED, record, chain, said, was),)
    if decision.epoch < last.epoch:
        said, was = f"epoch {last.epoch} or later", f"epoch {decision.epoch}"
        return (_finding(What.UNLINKED, record, chain, said, was),)
    return ()


def vector_text(vector: Vector) -> str:
    """Return a vector as one line."""
    cells = "; ".join(
        f"{cell.region}/{cell.venue} "
        + ", ".join(f"{one.variant} {one.version} {one.weight_bp} bp" for one in cell.weights)
        for cell in vector.cells
    )
    return f"revision {vector.revision}, salt {vector.salt or '-'}, {cells or 'no cells'}"


def _finding(what: What, record: LogRecord, chain: Chain, expected: str, found: str) -> Finding:
    place = (record.topic, record.partition, record.offset)
    return Finding(what, *place, chain.strategy, expected, found)
