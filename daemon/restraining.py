"""Restraints, in the database: which clips' enhancement is held back, and why.

A part of the store, over the same connection; what its rows mean is in `fidelity.py`.
"""

from __future__ import annotations

from daemon import wire
from daemon.database import Database
from daemon.fidelity import Restraint


class Restraining(Database):
    """One production's restraints, one a clip: the last that was decided."""

    def restrain(self, clip: int, restraint: Restraint) -> None:
        """Note how a clip is held back."""
        values = (clip, wire.dump(Restraint, restraint))
        with self.transaction():
            self._db.execute("insert or replace into restraints values (?, ?)", values)

    def restraint(self, clip: int) -> Restraint | None:
        """Return how a clip was held back last; whether it still holds is for its `base` to say."""
        row = self._db.execute("select facts from restraints where clip = ?", (clip,)).fetchone()
        return wire.load(Restraint, row["facts"]) if row else None
