"""The log on Kafka keeps the same promises as the log in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.kafka.bench import KafkaBench
from tests.log_laws import LAWS, Bench


@pytest.fixture
def bench(bootstrap_servers: str, topic_prefix: str) -> Iterator[KafkaBench]:
    """Give a log on topics of this test's own."""
    made = KafkaBench(bootstrap_servers, topic_prefix)
    yield made
    made.close()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_shared_law(bench: KafkaBench, law: Callable[[Bench], None]) -> None:
    """What tests/log_laws.py says of both logs holds on Kafka."""
    law(bench)
