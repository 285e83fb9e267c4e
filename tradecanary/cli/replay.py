"""`tradecanary replay`: publish recorded executions again, under a new source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tradecanary.cli.connection import Connection, said, settings_of
from tradecanary.cli.output import Exit, err, fail, out
from tradecanary.producers.kafka_reading import recorded_events
from tradecanary.producers.kafka_transport import connect
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.replay import in_event_time, read_events, schedule
from tradecanary.producers.replay import replay as publish
from tradecanary.schemas.codec import ContractViolation
from tradecanary.schemas.execution import Mode


def replay(
    file: Annotated[
        Path | None, typer.Option(help="An Avro container of ExecutionEvent; the topic without.")
    ] = None,
    speed: Annotated[float, typer.Option(help="Recorded seconds a second; 0 = flat out.")] = 1.0,
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
    reach = {**settings.kafka, "log_level": "0"}
    try:
        with err.status(f"reading {file or 'the topic executions'}"):
            events = in_event_time(
                read_events(file)
                if file is not None
                else recorded_events(
                    {**settings.connection(), "log_level": 0}, settings.topic_prefix
                )
            )
    except (ContractViolation, OSError) as broken:
        fail(f"cannot replay {file}: {broken}", Exit.USAGE)
    except KafkaException as away:
        fail(f"Kafka at {settings.bootstrap_servers}: {said(away)}", Exit.UNREACHABLE)
    publisher = ExecutionPublisher(source)
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        connect(
            (),
            publisher,
            bootstrap_servers=settings.bootstrap_servers,
            kafka=reach,
            topic_prefix=settings.topic_prefix,
        ),
        Progress(*columns, console=err) as progress,
    ):
        due = progress.track(
            schedule(events, speed=speed, mode=mode), total=len(events), description=""
        )
        published = publish(due, publisher)
    lost = publisher.counters().dropped
    out.print(f"{published - lost:,} of {len(events):,} events published as {publisher.source}")
    if lost:
        raise typer.Exit(Exit.UNREACHABLE)
