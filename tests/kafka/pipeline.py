"""A whole pipeline on the real Kafka: stages and services as processes, and what to wait for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import Producer

from tests.kafka.process import ROOT, Process
from tests.kafka.services import CANARY, STABLE, Service
from tests.kafka.waiting import DEADLINE_S, PAUSE_S, wait_until
from tradecanary.operator import Operator
from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.processors.runtime.kafka_log import KafkaLog
from tradecanary.processors.runtime.settings import load_settings
from tradecanary.processors.runtime.topics_admin import create_topics
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.codec import ContractViolation, decode, encode
from tradecanary.schemas.decisions import Decision, RolloutStatus
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.routing import Command, CommandKind, RouterStatus, UnitKind
from tradecanary.schemas.topics import COMMANDS, DECISIONS, EXECUTIONS, ROUTER_STATUS, TOPICS
from tradecanary.states import states

TRADECANARY = [sys.executable, "-c", "from tradecanary.cli import app; app()"]
ENDED = frozenset({RolloutStatus.PROMOTED, RolloutStatus.ROLLED_BACK})
_Record = TypeVar("_Record")


class Pipeline:
    """Topics under one prefix, and every process that was started on them."""

    def __init__(
        self,
        bootstrap_servers: str,
        prefix: str,
        folder: Path,
        *,
        executions: int,
        control: int,
        **variables: str,
    ) -> None:
        self.servers, self.prefix, self.folder = bootstrap_servers, prefix, folder
        self.environment = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "TRADECANARY_TOPIC_PREFIX": prefix,
            "TRADECANARY_EXECUTIONS_PARTITIONS": str(executions),
            "TRADECANARY_CONTROL_PARTITIONS": str(control),
            **variables,
        }
        settings = load_settings(self.environment)
        create_topics(settings)
        self.log = KafkaLog(settings.connection(), prefix=prefix, linger_s=0.0)
        self._producer = Producer(settings.connection() | {"enable.idempotence": True})
        self._processes: list[Process] = []
        self._commands = 0
        self.operator = Operator(
            self.log,
            self.append,
            now_us=lambda: time.time_ns() // 1000,
            wait=threading.Event().wait,
            new_id=self._new_id,
        )

    def process(self, name: str, command: Sequence[str], **variables: str) -> Process:
        """Start a process on these topics."""
        unique = f"{name}-{len(self._processes)}"
        made = Process(unique, command, self.environment | variables, self.folder)
        self._processes.append(made)
        return made

    def stage(self, name: str, slot: str = "0", **variables: str) -> Process:
        """Start `aggregation` or `decision` in a slot."""
        command = [*TRADECANARY, "run", name]
        return self.process(f"{name}-{slot}", command, TRADECANARY_SLOT=slot, **variables)

    def services(self, wanted: Sequence[Service]) -> Process:
        """Start services in one process."""
        given = json.dumps([asdict(one) for one in wanted])
        arguments = ["-m", "tests.kafka.services", self.servers, self.prefix, given]
        return self.process("services", [sys.executable, *arguments])

    def cli(
        self,
        *arguments: str,
        timeout_s: float = 40.0,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end, with these variables beside those of the topics."""
        return subprocess.run(
            [*TRADECANARY, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def together(self, *commands: Sequence[str]) -> list[subprocess.CompletedProcess[str]]:
        """Run commands that do not need each other at the same time; return them in order."""
        with ThreadPoolExecutor() as pool:
            return list(pool.map(lambda command: self.cli(*command), commands))

    def close(self) -> None:
        """End every process and release the clients."""
        for process in self._processes:
            process.remove()
        self.log.close()
        self._producer.close()

    def append(
        self, topic: str, key: bytes | None, value: bytes | None, partition: int | None = None
    ) -> int:
        """Append a record of a plain producer; return its offset when the broker has it."""
        offsets: list[int | None] = []
        if partition is None:
            partition = partition_of(key or b"", self.log.partitions(topic))
        self._producer.produce(
            self.prefix + topic, value, key, partition,
            on_delivery=lambda _, message: offsets.append(message.offset()),
        )  # fmt: skip
        assert 0 == self._producer.flush(10), f"no acknowledgement for a record of {topic}"
        (offset,) = offsets
        assert offset is not None
        return offset

    def records(self, topic: str) -> Iterator[LogRecord]:
        """Yield all committed records of a topic, partition after partition."""
        for number in range(self.log.partitions(topic)):
            place = TopicPartition(topic, number)
            yield from self.log.read(place, self.log.start_offset(place))

    def every(self, topic: str, contract: type[_Record]) -> list[_Record]:
        """Return all readable records of a topic."""
        found = []
        for record in self.records(topic):
            try:
                found.append(decode(contract, record.value))
            except ContractViolation:
                continue  # planted
        return found

    def everything(self) -> list[LogRecord]:
        """Return all records of all topics, looks before what they name: a stage may still run."""
        return [record for topic in reversed(TOPICS) for record in self.records(topic.name)]

    def drained(self) -> bool:
        """Return whether every decider partition has folded every offset of `executions`."""
        ends = {
            number: self.log.end_offset(TopicPartition(EXECUTIONS.name, number))
            for number in range(self.log.partitions(EXECUTIONS.name))
        }
        flows = [state.flow for state in states(self.log)]
        return all(
            flow is not None
            and ends == {number: known.next_offset for number, known in flow.partitions.items()}
            for flow in flows
        )

    def start(
        self,
        strategy: str,
        policy: dict[str, Any],
        rollout: str = "",
        unit: str = UnitKind.ORDER.value,
    ) -> None:
        """Ask for a rollout; do not wait for the answer."""
        spec = RolloutSpec(
            rollout=rollout or f"{strategy}-1",
            strategy=strategy,
            stable=STABLE,
            canary=CANARY,
            policy=Policy.model_validate({"name": strategy, **policy}),
            unit=UnitKind(unit).value,
        )
        self.command(
            strategy, CommandKind.START, canonical_json(spec.model_dump(mode="json")), "tester"
        )

    def command(
        self, strategy: str, kind: CommandKind, arguments: str = "{}", actor: str = "operator"
    ) -> str:
        """Append a command; return its id, and do not wait for the answer."""
        now_us = time.time_ns() // 1000
        command = Command(self._new_id(), strategy, actor, now_us, kind, arguments, "a test")
        self.append(COMMANDS.name, strategy.encode(), encode(command))
        return command.id

    def _new_id(self) -> str:
        self._commands += 1
        return f"command-{self._commands}"

    def watch(self) -> Watch:
        """Follow decisions and router statuses from the beginning."""
        return Watch(self)

    def said(self) -> str:
        """Return what every process said last, for a failure."""
        return "\n".join(f"--- {one.name}: {one.said()[-800:]}" for one in self._processes)


class Watch:
    """What `decisions` and `router-status` say so far; waits are polls of these topics."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._tail = pipeline.log.tail((DECISIONS.name, ROUTER_STATUS.name))
        self.decisions: dict[str, list[Decision]] = {}
        self.statuses: dict[str, list[RouterStatus]] = {}

    def poll(self) -> None:
        """Take in what is new."""
        for record in self._tail.poll(PAUSE_S):
            try:
                if record.topic == DECISIONS.name:
                    decision = decode(Decision, record.value)
                    self.decisions.setdefault(decision.strategy, []).append(decision)
                else:
                    status = decode(RouterStatus, record.value)
                    self.statuses.setdefault(status.strategy, []).append(status)
            except ContractViolation:
                continue  # planted

    def until(self, ready: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
        """Poll until `ready()`; fail after the deadline with all that was decided and said."""
        wait_until(ready, what, step=self.poll, said=self._said, deadline_s=deadline_s)

    def _said(self) -> str:
        trail = "\n".join(
            f"{one.strategy} {one.number} {one.kind.value} {one.status.value} {one.reason}"
            for decisions in self.decisions.values()
            for one in decisions
        )
        return f"{trail}\n{self._pipeline.said()}"

    def last(self, strategy: str) -> Decision | None:
        """Return the strategy's newest decision."""
        return self.decisions[strategy][-1] if strategy in self.decisions else None

    def status(self, strategy: str) -> RouterStatus | None:
        """Return the strategy's newest router status."""
        return self.statuses[strategy][-1] if strategy in self.statuses else None

    def is_(self, strategy: str, status: RolloutStatus) -> bool:
        """Return whether the strategy's rollout has this status."""
        last = self.last(strategy)
        return last is not None and last.status is status

    def ended(self, strategy: str) -> bool:
        """Return whether the strategy's rollout has ended."""
        last = self.last(strategy)
        return last is not None and last.status in ENDED

    def close(self) -> None:
        """Stop following."""
        self._tail.close()
