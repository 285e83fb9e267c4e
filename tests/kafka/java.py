"""Apache Kafka from Maven's jars, as one process of this machine: 4 s to start, no container."""

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.kafka.jars import KAFKA, jars, java
from tests.kafka.ready import await_ready

CLUSTER = "4L6g3nShT-eMCtK--X86sw"  # any; each broker is a cluster of its own
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners={listener}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={listener}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name={listener}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,{listener}:{protocol}
log.dirs={home}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
log.cleaner.backoff.ms=500
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
"""

_LOG4J = """\
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1}: %m%n
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
"""

# The child asks the kernel to end it with us (Linux), then becomes the command: same pid.
LAUNCHER = """\
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1: PR_SET_PDEATHSIG
if os.getppid() != int(sys.argv[1]):
    sys.exit("the process that asked for this one is gone")
os.execvp(sys.argv[2], sys.argv[2:])
"""


def free_port() -> int:
    """Return a port nobody listens on, below those the system hands to clients.

    A client that keeps trying a dead broker on a port of the ephemeral range can connect to
    itself, and then hold the port against the broker's return.
    """
    draw = random.Random()  # two test runs at once must not try the same ports
    for _ in range(100):
        port = draw.randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    msg = "looking for a free port between 15000 and 32000: 100 in a row were taken"
    raise RuntimeError(msg)


@dataclass(frozen=True)
class Access:
    """How clients get in: anybody by default; `client` is what an administrator is told."""

    listener: str = "PLAINTEXT"
    protocol: str = "PLAINTEXT"
    properties: str = ""
    format_arguments: tuple[str, ...] = ()
    client: Mapping[str, str] = field(default_factory=dict)


class JavaBroker:
    """One broker process, leader of its own process group, with its data in a folder of its own.

    Start it from the main thread: Linux ends a child with the thread that started it.
    """

    def __init__(
        self, version: str, say: Callable[[str], None], access: Access | None = None
    ) -> None:
        self._libs = jars(say)
        self._version = version
        self._process: subprocess.Popen[bytes] | None = None
        self.home = Path(tempfile.mkdtemp(prefix="tradecanary-kafka-"))
        self._port = free_port()
        self.bootstrap_servers = f"127.0.0.1:{self._port}"
        self._access = access or Access()
        properties = _PROPERTIES.format(
            home=self.home,
            port=self._port,
            controller=free_port(),
            listener=self._access.listener,
            protocol=self._access.protocol,
        )
        (self.home / "server.properties").write_text(properties + self._access.properties)
        (self.home / "log4j2.properties").write_text(_LOG4J)
        atexit.register(self.remove)
        self._format()

    @property
    def pid(self) -> int | None:
        """The process id; None when it does not run."""
        return self._process.pid if self._process else None

    @property
    def description(self) -> str:
        """What it is, for people."""
        return (
            f"Apache Kafka {KAFKA} from Maven, {self._version}, pid {self.pid}, "
            f"{self.bootstrap_servers}"
        )

    @property
    def log(self) -> Path:
        """What the broker said."""
        return self.home / "server.log"

    def _command(self, *arguments: str) -> list[str]:
        command = java()
        assert command is not None, "java was found a moment ago"
        options = ["-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        logging = f"-Dlog4j2.configurationFile={self.home}/log4j2.properties"
        return [command, *options, logging, "-cp", f"{self._libs}/*", *arguments]

    def _format(self) -> None:
        arguments = ["format", "--standalone", "-t", CLUSTER, "-c", "server.properties"]
        arguments += self._access.format_arguments
        command = self._command("kafka.tools.StorageTool", *arguments)
        answer = subprocess.run(command, cwd=self.home, capture_output=True, text=True, check=False)
        if answer.returncode:
            said = (answer.stdout + answer.stderr)[-2000:]
            msg = f"formatting Kafka's storage in {self.home}: status {answer.returncode}\n{said}"
            raise RuntimeError(msg)

    def launch(self) -> None:
        """Start the process; it does not answer yet."""
        assert self._process is None, "the broker runs already"
        launcher = [sys.executable, "-c", LAUNCHER, str(os.getpid())]
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                launcher + self._command("kafka.Kafka", "server.properties"),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start, unless it runs, and return when it answers.

        Raises RuntimeError with the end of its log.
        """
        if self._process is None:
            self.launch()
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._listens():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.kill()
                tail = self.log.read_text(errors="replace")[-3000:]
                how = "it ended" if ended else f"it did not listen within {START_TIMEOUT_S:.0f} s"
                msg = f"starting Kafka {KAFKA} on {self.bootstrap_servers}: {how}\n{tail}"
                raise RuntimeError(msg)
        await_ready(self.bootstrap_servers, self._access.client)

    def _listens(self) -> bool:
        assert self._process is not None
        try:
            self._process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self._port)) == 0
        return False

    def stop(self) -> None:
        """Stop in good order; killed when that takes more than 20 s."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def _end(self, sign: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, sign)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def remove(self) -> None:
        """End it and delete its data."""
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)
        atexit.unregister(self.remove)
