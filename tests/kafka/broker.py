"""A real Kafka broker on loopback: started, stopped, killed, frozen and started again, on the same data and port.

Clients use `bootstrap`. The broker's own traffic, transaction markers included, has a listener of its own that a test
may use as well (`direct`): a proxy or TLS in front of `bootstrap` is then a fault or a guard of the clients only.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

from tests.kafka import java

HOST = "127.0.0.1"
READY = "Kafka Server started"
READY_S = 90.0
CLUSTER_ID = "Z3J1YXJkLXRlc3QtMDAwMQ"

SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "INTERNAL",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "2",
    "share.coordinator.state.topic.num.partitions": "2",
    # Waits made for fleets of thousands, cut to what a test can sit through.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "4000",  # a killed broker may come back after so long
    "log.initial.task.delay.ms": "500",
    "log.retention.check.interval.ms": "1000",
    "log.segment.delete.delay.ms": "1000",
    "log.cleaner.backoff.ms": "500",
    # Threads and buffers of one loopback client, not of a fleet.
    "log.cleaner.dedupe.buffer.size": "4194304",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
}


class Broker:
    """Not started yet: `start()` or a `with` block does that."""

    def __init__(
        self,
        *,
        node: int = 1,
        advertised_port: int | None = None,
        settings: Mapping[str, str] = {},
    ) -> None:
        self.node = node
        self.port, self.internal_port, self.controller_port = free_ports(3)
        self.advertised_port = advertised_port or self.port
        self.directory = Path(tempfile.mkdtemp(prefix="gruard-kafka-"))
        self.log = self.directory / "broker.log"
        self.settings = dict(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._archive: Path | None = None

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.advertised_port}"

    @property
    def direct(self) -> str:
        """Plaintext, past proxy and guards; clients that begin here stay here."""
        return f"{HOST}:{self.internal_port}"

    @property
    def voter(self) -> str:
        return f"{self.node}@{HOST}:{self.controller_port}"

    @property
    def pid(self) -> int:
        assert self._process, "the broker is not running"
        return self._process.pid

    def start(self) -> Self:
        """Returns when the broker serves. Raises NoKafkaError, and RuntimeError with the end of the broker's log."""
        self.launch()
        self.await_ready()
        return self

    def launch(self) -> None:
        """As start, without waiting."""
        assert self._process is None, "the broker runs already"
        if not (self.directory / "data" / "meta.properties").exists():
            self._format()
        self._seen = self.log.stat().st_size if self.log.exists() else 0
        arguments = java.command("kafka.Kafka", str(self._properties()), options=("-Xmx512m", *self._sharing()))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                arguments, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._guard = _guard(self._process.pid, self.directory)

    def await_ready(self) -> None:
        end = time.monotonic() + READY_S
        while READY.encode() not in self._said():
            assert self._process, "the broker is not running"
            if self._process.poll() is not None or time.monotonic() > end:
                tail = self._said().decode(errors="replace")[-3000:]
                self.kill()
                raise RuntimeError(f"the Kafka broker did not come up; its log ends:\n{tail}")
            time.sleep(0.05)

    def stop(self) -> None:
        """In peace, by SIGTERM."""
        self._end(signal.SIGTERM)
        if self._archive and self._archive.exists():
            self._archive.replace(java.archive())

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Kills it and removes what it wrote."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start() if self._process is None else self
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end(self, how: signal.Signals) -> None:
        if self._process is None or self._guard is None:
            return
        # The guard goes first: it holds a process number that is about to be anybody's.
        self._guard.kill()
        self._guard.communicate()
        self._process.send_signal(how)
        try:
            self._process.wait(READY_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._process = self._guard = None

    def _said(self) -> bytes:
        return self.log.read_bytes()[self._seen :]

    def _sharing(self) -> tuple[str, ...]:
        ready = java.archive()
        if ready.exists():
            return (f"-XX:SharedArchiveFile={ready}",)
        ready.parent.mkdir(exist_ok=True)
        self._archive = ready.with_suffix(f".{os.getpid()}-{self.node}")
        return (f"-XX:ArchiveClassesAtExit={self._archive}",)

    def _format(self) -> None:
        arguments = ["format", "-t", CLUSTER_ID, "-c", str(self._properties()), *self.format_options()]
        done = subprocess.run(
            java.command("kafka.tools.StorageTool", *arguments), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"Kafka's storage can't be made: {(done.stderr or done.stdout)[-3000:]}")

    def format_options(self) -> list[str]:
        return []

    def listeners(self) -> dict[str, tuple[str, int, int]]:
        """By name: protocol, port, advertised port."""
        return {"CLIENT": ("PLAINTEXT", self.port, self.advertised_port)}

    def _properties(self) -> Path:
        controller = {"CONTROLLER": ("PLAINTEXT", self.controller_port, 0)}
        served = self.listeners() | {"INTERNAL": ("PLAINTEXT", self.internal_port, self.internal_port)}
        lines = (
            SETTINGS
            | {f"{topic}.replication.factor": "1" for topic in _INNER_TOPICS}
            | {f"{topic}.min.isr": "1" for topic in _INNER_TOPICS[1:]}
            | {
                "node.id": str(self.node),
                "log.dirs": str(self.directory / "data"),
                "controller.quorum.voters": self.voter,
                "listeners": _addresses({name: port for name, (_, port, _) in (served | controller).items()}),
                "advertised.listeners": _addresses({name: port for name, (_, _, port) in served.items()}),
                "listener.security.protocol.map": ",".join(
                    f"{name}:{protocol}" for name, (protocol, _, _) in (served | controller).items()
                ),
            }
            | self.settings
        )
        path = self.directory / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in lines.items()), encoding="utf-8")
        return path


class Elsewhere(NamedTuple):
    """A cluster that somebody else runs: nothing of ours starts or ends it."""

    bootstrap: str

    @property
    def direct(self) -> str:
        return self.bootstrap


_INNER_TOPICS = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")


def start(*, advertised_port: int | None = None, settings: Mapping[str, str] = {}) -> Broker:
    """A broker that serves; the caller closes it. Raises NoKafkaError and RuntimeError."""
    return Broker(advertised_port=advertised_port, settings=settings).__enter__()


def free_ports(count: int) -> list[int]:
    """Below the range from which the system lends ports to clients, so that none is lent while its broker is down."""
    found: dict[int, socket.socket] = {}
    while len(found) < count:
        port = random.SystemRandom().randrange(10_000, 32_000)
        listener = socket.socket()
        try:
            listener.bind((HOST, port))
        except OSError:
            listener.close()
        else:
            found[port] = listener
    for listener in found.values():
        listener.close()
    return list(found)


def _addresses(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())


def _guard(pid: int, directory: Path) -> subprocess.Popen[bytes]:
    """Ends the broker when we end, however we end: its standard input closes with us."""
    script = 'read -r _; kill -9 "$1"; rm -rf "$2"'
    return subprocess.Popen(
        ["/bin/sh", "-c", script, "guard", str(pid), str(directory)], stdin=subprocess.PIPE, start_new_session=True
    )
