"""Links from page to page lead to a file that is there, and to a heading in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tracked import ROOT, tracked

_PAGES = [page for page in tracked("*.md") if page.parts[0] != "tests"]
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _text(page: Path) -> str:
    return _FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    """The names that headings are reached by: small letters, words and hyphens only."""
    headings = re.findall(r"^#+ (.+)$", _text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


def _dead(page: Path) -> Iterator[str]:
    for link in _LINK.findall(_text(page)):
        if ":" in link:
            continue
        name, _, anchor = link.partition("#")
        to = (ROOT / page.parent / name).resolve() if name else ROOT / page
        if not to.exists():
            yield f"{link}: no such file"
        elif anchor and anchor not in _anchors(to.relative_to(ROOT)):
            yield f"{link}: no such heading"


@pytest.mark.parametrize("page", _PAGES, ids=str)
def test_no_link_is_dead(page: Path) -> None:
    """Every link within the project is one."""
    assert [] == list(_dead(page))


def test_every_page_is_reached_from_the_readme() -> None:
    """Nobody has to know that a page is there."""
    linked = set(_LINK.findall(_text(Path("README.md"))))

    assert not {str(p) for p in _PAGES if p.parts[0] == "docs"} - {x.split("#")[0] for x in linked}


def test_every_page_that_the_code_cites_is_there() -> None:
    """`kafka.md` in a docstring is one of ours; another project's is cited with its folder."""
    pages = {page.name for page in _PAGES}
    cited = {
        (name, str(file))
        for file in tracked("*.py")
        for name in re.findall(r"(?:docs/|(?<![\w/.*]))([\w-]+\.md)\b", (ROOT / file).read_text())
    }

    assert len(cited) > 30
    assert set() == {(name, file) for name, file in cited if name not in pages}
