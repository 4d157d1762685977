"""Dispatches, in the database: which version of each folder of the delivery a target holds.

A part of the store, over the same connection.
"""

from __future__ import annotations

from daemon.database import Database


class Dispatching(Database):
    """What each of one production's targets holds."""

    def dispatched(self, target: str) -> dict[str, str]:
        """Return the seal (xxh128 of `.complete`) of each folder that a target holds, by path in the production."""
        rows = self._db.execute("select folder, seal from dispatches where target = ?", (target,))
        return {row["folder"]: row["seal"] for row in rows}

    def dispatch(self, target: str, folder: str, seal: str, at: str) -> None:
        """Note that a target holds a folder in a version."""
        with self.transaction():
            self._db.execute("insert or replace into dispatches values (?, ?, ?, ?)", (target, folder, seal, at))
