"""Notices, in the database: what was told outside, through which way.

A part of the store, over the same connection; what its rows mean is in `notices.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from daemon.database import Database


class Noticing(Database):
    """What one production told."""

    def told(self, way: str) -> dict[str, str]:
        """Return the facts that were told through a way, by subject."""
        rows = self._db.execute("select subject, fact from notices where way = ?", (way,))
        return {row["subject"]: row["fact"] for row in rows}

    def note_told(self, way: str, facts: Iterable[tuple[str, str]], at: str) -> None:
        """Note subjects and facts that were told through a way."""
        rows = [(way, subject, fact, at) for subject, fact in facts]
        with self.transaction():
            self._db.executemany("insert or replace into notices values (?, ?, ?, ?)", rows)

    def forget_told(self, way: str, subjects: Iterable[str]) -> None:
        """Forget subjects of which there is nothing to tell any more: what comes again is told again."""
        with self.transaction():
            self._db.executemany(
                "delete from notices where way = ? and subject = ?", [(way, subject) for subject in subjects]
            )
