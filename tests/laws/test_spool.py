"""The spool gives back what it was given, in order, also to the next process."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradecanary.producers.spool import Outgoing, Spool

EVENTS = st.lists(
    st.builds(Outgoing, st.integers(0, 9), st.binary(max_size=9), st.binary(max_size=50)),
    max_size=12,
)
ACTIONS = st.lists(st.one_of(EVENTS, st.integers(0, 8), st.just("restart")), max_size=12)


def _drain(spool: Spool) -> list[Outgoing]:
    return spool.head(1_000)


@settings(max_examples=60)
@given(ACTIONS)
def test_it_is_a_queue_across_restarts(
    tmp_path_factory: pytest.TempPathFactory, actions: list[list[Outgoing] | int | str]
) -> None:
    """First in, first out; a restart may bring back what was sent, never lose what was not."""
    path = tmp_path_factory.mktemp("spool") / "gateway.spool"
    spool, kept, expected = Spool(path), list[Outgoing](), list[Outgoing]()
    for action in actions:
        if isinstance(action, list):
            assert spool.append(action) == 0
            kept += action
            expected += action
        elif isinstance(action, int):
            sent = min(action, len(expected))
            assert spool.head(sent) == expected[:sent]
            spool.advance(sent)
            expected = expected[sent:]
            kept = kept if expected else []
        else:
            spool.close()
            spool, expected = Spool(path), list(kept)
        assert _drain(spool) == expected
        assert spool.waiting == len(expected)
    spool.close()


@given(st.integers(1, 60), st.booleans())
def test_a_torn_tail_is_cut_off(
    tmp_path_factory: pytest.TempPathFactory, torn: int, flip: bool
) -> None:
    """Bytes lost or garbled at the end cost the last record only; appending goes on after it."""
    path = tmp_path_factory.mktemp("spool") / "gateway.spool"
    events = [Outgoing(p, b"unit", bytes(50)) for p in range(3)]
    spool = Spool(path)
    spool.append(events)
    spool.close()
    data = bytearray(path.read_bytes())
    if flip:
        data[-torn] ^= 0xFF
    else:
        del data[-torn:]
    path.write_bytes(data)
    spool = Spool(path)
    assert _drain(spool) == events[:2]
    spool.append(events[2:])
    assert _drain(spool) == events
    spool.close()


def test_a_full_spool_refuses_and_says_how_many(tmp_path: Path) -> None:
    """What does not fit is for the publisher to count."""
    event = Outgoing(0, b"unit", bytes(100))
    spool = Spool(tmp_path / "gateway.spool", max_bytes=300)
    assert spool.append([event] * 5) == 3
    assert spool.waiting == 2
    spool.advance(2)
    assert spool.append([event]) == 0
    spool.close()


def test_a_spool_has_one_publisher(tmp_path: Path) -> None:
    """A second one is told at its start, not by mixed-up events."""
    spool = Spool(tmp_path / "gateway.spool")
    with pytest.raises(BlockingIOError, match="used by another publisher"):
        Spool(tmp_path / "gateway.spool")
    spool.close()
