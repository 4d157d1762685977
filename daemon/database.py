"""The database file of one production: one connection in one process, transactions, migrations.

`synchronous=FULL`, so that what was committed survives a power cut, and a write-ahead log, so that a reader, however
long it is kept from the processor, never keeps the service from writing. (With a rollback journal FULL would not flush
that the journal is gone, and one that comes back takes its transaction back: SQLite, PRAGMA synchronous.) Knows no
table but its own list of migrations; what the others mean is in `store.py`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from daemon.errors import ConfigError
from daemon.publish import make_folders

_PATIENCE_SECONDS = 20
"""How long a statement waits for another process's: longer than a backup of a file of some megabytes takes."""


def is_held(path: Path) -> bool:
    """Return whether another process keeps a database to itself, so that it cannot even be opened now."""
    if not path.exists():
        return False
    database = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        return not _begins(database)
    finally:
        database.close()


def _begins(database: sqlite3.Connection) -> bool:
    """Return whether a transaction can begin now; it changes nothing."""
    try:
        database.execute("begin immediate")
        database.execute("rollback")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise
        return False
    return True


class Database:
    """One open database, brought up to date unless it is only read."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        if not read_only:
            make_folders(path.parent)
        mode = "ro" if read_only else "rwc"
        self._db = sqlite3.connect(
            f"file:{path}?mode={mode}", uri=True, isolation_level=None, timeout=_PATIENCE_SECONDS
        )
        self._db.row_factory = sqlite3.Row
        try:
            self._set_up(path, read_only=read_only)
        except BaseException:
            self._db.close()
            raise

    def _set_up(self, path: Path, *, read_only: bool) -> None:
        self._db.execute("pragma foreign_keys = on")
        if not read_only:
            (mode,) = self._db.execute("pragma journal_mode = wal").fetchone()
            if mode not in {"wal", "memory"}:  # one in memory alone has no log and no other reader
                raise _unfit(path)
            self._db.execute("pragma synchronous = full")
            self._db.execute("create table if not exists migrations (name text primary key) strict")
        done = {row["name"] for row in self._db.execute("select name from migrations")}
        if unknown := done - _scripts().keys():
            raise _newer(path, max(unknown))
        if not read_only:
            self._migrate(done)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens, or nothing does; nested calls join the outer one."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # where the volume refused, SQLite has rolled back by itself
                self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def is_free(self) -> bool:
        """Return whether a transaction could begin now; no where another process holds the file. Waits for nothing."""
        self._db.execute("pragma busy_timeout = 0")
        try:
            return _begins(self._db)
        finally:
            self._db.execute(f"pragma busy_timeout = {_PATIENCE_SECONDS * 1000}")

    def _migrate(self, done: set[str]) -> None:
        for name, script in sorted(_scripts().items()):
            if name in done:
                continue
            with self.transaction():
                for statement in _statements(script.read_text(encoding="utf-8")):
                    self._db.execute(statement)
                self._db.execute("insert into migrations values (?)", (name,))


def _scripts() -> dict[str, Traversable]:
    """Return the migrations that this version has, by name."""
    folder = resources.files("daemon") / "migrations"
    return {script.name: script for script in folder.iterdir() if script.name.endswith(".sql")}


def _newer(path: Path, name: str) -> ConfigError:
    return ConfigError(
        f"the database {path} is of a newer nearset",
        why=f"it was brought up to date by {name}, which this version does not have",
        fix="go back to the newer version, or restore the backup from before the upgrade; nothing was changed",
    )


def _unfit(path: Path) -> ConfigError:
    return ConfigError(
        f"the database {path} cannot be kept on its volume",
        why="the volume lets no two processes share memory, which a write-ahead log needs",
        fix="put state.root on a local disk",
    )


def _statements(script: str) -> Iterator[str]:
    """Split a migration at its semicolons (executescript would commit behind the transaction's back)."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
