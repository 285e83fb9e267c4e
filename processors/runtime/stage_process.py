"""One stage as an operating-system process: log, runner, telemetry, signals, exit codes.

Exit codes: 0 stopped by SIGTERM or SIGINT; 1 the brokers were away for too long, or refused, or
the process stood still, or did not stop within 15 s when told (watchdog.py);
3 fenced: another process took this slot over, or this one stood still in a transaction (restart it
only if no other has the slot); 4 a position is no longer in the log: a person must decide.
137: CRASH_AT=<crash point> was set, for tests.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from types import FrameType
from typing import Protocol

import structlog
from confluent_kafka import KafkaException
from prometheus_client import REGISTRY, disable_created_metrics, start_http_server
from prometheus_client.registry import Collector

from tradecanary.processors.runtime.kafka_log import KafkaLog
from tradecanary.processors.runtime.log import Fenced, Hung, OffsetLost, Unavailable
from tradecanary.processors.runtime.runner import DEADLINE_US, CrashPoint, Runner, Stuck, go_on
from tradecanary.processors.runtime.settings import Settings
from tradecanary.processors.runtime.task import Task
from tradecanary.processors.runtime.telemetry import Delivers, Telemetry
from tradecanary.processors.runtime.watchdog import STOP_S, Watchdog

OK, FAILED, FENCED, OFFSET_LOST, CRASHED = 0, 1, 3, 4, 137
_TELL_S = 2.0
_WARM_UP_STEPS = 50
_COLLECT_EVERY_US = 10_000_000
_CODES: Mapping[type[Exception], int] = {
    Fenced: FENCED,
    OffsetLost: OFFSET_LOST,
    Stuck: FAILED,
    Hung: FAILED,
    Unavailable: FAILED,
    KafkaException: FAILED,
}


class Standing(Collector, Protocol):
    """Figures of what a task knows."""

    def take(self) -> None:
        """Take what it knows now, which is committed."""


def run_stage(
    task: Task,
    settings: Settings,
    environment: Mapping[str, str] | None = None,
    *,
    wind_down: Callable[[], None] = lambda: None,
    deadline_us: int = DEADLINE_US,
    stop_s: float = STOP_S,
    standing: Standing | None = None,
) -> int:
    """Run `task` on Kafka until it is told to stop; return the process's exit code.

    `wind_down` is called before the last transaction; after `deadline_us` without any that
    succeeded the process ends, and `stop_s` after it was told to stop and did not; `standing` is
    exported with the figures of the process.
    Must be called from the main thread: it takes SIGTERM and SIGINT. Bugs of ours are raised.
    """
    environment = os.environ if environment is None else environment
    say = json_lines().bind(slot=settings.slot)
    telemetry = _telemetry(task, settings, say, standing)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.metrics_address, REGISTRY)
    watchdog = Watchdog(lambda why: _end(task, say, why), stop_s=stop_s)
    with _stop_signals() as stopping, watchdog:
        say.info("starting", task=task.name, settings=settings.shown())  # and SIGTERM is heard
        try:
            crash_point = crash_point_of(environment)
            _run(
                task, settings, telemetry, crash_point, stopping, watchdog.beat,
                wind_down=wind_down, deadline_us=deadline_us,
            )  # fmt: skip
        except tuple(_CODES) as failure:
            code = next(code for kind, code in _CODES.items() if isinstance(failure, kind))
            say.error(
                "stopped", task=task.name, kind=type(failure).__name__, problem=str(failure),
                exit_code=code,
            )  # fmt: skip
            return code
    say.info("stopped", task=task.name, exit_code=OK)
    return OK


def _telemetry(
    task: Task,
    settings: Settings,
    say: structlog.typing.FilteringBoundLogger,
    standing: Standing | None,
) -> Telemetry:
    # they are a second series for each counter, that nobody looks at
    disable_created_metrics()  # type: ignore[no-untyped-call] # the client's omission
    if standing is not None:
        REGISTRY.register(standing)
    about = {"slot": settings.slot, "version": version("tradecanary")}
    take = _nothing if standing is None else standing.take
    waiting = task.waiting if isinstance(task, Delivers) else dict[str, int]
    return Telemetry(
        task.name, REGISTRY, say.info, inputs=task.inputs, about=about, take=take, waiting=waiting
    )


def _nothing() -> None:
    """Take nothing."""


def _end(task: Task, say: structlog.typing.FilteringBoundLogger, why: str) -> None:
    """Say why and where every thread stands, if anybody reads that, and end at once."""

    def tell() -> None:
        say.error("stopped", task=task.name, kind="StoodStill", problem=why, exit_code=FAILED)
        faulthandler.dump_traceback()

    telling = threading.Thread(target=tell, daemon=True)  # a full pipe would hold it for ever
    telling.start()
    telling.join(_TELL_S)
    os._exit(FAILED)


def _run(
    task: Task,
    settings: Settings,
    telemetry: Telemetry,
    crash_point: Callable[[CrashPoint], None],
    stopping: threading.Event,
    beat: Callable[[], None],
    *,
    wind_down: Callable[[], None],
    deadline_us: int,
) -> None:
    linger_s = settings.poll_linger_ms / 1000
    log = KafkaLog(
        settings.connection(),
        prefix=settings.topic_prefix,
        linger_s=linger_s,
        beat=beat,
        heard=lambda found: telemetry.positions(found, clock_us()),
    )
    for topic in (*task.inputs, *task.side_inputs):
        log.partitions(topic)  # says at once which topic is not there
    runner = Runner(
        task,
        log,
        clock_us,
        slot=settings.slot,
        crash_point=crash_point,
        watcher=telemetry,
        limit=settings.poll_records,
        deadline_us=deadline_us,
    )
    try:
        with _rare_garbage_collection() as collect:
            step_until(stopping, runner, beat, collect)
        wind_down()
        runner.finish()
    finally:
        runner.close()
        log.close()


def step_until(
    stopping: threading.Event,
    runner: Runner,
    beat: Callable[[], None],
    collect: Callable[[], None] = lambda: None,
) -> None:
    """Step until told to stop; each step that comes back is a beat, one that failed too.

    While the brokers are away a step may end before it fetches anything: how long that may go on is
    the runner's deadline, and no matter of standing still.
    """
    while not stopping.is_set():
        runner.step()
        beat()
        collect()


_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""On Linux it goes on while the host sleeps."""


