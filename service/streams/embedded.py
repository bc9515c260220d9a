"""The embedded stream: readings, alerts, dead letters, offsets and state in one SQLite file, committed together.

`EmbeddedLog` is the file as feeders and readers see it, from any number of processes. `EmbeddedStream` is the port that
the worker knows; a file has one worker, which holds a lock that the kernel takes back whenever the process ends.
"""

import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from service.errors import DataRuleError
from service.records import Headers, Records
from service.streams.lockfile import locked
from service.streams.log import Message, Table
from service.streams.port import Assigned, Committed, Output, Poll, StateRecord, Transaction
from service.streams.sqlite import BUSY_S, Database

TAKEN = " has a running worker already; stop it or name another path"
PAGE = 512  # state records read at a time: no cursor stays open across a commit
PRUNE = 50_000  # readings deleted in one transaction at most, so no commit gets long
LOOK_S = 0.01  # how often an idle poll looks for new readings


class EmbeddedLog:
    """One connection to the file: append and read, from any process, beside a running worker."""

    def __init__(
        self,
        path: Path,
        partitions: int | None = None,
        busy_s: float = BUSY_S,
        topic: str = "telemetry.readings.v1",
    ) -> None:
        """partitions: makes the file where there is none, and must agree where there is one. None: only open it."""
        self.where = str(path)
        self._topic = topic
        self.database = Database(path, create=partitions is not None, busy_s=busy_s)
        self.partitions = self._agreed(partitions)

    def _agreed(self, partitions: int | None) -> int:
        count = self._count()
        if not count and partitions:
            with self.database.transaction() as connection:
                if not (count := self._count()):
                    connection.executemany("INSERT INTO partitions VALUES (?, 0)", ((p,) for p in range(partitions)))
                    return partitions
        if partitions not in (None, count):
            raise DataRuleError(
                f"embedded.partitions is {partitions}, but {self.database.path} was made with {count}; "
                f"set embedded.partitions: {count}, or name another embedded.path"
            )
        return count

    def _count(self) -> int:
        return int(self._one("SELECT count(*) FROM partitions"))

    def place(self, partition: int) -> tuple[str, int]:
        return self._topic, partition

    def partition(self, key: bytes | None) -> int:
        return zlib.crc32(key or b"") % self.partitions

    def append(self, messages: Iterable[Message]) -> int:
        """All of them or, with UnavailableError, none. Waits for a worker's commit, at most busy_s."""
        with self.database.transaction():
            return self.insert(messages)

    def insert(self, messages: Iterable[Message]) -> int:
        """`append` as a part of the caller's transaction."""
        ends = self.ends()
        rows = [self._row(message, ends) for message in messages]
        connection = self.database.connection
        connection.executemany("INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.executemany("UPDATE partitions SET next_offset = ?2 WHERE partition = ?1", ends.items())
        return len(rows)

    def _row(self, message: Message, ends: dict[int, int]) -> tuple[Any, ...]:
        partition = self.partition(message.key)
        offset, ends[partition] = ends[partition], ends[partition] + 1
        return partition, offset, message.key, message.value, message.arrival, _text(message.headers)

    def ends(self) -> dict[int, int]:
        """Offset after the last reading of every partition."""
        with self.database.errors():
            return dict(self.database.connection.execute("SELECT partition, next_offset FROM partitions"))

    def log_start(self, partition: int) -> int:
        oldest = self._one("SELECT min(offset) FROM readings WHERE partition = ?", partition)
        return self.ends()[partition] if oldest is None else int(oldest)

    def readings(self, partition: int, start: int, stop: int, max_records: int) -> Records:
        """At most max_records of the readings with start <= offset < stop, in order."""
        rows = self._rows(
            "SELECT offset, arrival, key, value, headers FROM readings"
            " WHERE partition = ? AND offset >= ? AND offset < ? ORDER BY offset LIMIT ?",
            *(partition, start, stop, max_records),
        )
        offsets, arrivals, keys, values, headers = zip(*rows, strict=True) if rows else ((), (), (), (), ())
        parsed = tuple(map(_headers, headers)) if any(headers) else ()
        return Records(partition, offsets, arrivals, keys, values, parsed)

    def written(self, table: Table, after: int = 0, limit: int = -1) -> list[tuple[int, Output]]:
        """What a worker has committed, in the order of the commits, each with its id; read on from the last id."""
        rows = self._rows(
            f"SELECT id, partition, offset, key, value, headers FROM {table} WHERE id > ? ORDER BY id LIMIT ?",
            *(after, limit),
        )
        return [
            (id, Output(partition, offset, key, value, _headers(headers)))
            for id, partition, offset, key, value, headers in rows
        ]

    def committed(self, partition: int) -> Committed | None:
        rows = self._rows("SELECT offset, metadata FROM offsets WHERE partition = ?", partition)
        return Committed(*rows[0]) if rows else None

    def state(self, partition: int) -> Iterator[StateRecord]:
        last = ""
        while rows := self._rows(
            "SELECT key, value FROM state WHERE partition = ? AND key > ? ORDER BY key LIMIT ?",
            *(partition, last, PAGE),
        ):
            yield from (StateRecord(partition, key, value) for key, value in rows)
            last = rows[-1][0]

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self.database.errors():
            return self.database.connection.execute(query, values).fetchall()

    def _one(self, query: str, *values: object) -> Any:
        return self._rows(query, *values)[0][0]

    def close(self) -> None:
        self.database.close()


class EmbeddedStream:
    """The port over the file. Every partition is this worker's, from the first poll on."""

    def __init__(
        self, log: EmbeddedLog, retention_s: float = 7 * 86400.0, reach: Callable[[str], None] = lambda point: None
    ) -> None:
        """reach: told `begun` and `staged` inside a commit. Raises FencedError where the file has a worker already."""
        self.log = log
        self._retention_ms = int(retention_s * 1000)
        self._reach = reach
        self._lock = locked(log.database.path, ".lock", TAKEN)
        self._positions: dict[int, int] = {}  # partitions that were sought
        self._assigned = False
        self._first = 0  # partition that reads first at the next poll, so a deep backlog in one starves no other

    def poll(self, timeout_s: float, max_records: int) -> Poll:
        if not self._assigned:
            self._assigned = True
            return Poll([Assigned(partition) for partition in range(self.log.partitions)])
        ends = self._wait(timeout_s, max_records)
        records = list(self._read(ends, max_records))
        caught_up = frozenset(p for p, position in self._positions.items() if position >= ends[p])
        return Poll(records=records, caught_up=caught_up, ends=ends)

    def _wait(self, timeout_s: float, max_records: int) -> dict[int, int]:
        deadline = time.monotonic() + timeout_s
        while True:
            ends = self.log.ends()
            ready = sum(ends[p] - position for p, position in self._positions.items())
            left = deadline - time.monotonic()
            if ready >= max_records or left <= 0:
                return ends
            time.sleep(min(LOOK_S, left))

    def _read(self, ends: dict[int, int], room: int) -> Iterator[Records]:
        order = sorted(self._positions, key=lambda p: (p - self._first) % self.log.partitions)
        self._first = (self._first + 1) % self.log.partitions
        for partition in order:
            records = self.log.readings(partition, self._positions[partition], ends[partition], room) if room else ()
            if isinstance(records, Records) and len(records):
                room -= len(records)
                self._positions[partition] = records.offsets[-1] + 1
                yield records

    def committed(self, partition: int) -> Committed | None:
        return self.log.committed(partition)

    def untouched(self, partition: int) -> bool:
        return True  # the lock is ours

    def log_start(self, partition: int) -> int:
        return self.log.log_start(partition)

    def state(self, partition: int) -> Iterator[StateRecord]:
        return self.log.state(partition)

    def replay(self, partition: int, start: int, stop: int, max_records: int) -> Iterator[Records]:
        while start < stop and len(records := self.log.readings(partition, start, stop, max_records)):
            yield records
            start = records.offsets[-1] + 1

    def seek(self, partition: int, offset: int) -> None:
        self._positions[partition] = offset

    def pause(self, partition: int) -> None:
        self._positions.pop(partition, None)

    def place(self, partition: int) -> tuple[str, int]:
        return self.log.place(partition)

    def commit(self, transaction: Transaction) -> None:
        with self.log.database.transaction() as connection:
            self._reach("begun")
            self._append("alerts", transaction.alerts)
            self._append("deadletters", transaction.deadletters)
            self._append("control", transaction.control)
            self._write_state(transaction.state)
            offsets = [(p, c.offset, c.metadata) for p, c in transaction.offsets.items()]
            connection.executemany("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)", offsets)
            for partition, offset in transaction.needed.items():
                self._prune(partition, offset)
            self._reach("staged")

    def _write_state(self, records: list[StateRecord]) -> None:
        latest = {(r.partition, r.key): r.value for r in records}  # of two records with one key the later one counts
        gone = [at for at, value in latest.items() if value is None]
        kept = [(*at, value) for at, value in latest.items() if value is not None]
        connection = self.log.database.connection
        connection.executemany("DELETE FROM state WHERE partition = ? AND key = ?", gone)
        connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", kept)

    def _append(self, table: Table, outputs: list[Output]) -> None:
        """seq numbers what one offset caused, on from what an earlier commit wrote for it (an idle tick, say)."""
        following: dict[tuple[int, int], int] = {}
        rows = []
        for output in outputs:
            at = output.partition, output.offset
            seq = following.get(at)
            if seq is None:
                seq = int(self._following(table, at))
            following[at] = seq + 1
            rows.append((*at, seq, output.key, _text(output.headers), output.value))
        insert = f"INSERT INTO {table} (partition, offset, seq, key, headers, value) VALUES (?, ?, ?, ?, ?, ?)"
        self.log.database.connection.executemany(insert, rows)

    def _following(self, table: Table, at: tuple[int, int]) -> int:
        query = f"SELECT coalesce(max(seq) + 1, 0) FROM {table} WHERE partition = ? AND offset = ?"
        return int(self.log.database.connection.execute(query, at).fetchone()[0])

    def _prune(self, partition: int, needed: int) -> None:
        """Retention counts back from the log's newest arrival, so a log that stands still loses nothing."""
        execute = self.log.database.connection.execute
        newest = execute(
            "SELECT arrival FROM readings WHERE partition = ? ORDER BY offset DESC LIMIT 1", (partition,)
        ).fetchone()
        if newest is None:
            return
        oldest_kept = execute(
            "SELECT offset FROM readings WHERE partition = ? AND arrival >= ? ORDER BY offset LIMIT 1",
            (partition, newest[0] - self._retention_ms),
        ).fetchone()[0]
        stop = min(needed, oldest_kept, self.log.log_start(partition) + PRUNE)
        execute("DELETE FROM readings WHERE partition = ? AND offset < ?", (partition, stop))
        for table in ("control", "deadletters"):  # they say something of that input, and hold copies of it
            execute(f"DELETE FROM {table} WHERE partition = ? AND offset < ?", (partition, stop))

    def close(self) -> None:
        self.log.close()
        os.close(self._lock)  # gives the file to the next worker


def _text(headers: Headers) -> str | None:
    """JSON, for people who look with sqlite3; bytes that are no UTF-8 survive as lone surrogates."""
    if not headers:
        return None
    return json.dumps([[name, value.decode("utf-8", "surrogateescape")] for name, value in headers])


def _headers(text: str | None) -> Headers:
    return tuple((name, value.encode("utf-8", "surrogateescape")) for name, value in json.loads(text or "[]"))
