"""Two brokers a session, one of them for tests that kill it; topics of a test are its own."""

import itertools
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.kafka.bench import KafkaBench
from tests.kafka.broker import Broker, GivenBroker, NoBrokerError, kafka
from tests.kafka.chromium import NoBrowserError, chromium
from tests.kafka.day import Day, play
from tests.kafka.pipeline import Pipeline
from tests.kafka.secured import ADMIN, environment_of, secured_kafka
from tradecanary.schemas.access import ROLES

_numbers = itertools.count(1)
_used: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, too, which Kafka it was: a skipped test is not a passed one."""
    for description in _used:
        terminalreporter.write_sep("-", f"kafka: {description}")


def _say_of(pytestconfig: pytest.Config) -> Callable[[str], None]:
    manager = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with manager.global_and_fixture_disabled():
            print(f"\n{text}", end="", flush=True)  # noqa: T201 -- CI's log says what was used

    return say


@pytest.fixture(scope="session")
def broker(pytestconfig: pytest.Config) -> Iterator[Broker]:
    """Give the session's broker: do not stop it, ask for `own_broker` to do that."""
    if os.environ.get("NO_KAFKA") == "1":
        pytest.skip("NO_KAFKA=1: this test needs a real Kafka and did not run")
    try:
        with kafka(_say_of(pytestconfig)) as found:
            _used.append(found.description)
            yield found
    except NoBrokerError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def bootstrap_servers(broker: Broker) -> str:
    """Give the address of the session's broker."""
    return broker.bootstrap_servers


@pytest.fixture(scope="session")
def _killable(broker: Broker) -> Iterator[Broker]:
    if isinstance(broker, GivenBroker):
        pytest.skip("the broker is somebody else's: it cannot be killed")
    with kafka() as own:
        yield own


@pytest.fixture
def own_broker(_killable: Broker) -> Broker:
    """Give a broker that the test may kill and start: no other test uses it meanwhile.

    It keeps the data of those before, so topics need their prefix here, too.
    """
    _killable.start()  # a test that failed may have left it dead
    return _killable


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """Give what the names of this test's topics, groups and transactional ids begin with."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:60].strip("-")
    return f"{name}.{os.getpid()}-{next(_numbers)}."


@pytest.fixture
def bench(bootstrap_servers: str, topic_prefix: str) -> Iterator[KafkaBench]:
    """Give a log on topics of this test's own."""
    with closing(KafkaBench(bootstrap_servers, topic_prefix)) as made:
        yield made


@pytest.fixture
def pipeline(bootstrap_servers: str, topic_prefix: str, tmp_path: Path) -> Iterator[Pipeline]:
    """Give topics of this test's own, sized ones with two partitions."""
    with closing(
        Pipeline(bootstrap_servers, topic_prefix, tmp_path, executions=2, control=2)
    ) as made:
        yield made


@pytest.fixture(scope="session")
def day(bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Give the day on Kafka that several files of tests look at; it is played once."""
    prefix = f"day.{os.getpid()}-{next(_numbers)}."
    played = play(bootstrap_servers, prefix, tmp_path_factory.mktemp("day"))
    yield played
    assert played.pipeline is not None
    played.pipeline.close()


@pytest.fixture(scope="module")
def browser(broker: Broker, pytestconfig: pytest.Config) -> Iterator[Browser]:
    """Give a Chromium. Asking for the session's broker skips and fails as all Kafka tests do."""
    with sync_playwright() as playwright:
        try:
            path = chromium(playwright, _say_of(pytestconfig))
        except NoBrowserError as error:
            pytest.fail(str(error), pytrace=False)
        started = playwright.chromium.launch(executable_path=path)
        yield started
        started.close()


@pytest.fixture(scope="session")
def secured_broker(broker: Broker) -> Iterator[Broker]:
    """Give a broker of its own that knows a user of each role, and an administrator.

    Asking for the session's skips and fails as all Kafka tests do.
    """
    with secured_kafka([role.name for role in ROLES], print) as own:
        yield own


@pytest.fixture(scope="module")
def secured(secured_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Give topics on a broker with users, and the access of the table."""
    made = Pipeline(
        secured_broker.bootstrap_servers,
        f"desk-{next(_numbers)}.",
        tmp_path_factory.mktemp("secured"),
        executions=1,
        control=1,
        **environment_of(ADMIN),
    )
    applied = made.cli("topics", "acls", "--apply")
    assert 0 == applied.returncode, applied.stderr
    yield made
    made.close()
