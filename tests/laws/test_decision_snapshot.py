"""The decider's state in parts: whenever it is written, the log holds all of it, and only once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.test_account_judge import totals
from tests.stories.teller import Teller
from tradecanary.processors.decision import shards
from tradecanary.processors.decision.cohorts import Cohort
from tradecanary.processors.decision.model import PartitionState
from tradecanary.processors.decision.shards import CHUNK
from tradecanary.processors.decision.snapshot import Written, key_of, restore, snapshot
from tradecanary.processors.decision.sums import MeasureTotal, Sums
from tradecanary.processors.runtime.decision_recovery import parts_from
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.decisions import DecisionSnapshot
from tradecanary.schemas.routing import RevisionCounts
from tradecanary.schemas.topics import DECISION_STATE
from tradecanary.schemas.units import CANARY

POSITIONS = {"metrics": 7}
RECORD_BYTES = 512 << 10
_BEGINNING = """
router g1 unit=account
run 25s accounts=45 spread=1bp
start policy=aggressive judge=sequential unit=account
-> HOLD PENDING
-> START Quick Test
run 4s accounts=45 spread=1bp
"""


@dataclass
class Compacted:
    """What compaction leaves of `decision-state`, and what its writer knows of it."""

    newest: dict[str, bytes] = field(default_factory=dict)
    written: Written = field(default_factory=dict)

    def write(self, state: PartitionState) -> set[str]:
        """Write a snapshot; return the parts written."""
        made = snapshot(state, POSITIONS, self.written)
        for part in made.changed:
            encoded = encode(part)
            assert len(encoded) < RECORD_BYTES
            self.newest[part.part] = encoded
        for gone in made.gone:
            del self.newest[gone]
        self.written = made.written
        return {part.part for part in made.changed}

    def restored(self) -> PartitionState:
        """Return the state that a new decider finds."""
        found = restore(decode(DecisionSnapshot, value) for value in self.newest.values())
        assert found is not None
        assert found[1] == POSITIONS
        return found[0]

    def taken_over(self) -> None:
        """Forget what was written: the next snapshot is another decider's."""
        self.written = dict.fromkeys(self.newest)


def _payload(encoded: bytes) -> bytes:
    return decode(DecisionSnapshot, encoded).payload


@settings(max_examples=6, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=2, max_size=5))
def test_restored_is_the_state_and_nothing_is_written_twice(
    times: list[tuple[int, bool]],
) -> None:
    """At any looks, over takeovers: identical; a shard is written only when its rows changed."""
    teller, log = Teller(), Compacted()
    log.write(teller.state)
    teller.tell(_BEGINNING)
    for seconds, takes_over in times:
        teller.tell(f"run {seconds}s accounts=45 spread=1bp")
        if takes_over:
            log.taken_over()
        before = dict(log.newest)
        written = log.write(teller.state)
        assert {"past", "phase", "active", "cohort", "sums", "routers"} == {
            part.split("/")[1] for part in log.newest if "/" in part
        }
        assert log.restored() == teller.state
        same = {part for part in written if part in before and "/" in part}
        if not takes_over:
            assert [] == [
                part for part in same if _payload(before[part]) == _payload(log.newest[part])
            ]
            assert not any(part.startswith("momentum/past/") for part in same)


def test_an_unchanged_state_writes_only_the_partitions_own() -> None:
    """Positions move on with every look; nothing else need be written again."""
    teller, log = Teller(), Compacted()
    teller.tell(_BEGINNING + "run 5s accounts=45 spread=1bp")
    log.write(teller.state)

    assert b"A0001" not in _payload(log.newest["momentum"])
    assert {"*"} == log.write(teller.state)


def test_large_cohorts_are_cut() -> None:
    """A second with many accounts lies in several records, each below the limit."""
    teller, log = Teller(), Compacted()
    teller.tell(_BEGINNING)
    strategy = teller.state.strategies["momentum"]
    rollout = strategy.rollout
    assert rollout is not None
    accounts = {f"account-{number}": totals(slippage=1 << 40) for number in range(2 * CHUNK + 1)}
    cohort = Cohort(0, 1, accounts={"stable": accounts})
    rollout.pending[cohort.key] = cohort
    log.write(teller.state)

    assert 3 == sum(part.startswith("momentum/cohort/0/1/stable/") for part in log.newest)
    assert log.restored() == teller.state


