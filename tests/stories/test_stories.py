"""Whole rollouts read right: each story's decisions come, in order, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.teller import Teller

_STORIES = sorted(Path(__file__).parent.glob("*.story"))


@pytest.mark.parametrize("path", _STORIES, ids=lambda path: path.stem)
def test_story(path: Path) -> None:
    """The decisions told are those made."""
    Teller().tell(path.read_text(encoding="utf-8"))


def test_stories_are_there() -> None:
    """The folder is not empty: a lost file must not pass."""
    assert len(_STORIES) >= 10
