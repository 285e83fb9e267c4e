"""A steady flow of executions beside what is measured: `python -m benchmarks.background RATE`.

A process of its own, so that making it delays nothing that is measured; prepared events, so that it
takes little of the machine. Runs until it is terminated; settings come from the environment.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from confluent_kafka import Producer

from benchmarks.flow import ROUND, Flow
from tradecanary.processors.runtime.settings import load_settings
from tradecanary.schemas.topics import EXECUTIONS

_BEAT_S = 0.02


def main() -> None:
    """Send RATE events a second, in a beat of 20 ms, and say when the first were sent."""
    rate = int(sys.argv[1])
    settings = load_settings(os.environ)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    producer = Producer({**settings.connection(), "linger.ms": 5, "compression.type": "lz4"})
    topic = settings.topic_prefix + EXECUTIONS.name
    flow, sent = Flow(seed=2), 0
    began_s = time.monotonic()
    print("begun", flush=True)
    while not stop.wait(_BEAT_S):
        due = int((time.monotonic() - began_s) * rate) // ROUND
        while sent < due:
            for key, value, partition in flow.round(sent, time.time_ns() // 1000):
                producer.produce(topic, value, key, partition)
            sent += 1
        producer.poll(0)
    producer.flush(5)


if __name__ == "__main__":
    main()