def _waiting_for_pnl(seconds: int) -> PartitionState:
    """A rollout with so many seconds of cohorts whose P&L is to come, each with its histograms."""
    teller = Teller()
    teller.tell(_BEGINNING)
    rollout = teller.state.strategies["momentum"].rollout
    assert rollout is not None
    measure = MeasureTotal(500, 123_456_789, 1 << 60, dict.fromkeys(range(900, 1200), 2))
    names = ("latency_us", "slippage_milli_bp", "pnl_milli_bp")
    sums = Sums(orders=500, measures=dict.fromkeys(names, measure))
    for second in range(seconds):
        variants = {"stable": sums, "canary": sums}
        cohort = Cohort(second * 1_000_000, 1, folded=second < seconds - 3, variants=variants)
        rollout.pending[cohort.key] = cohort
    return teller.state


def test_no_mark_out_horizon_is_too_long_for_a_record() -> None:
    """A second's cohort is a record of its own, written again only when something came to it."""
    state, log = _waiting_for_pnl(120), Compacted()
    log.write(state)

    assert log.restored() == state
    assert {"*"} == log.write(state)


def test_a_large_fleet_is_cut() -> None:
    """A thousand routers that each say what they did under 36 revisions."""
    teller, log = Teller(), Compacted()
    teller.tell(_BEGINNING)
    strategy = teller.state.strategies["momentum"]
    (seen,) = strategy.routers.values()
    counts = tuple(RevisionCounts(n, CANARY, 1 << 40, 1 << 40, 1 << 20) for n in range(72))
    full = replace(seen, status=replace(seen.status, counts=counts))
    strategy.routers.update({f"g{number}/1": full for number in range(1_000)})
    log.write(teller.state)

    assert log.restored() == teller.state
    assert {"*"} == log.write(teller.state)


def test_cohorts_and_routers_in_the_strategys_own_part_are_restored() -> None:
    """As versions of before wrote them; the next snapshot moves them into parts of their own."""
    state, log = _waiting_for_pnl(3), Compacted()
    log.write(state)
    own = decode(DecisionSnapshot, log.newest["momentum"])
    payload = json.loads(own.payload)
    for name in [one for one in log.newest if one.startswith("momentum/sums/")]:
        cohort = json.loads(_payload(log.newest.pop(name)))
        payload["rollout"]["pending"][f"{cohort['cohort_us']}/{cohort['revision']}"] = cohort
    payload["routers"] = json.loads(_payload(log.newest.pop("momentum/routers/0")))
    log.newest["momentum"] = encode(replace(own, payload=json.dumps(payload).encode()))
    log.taken_over()

    assert log.restored() == state
    assert {"momentum/sums/0/1", "momentum/routers/0"} <= log.write(state)
    now = json.loads(_payload(log.newest["momentum"]))
    assert ({}, {}) == (now["rollout"]["pending"], now["routers"])
    assert log.restored() == state


def test_names_of_strategies_are_no_paths() -> None:
    """A strategy called like another one's shard, or like the partition's own part, is none."""
    teller, log = Teller(), Compacted()
    teller.tell(_BEGINNING)
    strategy = teller.state.strategies["momentum"]
    for name in ("*", "momentum/past/newer/3", "é %2F"):
        teller.state.strategies[name] = strategy
    log.write(teller.state)

    assert log.restored() == teller.state
    assert shards.of(strategy)


def test_a_tombstone_ends_what_was_before_it() -> None:
    """Uncompacted, the log still holds the older value: it must not come back."""
    memory = MemoryLog(lambda: 0, executions=1, control=1)
    old = DecisionSnapshot(0, "momentum/cohort/1/1/stable/0", 3, (), b"{}")
    kept = DecisionSnapshot(0, "*", 4, (), b"{}")
    for part, value in ((old.part, encode(old)), (kept.part, encode(kept)), (old.part, None)):
        memory.append(DECISION_STATE.name, key_of(0, part), value, partition=0)

    assert {"*": kept} == parts_from(memory, 0)
