"""One SQLite file: how it is opened, its tables, its transactions, and what its errors mean to a user.

Knows nothing of readings or workers. Every sqlite3 error leaves this room as one line: UnavailableError where waiting
or making room helps, DataRuleError where the file is damaged or is not ours.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import DataRuleError, GruardError, UnavailableError

APPLICATION = 0x47525544  # "GRUD" in the file's header: a file of something else is never written to
SCHEMA_VERSION = 1
BUSY_S = 5.0  # a feeder's transaction takes milliseconds; who waits longer is told
LOOK_S = 0.01  # between two tries of what SQLite itself does not wait for

SCHEMA = """
CREATE TABLE partitions (partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
CREATE TABLE readings (
  partition INTEGER NOT NULL, offset INTEGER NOT NULL, key BLOB, value BLOB NOT NULL, arrival INTEGER NOT NULL,
  headers TEXT, PRIMARY KEY (partition, offset)) WITHOUT ROWID;
CREATE TABLE alerts (
  id INTEGER PRIMARY KEY AUTOINCREMENT, partition INTEGER NOT NULL, offset INTEGER NOT NULL, seq INTEGER NOT NULL,
  key BLOB, headers TEXT, value BLOB NOT NULL, UNIQUE (partition, offset, seq));
CREATE TABLE deadletters (
  id INTEGER PRIMARY KEY AUTOINCREMENT, partition INTEGER NOT NULL, offset INTEGER NOT NULL, seq INTEGER NOT NULL,
  key BLOB, headers TEXT, value BLOB NOT NULL, UNIQUE (partition, offset, seq));
CREATE TABLE control (
  id INTEGER PRIMARY KEY AUTOINCREMENT, partition INTEGER NOT NULL, offset INTEGER NOT NULL, seq INTEGER NOT NULL,
  key BLOB, headers TEXT, value BLOB NOT NULL, UNIQUE (partition, offset, seq));
CREATE TABLE offsets (partition INTEGER PRIMARY KEY, offset INTEGER NOT NULL, metadata TEXT NOT NULL);
CREATE TABLE state (
  partition INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (partition, key)) WITHOUT ROWID;
"""

_WAIT = {sqlite3.SQLITE_BUSY: "locked", sqlite3.SQLITE_LOCKED: "locked"}
_ROOM = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_ACCESS = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Database:
    """One connection. Use it from one thread at a time; open another for another thread or process."""

    def __init__(self, path: Path, create: bool = True, busy_s: float = BUSY_S) -> None:
        self.path = path
        self.busy_s = busy_s
        if not create and not path.exists():
            raise UnavailableError(f"embedded.path {path} does not exist; feed readings into it first")
        with self.errors():
            # isolation_level=None: transactions begin where this file says so, never behind its back.
            self.connection = sqlite3.connect(path, busy_s, isolation_level=None, check_same_thread=False)
        try:
            with self.errors():
                self._prepare()
        except GruardError:
            self.connection.close()
            raise

    def _prepare(self) -> None:
        # Tables first: where there are any, whoever made them has committed the numbers beside them.
        tables = self.connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        application, version = self._pragma("application_id"), self._pragma("user_version")
        if (application, version) != (APPLICATION, SCHEMA_VERSION) and tables:
            raise DataRuleError(
                f"embedded.path {self.path} is not a Gruard file of schema {SCHEMA_VERSION} "
                f"(application {application:#x}, schema {version}); name another path"
            )
        self._switch_to_wal()
        # FULL: a feeder that was told "appended" and a reader that saw an alert must still be right after a power cut.
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute("PRAGMA journal_size_limit = 67108864")
        if not tables:
            self._create()

    def _switch_to_wal(self) -> None:
        """SQLite refuses the switch at once, without its own waiting, while another process is at it."""
        deadline = time.monotonic() + self.busy_s
        while True:
            try:
                self.connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _WAIT or time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_S)

    def _create(self) -> None:
        with self.transaction():
            if self._pragma("user_version") == SCHEMA_VERSION:
                return  # another process was faster
            for statement in SCHEMA.split(";")[:-1]:
                self.connection.execute(statement)
            self.connection.execute(f"PRAGMA application_id = {APPLICATION}")
            self.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _pragma(self, name: str) -> int:
        return int(self.connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing: whatever is raised inside, or by the commit itself, leaves the file as it was."""
        with self.errors():
            self.connection.execute("BEGIN IMMEDIATE")  # take the write lock now, not at the first write
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:  # SQLite rolls back by itself on a full disk
                    self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._meaning(error) from error

    def _meaning(self, error: sqlite3.Error) -> GruardError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _WAIT:
            return UnavailableError(
                f"embedded.path {self.path} is locked by another process for over {self.busy_s:g} s"
            )
        if code in _ROOM:
            return UnavailableError(f"embedded.path {self.path} can't be written ({error}); make room on its disk")
        if code in _ACCESS:
            return UnavailableError(f"embedded.path {self.path} can't be opened ({error}); check folder and rights")
        if code in _DAMAGE:
            return DataRuleError(f"embedded.path {self.path} is damaged or no SQLite file ({error})")
        return GruardError(f"embedded.path {self.path}: {error}")

    def close(self) -> None:
        self.connection.close()