def steady_ns() -> int:
    """Return a time that no step of the host's clock moves."""
    return time.clock_gettime_ns(_STEADY)


_STARTED_NS = time.time_ns() - steady_ns()


def clock_us() -> int:
    """Return the time in microseconds UTC: the host's as of the start, and what passed since.

    So nothing waits for a host's clock that was set back.
    """
    return (_STARTED_NS + steady_ns()) // 1000


def crash_point_of(environment: Mapping[str, str]) -> Callable[[CrashPoint], None]:
    """Return what ends the process, as kill -9 does, at the point that CRASH_AT names.

    `CRASH_AT=after_send:3` is the third time. Raises ValueError for a point there is not.
    """
    if "CRASH_AT" not in environment:
        return go_on
    name, _, count = environment["CRASH_AT"].partition(":")
    chosen, left = CrashPoint(name), int(count or 1)

    def crash(point: CrashPoint) -> None:
        nonlocal left
        left -= point == chosen
        if left == 0:
            os._exit(CRASHED)

    return crash


def json_lines() -> structlog.typing.FilteringBoundLogger:
    """Return a logger that writes one JSON line per event to standard output."""
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stdout),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(sort_keys=True, default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )
    return logger


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Turn SIGTERM and SIGINT into an event; the second SIGINT interrupts as usual."""
    stopping = threading.Event()

    def stop(number: int, _: FrameType | None) -> None:
        stopping.set()
        signal.signal(number, before[signal.Signals(number)])

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, stop)
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _rare_garbage_collection() -> Iterator[Callable[[], None]]:
    """Give what to call every step: the collector freezes what warmed up, then runs rarely.

    A collection in the middle of a batch would walk every object that the process holds.
    """
    steps = 0
    due_us = clock_us() + _COLLECT_EVERY_US

    def collect() -> None:
        nonlocal steps, due_us
        steps += 1
        if steps == _WARM_UP_STEPS:
            gc.collect()
            gc.freeze()
            gc.disable()
        elif steps > _WARM_UP_STEPS and clock_us() > due_us:
            gc.collect()
            due_us = clock_us() + _COLLECT_EVERY_US

    try:
        yield collect
    finally:
        gc.enable()
        gc.unfreeze()
