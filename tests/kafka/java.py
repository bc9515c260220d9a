"""Where Kafka's jars and a Java for them are, and the command that runs a class of theirs quickly.

A class-data archive, made when a broker first ends in peace, saves every later start a third of its time.
"""

import hashlib
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FETCHED = ROOT / ".kafka" / "libs"
OLDEST_JAVA = 17
WAY_OUT = "set GRUARD_TEST_KAFKA=host:port or KAFKA_HOME, or have Java 17 and Maven and run `make setup`"


class NoKafkaError(RuntimeError):
    """This machine can start no broker; the message is one line that says why and how to get one."""


def command(*arguments: str, options: tuple[str, ...] = ()) -> list[str]:
    """Raises NoKafkaError."""
    fast = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto", "-Xlog:disable")
    # slf4j-simple comes with the fetched jars, log4j with a distribution: each is asked for the one line we wait for.
    logging = (
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
        "-Dorg.apache.logging.log4j.level=INFO",
    )
    return [java(), *fast, *logging, *options, "-cp", class_path(), *arguments]


@cache
def java() -> str:
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if found is None or not Path(found).exists():
        raise NoKafkaError(f"no Kafka: no Java {OLDEST_JAVA} here; {WAY_OUT}")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise NoKafkaError(f"no Kafka: {found} is older than Java {OLDEST_JAVA}; {WAY_OUT}")
    return found


def class_path() -> str:
    home = os.environ.get("KAFKA_HOME")
    libs = Path(home, "libs") if home else FETCHED
    if not any(libs.glob("kafka_2.1*.jar")):
        raise NoKafkaError(f"no Kafka: {libs} holds no kafka_2.13 jar; {WAY_OUT}")
    return os.pathsep.join(sorted(map(str, libs.glob("*.jar"))))


def archive() -> Path:
    """Of this Java and these very jars, for Java refuses an archive of any others; need not exist yet."""
    parts = [Path(java()).resolve(), *map(Path, class_path().split(os.pathsep))]
    of = hashlib.sha256("".join(f"{path} {path.stat().st_mtime_ns}" for path in parts).encode()).hexdigest()
    return FETCHED.parent / f"{of[:16]}.jsa"
