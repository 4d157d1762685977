"""Overseeing, in the database: what a page or a status shows of many cards and clips at once, counted and cut by SQL.

A part of the store, over the same connection; what its rows mean is in `rows.py`. Reads only, and each answer is taken
whole at once: a reader who dawdles would keep the service from writing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from daemon.database import Database
from daemon.rows import Card, Job, Listed, Pictures, Standing, Tally, trouble_in
from daemon.slate import Twin
from daemon.states import SETTLED_STATES, STOPPED_STATES, ClipState, JobState, ProxyState
from engines.media.essence import FieldOrder

_MADE = "exists (select 1 from proxies where clip = clips.id and twin = ? and landed = ?)"
_NEWEST = (
    "ifnull((select json_extract(facts, '$.path') from proxies where clip = clips.id and twin = ? and landed = ? "
    "order by revision desc limit 1), '')"
)
_PROBED = "case essence when '' then 0 else"
_PIXELS = " * ".join(f"json_extract(essence, '$.{measure}')" for measure in ("width", "height", "frames"))
_NAMED = "cards.roll || '/' || clips.name like ? escape '\\'"
_NEWEST_DAY_FIRST = "cards.shoot_day = '' desc, cards.shoot_day desc, cards.roll, clips.name, clips.id"

_BEFORE_HASHING = (ClipState.DISCOVERED, ClipState.QUIET, ClipState.MANIFESTED)
"""A clip that came back to these keeps the identity that it had."""


class Shown(StrEnum):
    """Which clips a list shows."""

    ALL = "all"
    MOVING = "moving"
    STOPPED = "stopped"
    DELIVERED = "delivered"
    FILED = "filed"


_STATES: dict[Shown, frozenset[ClipState]] = {
    Shown.ALL: frozenset(ClipState) - {ClipState.FILED},
    Shown.MOVING: frozenset(ClipState) - SETTLED_STATES,
    Shown.STOPPED: STOPPED_STATES,
    Shown.DELIVERED: frozenset({ClipState.DELIVERED}),
    Shown.FILED: frozenset({ClipState.FILED, ClipState.DUPLICATE}),
}


class Overseeing(Database):
    """One production's cards and clips, seen from above."""

    def tallies(self, unsampled: dict[int, int]) -> list[Tally]:
        """Return every card with how its clips stand, newest shoot day first; `unsampled` clips by card."""
        cards = self._db.execute("select * from cards order by shoot_day = '' desc, shoot_day desc, roll").fetchall()
        states: dict[int, dict[ClipState, int]] = {}
        for card, state, count in self._db.execute("select card, state, count(*) from clips group by card, state"):
            states.setdefault(card, {})[ClipState(state)] = count
        verified = self._verified()
        plain, enhanced = (self._made(twin) for twin in (Twin.PLAIN, Twin.ENHANCED))
        under_way = self._under_way()
        return [
            Tally(
                Card.from_row(row),
                states.get(row["id"], {}),
                verified.get(row["id"], 0),
                plain.get(row["id"], 0),
                enhanced.get(row["id"], 0),
                under_way.get(row["id"], 0),
                unsampled.get(row["id"], 0),
            )
            for row in cards
        ]

    def _verified(self) -> dict[int, int]:
        """Return how many clips of each card hold the bytes that they should; before that a clip has no identity."""
        query = "select card, count(*) from clips where identity != '' and state not in (?, ?, ?, ?, ?) group by card"
        others = (*_BEFORE_HASHING, ClipState.FILED, ClipState.DUPLICATE)
        return dict(self._db.execute(query, others).fetchall())

    def _made(self, twin: Twin) -> dict[int, int]:
        query = (
            "select clips.card, count(distinct clips.id) from proxies join clips on clips.id = proxies.clip "
            "where proxies.twin = ? and proxies.landed = ? group by clips.card"
        )
        return dict(self._db.execute(query, (twin, ProxyState.LANDED)).fetchall())

    def _under_way(self) -> dict[int, int]:
        query = (
            "select clips.card, count(*) from jobs join clips on clips.id = jobs.clip "
            "where jobs.state in (?, ?) group by clips.card"
        )
        return dict(self._db.execute(query, (JobState.QUEUED, JobState.LEASED)).fetchall())

    def standings(self) -> dict[int, list[Standing]]:
        """Return where every clip stands, by card, in the order in which they were found."""
        query = f"select id, card, name, state, trouble, {_NEWEST}, {_NEWEST} from clips order by id"
        made = (Twin.PLAIN, ProxyState.LANDED, Twin.ENHANCED, ProxyState.LANDED)
        found: dict[int, list[Standing]] = {}
        for clip, card, name, state, trouble, *paths in self._db.execute(query, made):
            standing = Standing(clip, name, ClipState(state), trouble_in(trouble), *paths)
            found.setdefault(card, []).append(standing)
        return found

    def pictures(self, states: Iterable[ClipState]) -> list[Pictures]:
        """Return how many pictures the clips in these states have, by state and by whether they are progressive."""
        wanted = tuple(states)
        query = (
            f"select state, {_PROBED} json_extract(essence, '$.field_order') = ? end as progressive, count(*), "
            f"total({_PROBED} {_PIXELS} end) from clips where state in ({', '.join('?' * len(wanted))}) "
            "group by state, progressive"
        )
        rows = self._db.execute(query, (FieldOrder.PROGRESSIVE, *wanted))
        return [Pictures(ClipState(state), bool(progressive), *sums) for state, progressive, *sums in rows]

    def clip_counts(self) -> dict[Shown, int]:
        """Return how many clips each list holds."""
        counts = dict(self._db.execute("select state, count(*) from clips group by state").fetchall())
        return {shown: sum(counts.get(state, 0) for state in states) for shown, states in _STATES.items()}

    def listed(self, shown: Shown, text: str, card: int | None, most: int, skip: int) -> tuple[list[Listed], int]:
        """Return a window of a list, and how many lines the whole has.

        `text` is part of `ROLL/CLIP`, as it is written; all without. `card` is None for all cards.
        """
        states = sorted(_STATES[shown])
        where: str = f"clips.state in ({', '.join('?' * len(states))})"
        values: list[object] = list(states)
        if card is not None:
            where, values = f"{where} and clips.card = ?", [*values, card]
        if text:
            where, values = f"{where} and {_NAMED}", [*values, f"%{_literal(text)}%"]
        placed = f"clips join cards on cards.id = clips.card where {where}"
        (count,) = self._db.execute(f"select count(*) from {placed}", values).fetchone()
        window = f"select clips.id from {placed} order by {_NEWEST_DAY_FIRST} limit ? offset ?"
        query = (
            "select clips.id, clips.name, clips.state, clips.trouble, clips.circled, clips.precedence, cards.roll, "
            f"cards.path as card_path, cards.shoot_day, {_MADE} as plain, {_MADE} as enhanced "
            f"from clips join cards on cards.id = clips.card where clips.id in ({window}) order by {_NEWEST_DAY_FIRST}"
        )
        made = (Twin.PLAIN, ProxyState.LANDED, Twin.ENHANCED, ProxyState.LANDED)
        rows = self._db.execute(query, (*made, *values, most, skip)).fetchall()
        return [Listed.from_row(row) for row in rows], int(count)

    def ledger(self, clip: int) -> list[Job]:
        """Return all jobs that a clip ever had, as they were planned."""
        rows = self._db.execute("select * from jobs where clip = ? order by id", (clip,)).fetchall()
        return [Job.from_row(row) for row in rows]

    def has_clip(self, clip: int) -> bool:
        """Return whether there is such a clip; a number that no row can have is none."""
        return clip < 1 << 63 and self._db.execute("select 1 from clips where id = ?", (clip,)).fetchone() is not None


def _literal(text: str) -> str:
    """Return a text as LIKE takes it word for word."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
