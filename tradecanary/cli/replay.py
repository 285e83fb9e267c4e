"""`tradecanary replay`: publish recorded executions again, under a new source."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tradecanary.cli.connection import Connection, reached, settings_of
from tradecanary.cli.output import Exit, err, fail, out
from tradecanary.processors.runtime.settings import Settings
from tradecanary.producers.kafka_reading import recorded_events
from tradecanary.producers.kafka_transport import connect
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.replay import Due, in_event_time, read_events, schedule
from tradecanary.producers.replay import replay as publish
from tradecanary.schemas.codec import ContractViolation
from tradecanary.schemas.execution import ExecutionEvent, Mode


def replay(
    file: Annotated[
        Path | None, typer.Option(help="An Avro container of ExecutionEvent; the topic without.")
    ] = None,
    speed: Annotated[
        float, typer.Option(help="Recorded seconds a second; 0 = flat out.", min=0)
    ] = 1.0,
    mode: Annotated[
        Mode, typer.Option(help="REPLAY moves no live weight; LIVE does.")
    ] = Mode.REPLAY,
    source: Annotated[str, typer.Option(help="The source they are published under.")] = "replay",
    bootstrap_servers: Connection = None,
) -> None:
    """Publish a recorded topic or file again at 1x, N times as fast or flat out.

    Example: tradecanary replay --file monday.avro --speed 10
    """
    settings = settings_of(bootstrap_servers)
    events = None if file is None else _of_file(file)
    with reached(settings) as silent:
        if events is None:
            with err.status("reading the topic executions"):
                recorded = recorded_events(silent.connection(), settings.topic_prefix)
                events = in_event_time(recorded)
        publisher = ExecutionPublisher(source)
        due = schedule(events, speed=speed, mode=mode)
        published = _published(due, len(events), publisher, silent)
    lost = publisher.counters().dropped
    out.print(f"{published - lost:,} of {len(events):,} events published as {publisher.source}")
    if lost:
        raise typer.Exit(Exit.UNREACHABLE)


def _published(
    due: Iterable[Due], count: int, publisher: ExecutionPublisher, settings: Settings
) -> int:
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        connect(
            (),
            publisher,
            bootstrap_servers=settings.bootstrap_servers,
            kafka=settings.kafka,
            topic_prefix=settings.topic_prefix,
        ),
        Progress(*columns, console=err) as progress,
    ):
        return publish(progress.track(due, total=count, description=""), publisher)


def _of_file(file: Path) -> list[ExecutionEvent]:
    try:
        with err.status(f"reading {file}"):
            return in_event_time(read_events(file))
    except (ContractViolation, OSError, ValueError, EOFError) as broken:  # two for what is no Avro
        fail(f"cannot replay {file}: {broken}", Exit.USAGE)
