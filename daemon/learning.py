"""Learning, in the database: what the production's model learned from, its cameras' noise, and the models.

The store's other half, over the same connection; what its rows mean is in `rows.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from daemon.database import Database
from daemon.rows import CameraNoise, Clip, KeptSample, Model
from daemon.slate import Custody
from daemon.states import MODEL_TABLE, ClipState, JobState, ModelEvent, ModelState, fire

_UNSAMPLED = (
    "state = ? and custody = ? and id not in (select clip from jobs where stage = 'sample' and state in (?, ?))"
)
_SAMPLING_ENDED = (ClipState.DELIVERED, Custody.VERIFIED, JobState.DONE, JobState.FAILED)


class Learning(Database):
    """One production's cuts, noise and models."""

    def unsampled(self) -> list[Clip]:
        """Return the delivered clips that a manifest vouches for and whose sampling has not ended, by card."""
        rows = self._db.execute(f"select * from clips where {_UNSAMPLED} order by card, id", _SAMPLING_ENDED)
        return [Clip.from_row(row) for row in rows]

    def unsampled_cards(self) -> dict[int, int]:
        """Return how many such clips each card has."""
        rows = self._db.execute(f"select card, count(*) from clips where {_UNSAMPLED} group by card", _SAMPLING_ENDED)
        return dict(rows.fetchall())

    def sampled(self) -> dict[int, list[str]]:
        """Return the identities of the clips that were sampled, by card."""
        query = (
            "select card, identity from clips where id in "
            "(select clip from jobs where stage = 'sample' and state = ?) order by card, identity"
        )
        found: dict[int, list[str]] = {}
        for row in self._db.execute(query, (JobState.DONE,)):
            found.setdefault(row["card"], []).append(row["identity"])
        return found

    def add_samples(self, samples: Iterable[KeptSample]) -> None:
        """Note cuts that were kept; a frame that is there already is not noted twice."""
        rows = [(x.digest, x.card, x.clip, x.first_frame, x.holdout, x.size_bytes, x.facts) for x in samples]
        with self.transaction():
            self._db.executemany("insert or ignore into samples values (?, ?, ?, ?, ?, ?, ?)", rows)

    def samples(self) -> list[KeptSample]:
        """Return the cuts in the replay store, by card and clip."""
        rows = self._db.execute("select * from samples order by card, clip, first_frame")
        return [KeptSample.from_row(row) for row in rows]

    def forget_sample(self, digest: str) -> None:
        """Drop a cut."""
        with self.transaction():
            self._db.execute("delete from samples where digest = ?", (digest,))

    def add_noise(self, clip: str, camera: str, iso: int, shot: float, read: float, at: str) -> None:
        """Note what was measured of a clip's noise."""
        with self.transaction():
            self._db.execute(
                "insert or replace into noise values (?, ?, ?, ?, ?, ?)", (clip, camera, iso, shot, read, at)
            )

    def camera_noise(self) -> list[CameraNoise]:
        """Return each camera's noise at each ISO, median over its clips."""
        return CameraNoise.from_rows(self._db.execute("select * from noise order by camera, iso"))

    def add_model(self, digest: str, size: str, parent: str, card: int, facts: str, at: str) -> None:
        """Note a candidate; one that is known stays as it is."""
        with self.transaction():
            self._db.execute(
                "insert or ignore into models values (?, ?, ?, ?, ?, ?, ?, ?)",
                (digest, size, ModelState.CANDIDATE, parent, card, facts, at, at),
            )

    def models(self, *, size: str = "", state: ModelState | None = None) -> list[Model]:
        """Return models, oldest first; of a size and in a state where these are given."""
        query = "select * from models where (? = '' or size = ?) and (? = '' or state = ?) order by rowid"
        wanted = state or ""
        return [Model.from_row(row) for row in self._db.execute(query, (size, size, wanted, wanted))]

    def happen_to_model(self, digest: str, event: ModelEvent, at: str) -> ModelState:
        """Fire an event on a model and return its new state.

        Raises:
            StateError: the table does not allow it; nothing was changed.
        """
        with self.transaction():
            row = self._db.execute("select state from models where digest = ?", (digest,)).fetchone()
            state = fire(MODEL_TABLE, ModelState(row["state"]), event)
            self._db.execute("update models set state = ?, changed_at = ? where digest = ?", (state, at, digest))
        return state
