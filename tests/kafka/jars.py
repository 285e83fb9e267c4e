"""Java, and Apache Kafka's jars by way of Maven."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

KAFKA = "4.3.1"  # the newest whose kafka-tools are published too
LOG4J = "2.25.3"
JAVA_MIN = 17

_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tradecanary</groupId><artifactId>kafka</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId><version>{KAFKA}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId><version>{KAFKA}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-core</artifactId><version>{LOG4J}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId><version>{LOG4J}</version></dependency>
  </dependencies>
</project>
"""


class Tool(NamedTuple):
    """Whether a tool can be used, and what was found, for people."""

    usable: bool
    found: str


def java() -> str | None:
    """Return the command to run Java: JAVA_HOME's, else the path's."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")


def java_version() -> Tool:
    """Return whether Java is new enough for the broker."""
    command = java()
    if command is None:
        return Tool(usable=False, found="no java")
    answer = subprocess.run([command, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', answer.stderr)
    if version is None:
        return Tool(usable=False, found=f"{command} that tells no version")
    return Tool(usable=int(version[1]) >= JAVA_MIN, found=f"Java {version[1]}")


def maven() -> Tool:
    """Return whether Maven is there."""
    mvn = shutil.which("mvn")
    return Tool(mvn is not None, "no mvn" if mvn is None else mvn)


def jars(say: Callable[[str], None]) -> Path:
    """Return the folder of jars; fetched once per version and user, by one process at a time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    home = cache / "tradecanary" / f"kafka-{KAFKA}-log4j-{LOG4J}"
    home.mkdir(parents=True, exist_ok=True)
    libs = home / "libs"
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not libs.is_dir():
            with tempfile.TemporaryDirectory(dir=home) as build:
                _fetch(Path(build), say)
                (Path(build) / "libs").rename(libs)
    return libs


def _fetch(build: Path, say: Callable[[str], None]) -> None:
    say(f"kafka: fetching Apache Kafka {KAFKA} with Maven (54 MB, once)")
    (build / "pom.xml").write_text(_POM)
    command = ["mvn", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs"]
    lines: list[str] = []
    files = 0
    with subprocess.Popen(
        command, cwd=build, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if "Downloaded from" in line:
                files += 1
                if files % 50 == 0:
                    say(f"kafka: {files} files fetched")
    if process.returncode:
        tail = "".join(line for line in lines if "ERROR" in line)[:2000]
        msg = f"fetching Apache Kafka {KAFKA}: {' '.join(command)} ended with {process.returncode}"
        raise RuntimeError(f"{msg}\n{tail}")
