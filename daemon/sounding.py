"""Production sound, in the database: what recordings hold, and where clips were found in them.

A part of the store, over the same connection; what its rows mean is in `sounds.py`.
"""

from __future__ import annotations

from daemon import wire
from daemon.database import Database
from daemon.sounds import Recording, Synced


class Sounding(Database):
    """One production's recordings and what is in sync with them."""

    def add_recording(self, clip: int, recording: Recording) -> None:
        """Note what a sound file holds."""
        with self.transaction():
            self._db.execute("insert or replace into recordings values (?, ?)", (clip, wire.dump(Recording, recording)))

    def recordings(self) -> dict[int, Recording]:
        """Return what is known of sound files, by the clip that each is."""
        rows = self._db.execute("select clip, facts from recordings order by clip")
        return {row["clip"]: wire.load(Recording, row["facts"]) for row in rows}

    def set_sync(self, clip: int, want: str, synced: Synced) -> None:
        """Note where a camera clip was found, or why it was not."""
        with self.transaction():
            self._db.execute("insert or replace into syncs values (?, ?, ?)", (clip, want, wire.dump(Synced, synced)))

    def sync(self, clip: int) -> tuple[str, Synced] | None:
        """Return of what a camera clip's sync came, and what came of it; None where it was not looked for."""
        row = self._db.execute("select want, facts from syncs where clip = ?", (clip,)).fetchone()
        return (row["want"], wire.load(Synced, row["facts"])) if row else None
