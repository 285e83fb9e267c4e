"""Nothing in the project is about the machine on which it was written, or left by a merge."""

import re

from tests.house.tracked import ROOT, tracked

# Written in pieces, so that this file may be searched too.
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.])/(?:work|root|opt/" + r"wheels|home/\w+)/"),
    "a page that is not here": re.compile(r"\bDESIGN" + r"\b"),
    "a conflict that a merge left": re.compile(r"^(?:<{7}|={7}|>{7})(?= |$)", re.MULTILINE),
    "a package registry's host": re.compile(
        "|".join(
            re.escape(".".join(host))
            for host in (
                ("pypi", "org"),
                ("pythonhosted", "org"),
                ("repo", "maven", "apache", "org"),
                ("repo1", "maven", "org"),
                ("registry", "npmjs", "org"),
                ("proxy", "golang", "org"),
            )
        )
    ),
}


def test_no_machine_and_no_registry() -> None:
    """No tracked text names a path of one machine or the host of a registry."""
    found = []
    for file in tracked():
        try:
            text = (ROOT / file).read_text()
        except UnicodeDecodeError:
            continue  # data
        for what, pattern in FORBIDDEN.items():
            found += [f"{file}: {what}: {hit.group()}" for hit in pattern.finditer(text)]

    assert [] == found
