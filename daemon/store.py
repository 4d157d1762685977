"""The store of one production: the only SQL about it, over the one connection of `database.py`.

Every change is one transaction. The truth about cards, clips, jobs and proxies is here and nowhere else; what
comes out are the nouns of `rows.py`, which callers take from here. Knows no media and no files.
"""

from __future__ import annotations

from collections.abc import Iterable

from daemon import wire
from daemon.dispatching import Dispatching
from daemon.errors import NearsetError
from daemon.learning import Learning
from daemon.looks import LookFile
from daemon.noticing import Noticing
from daemon.overseeing import Overseeing
from daemon.queueing import Queueing
from daemon.restraining import Restraining
from daemon.rows import NO_TROUBLE, CameraNoise, Card, Clip, Job, KeptSample, Model, Proxy
from daemon.slate import FileMark, FoundCard, FoundClip, Published, Trouble, Twin, VerifiedFile
from daemon.sounding import Sounding
from daemon.states import CLIP_TABLE, ClipEvent, ClipState, ProxyState, fire

__all__ = ["CameraNoise", "Card", "Clip", "Job", "KeptSample", "Model", "Proxy", "Store", "trouble_of"]


def trouble_of(error: NearsetError) -> Trouble:
    """Return what a person needs to know of an error."""
    return Trouble(error.code, error.what, error.why, error.fix)


class Store(Learning, Sounding, Queueing, Restraining, Dispatching, Noticing, Overseeing):
    """One production's cards, clips and proxies; its other parts are in files of their own."""

    # Roots

    def root(self, path: str) -> tuple[int, str | None] | None:
        """Return the device number and marker that a root had when it was first seen."""
        row = self._db.execute("select device, marker from roots where path = ?", (path,)).fetchone()
        return (row["device"], row["marker"]) if row else None

    def remember_root(self, path: str, device: int, marker: str | None) -> None:
        """Keep a root's device number and marker."""
        with self.transaction():
            self._db.execute(
                "insert into roots values (?, ?, ?) on conflict (path) do update "
                "set device = excluded.device, marker = excluded.marker",
                (path, device, marker),
            )

    # Cards

    def cards(self) -> list[Card]:
        """Return all cards, in the order in which they were found."""
        return [Card.from_row(row) for row in self._db.execute("select * from cards order by id")]

    def card(self, card: int) -> Card:
        """Return one card."""
        return Card.from_row(self._db.execute("select * from cards where id = ?", (card,)).fetchone())

    def add_card(self, root: str, found: FoundCard, roll: str, at: str) -> int:
        """Note a card, new or seen again, and return its id; one that was delivered from keeps its roll name."""
        missing = wire.dump(tuple[str, ...], found.missing)
        with self.transaction():
            row = self._db.execute(
                "insert into cards (root, path, roll, vendor, day_folder, shoot_day, missing, found_at) "
                "values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (root, path) do update set roll = case when exists "
                "(select 1 from proxies join clips on clips.id = proxies.clip where clips.card = cards.id) "
                "then cards.roll else excluded.roll end, "
                "vendor = excluded.vendor, missing = excluded.missing returning id",
                (root, found.path, roll, found.vendor, found.day_folder, found.day_folder, missing, at),
            ).fetchone()
        return int(row["id"])

    def set_card(self, card: int, **columns: str | int) -> None:
        """Set columns of a card: shoot_day, notes, complete, turnover_due."""
        assert columns.keys() <= {"shoot_day", "notes", "missing", "complete", "turnover_due"}
        names = ", ".join(f"{name} = ?" for name in columns)
        with self.transaction():
            self._db.execute(f"update cards set {names} where id = ?", (*columns.values(), card))

    # Clips

    def clips(self, *, card: int | None = None, states: Iterable[ClipState] = ()) -> list[Clip]:
        """Return clips by card and states, in the order in which they were found; all without a filter."""
        wanted = [str(state) for state in states]
        where = ["1"] + (["card = ?"] if card is not None else [])
        if wanted:
            where.append(f"state in ({', '.join('?' * len(wanted))})")
        values = ([card] if card is not None else []) + wanted
        query = f"select * from clips where {' and '.join(where)} order by id"
        return [Clip.from_row(row) for row in self._db.execute(query, values)]

    def clip(self, clip: int) -> Clip:
        """Return one clip."""
        return Clip.from_row(self._db.execute("select * from clips where id = ?", (clip,)).fetchone())

    def clips_named(self, pattern: str) -> list[Clip]:
        """Return the clips whose name matches a glob pattern; one with a slash is of roll and name: `B00*/*`."""
        name = "cards.roll || '/' || clips.name" if "/" in pattern else "clips.name"
        query = f"select clips.* from clips join cards on cards.id = clips.card where {name} glob ? order by clips.id"
        rows = self._db.execute(query, (pattern,))
        return [Clip.from_row(row) for row in rows]

    def clips_with_identity(self, identity: str) -> list[Clip]:
        """Return the clips whose bytes have this identity."""
        rows = self._db.execute("select * from clips where identity = ? order by id", (identity,))
        return [Clip.from_row(row) for row in rows]

    def reel_used_elsewhere(self, reel: str, clip: int) -> bool:
        """Return whether another clip carries this reel name."""
        query = "select 1 from clips where reel = ? and id != ? limit 1"
        return self._db.execute(query, (reel, clip)).fetchone() is not None

    def add_clip(self, card: int, found: FoundClip, at: str) -> int:
        """Note a clip, new or seen again with other files, and return its id."""
        with self.transaction():
            row = self._db.execute(
                "insert into clips (card, name, state, found, changed_at) values (?, ?, ?, ?, ?) "
                "on conflict (card, name) do update set found = excluded.found returning id",
                (card, found.name, ClipState.DISCOVERED, wire.dump(FoundClip, found), at),
            ).fetchone()
        return int(row["id"])

    def set_clip(self, clip: int, **columns: str) -> None:
        """Set columns of a clip: custody, identity, reel, essence, picture, proposal, stand_in, want, ready_at."""
        known = {"custody", "identity", "reel", "essence", "picture", "proposal", "stand_in", "want", "ready_at"}
        assert columns.keys() <= known
        names = ", ".join(f"{name} = ?" for name in columns)
        with self.transaction():
            self._db.execute(f"update clips set {names} where id = ?", (*columns.values(), clip))

    def happen(self, clip: int, event: ClipEvent, at: str, trouble: Trouble = NO_TROUBLE) -> ClipState:
        """Fire an event on a clip and return its new state.

        A clip that comes to rest makes its roll's turnover due; one that goes back drops its queued jobs.

        Raises:
            StateError: the table does not allow it; nothing was changed.
        """
        with self.transaction():
            row = self._db.execute("select card, state from clips where id = ?", (clip,)).fetchone()
            state = fire(CLIP_TABLE, ClipState(row["state"]), event)
            self._db.execute(
                "update clips set state = ?, trouble = ?, changed_at = ? where id = ?",
                (state, wire.dump(Trouble, trouble) if trouble.code else "", at, clip),
            )
            if event in {ClipEvent.CHANGED, ClipEvent.EXTENDED, ClipEvent.JOINED, ClipEvent.HOLD, ClipEvent.REVISED}:
                self._drop_jobs(clip)
            if state is not ClipState(row["state"]):
                self._db.execute("update cards set turnover_due = 1 where id = ?", (row["card"],))
        return state

    # Spans

    def join(self, head: int, tail: int) -> None:
        """Note that a clip goes on in another one, on another roll."""
        with self.transaction():
            self._db.execute("insert or replace into spans (tail, head) values (?, ?)", (tail, head))

    def parts(self, clip: int) -> list[Clip]:
        """Return a clip and those that it goes on in, in order; it alone where it is all of its recording."""
        found = [self.clip(clip)]
        query = "select tail from spans where head = ?"
        while row := self._db.execute(query, (found[-1].id,)).fetchone():
            found.append(self.clip(row["tail"]))
        return found

    def head(self, clip: int) -> int:
        """Return the clip that a part is made with: its first part, itself where it goes on from no other."""
        while row := self._db.execute("select head from spans where tail = ?", (clip,)).fetchone():
            clip = row["head"]
        return clip

    # Files

    def files(self, card: int) -> dict[str, VerifiedFile]:
        """Return what is known of a card's hashed files, by path in the roll."""
        rows = self._db.execute("select path, facts from files where card = ?", (card,))
        return {row["path"]: wire.load(VerifiedFile, row["facts"]) for row in rows}

    def add_files(self, card: int, files: Iterable[VerifiedFile]) -> None:
        """Note files that were hashed and found good."""
        rows = [(card, file.path, wire.dump(VerifiedFile, file)) for file in files]
        with self.transaction():
            self._db.executemany("insert or replace into files values (?, ?, ?)", rows)

    # Looks

    def looks(self) -> list[tuple[str, str, FileMark, LookFile]]:
        """Return the look files that were read: root, path under it, mark, and what each holds."""
        rows = self._db.execute("select * from looks order by root, path")
        return [
            (row["root"], row["path"], wire.load(FileMark, row["mark"]), wire.load(LookFile, row["entries"]))
            for row in rows
        ]

    def keep_look(self, root: str, path: str, mark: FileMark, file: LookFile) -> None:
        """Keep what a look file holds, over what it held before."""
        values = (root, path, wire.dump(FileMark, mark), wire.dump(LookFile, file))
        with self.transaction():
            self._db.execute("insert or replace into looks values (?, ?, ?, ?)", values)

    def drop_look(self, root: str, path: str) -> None:
        """Forget a look file that is gone."""
        with self.transaction():
            self._db.execute("delete from looks where root = ? and path = ?", (root, path))

    # Proxies

    def proxies(self, clip: int, twin: Twin | None = None, state: ProxyState = ProxyState.LANDED) -> list[Proxy]:
        """Return a clip's proxies in place, or in another state, oldest revision first."""
        rows = self._db.execute("select * from proxies where clip = ? and landed = ? order by revision", (clip, state))
        return [proxy for proxy in map(Proxy.from_row, rows) if twin is None or proxy.facts.twin is twin]

    def let_go_of(self) -> list[Proxy]:
        """Return the proxies that are to be removed."""
        rows = self._db.execute("select * from proxies where landed = ? order by id", (ProxyState.LET_GO,))
        return [Proxy.from_row(row) for row in rows]

    def intended(self) -> list[Proxy]:
        """Return the proxies that were about to be put in place."""
        return [Proxy.from_row(row) for row in self._db.execute("select * from proxies where not landed order by id")]

    def next_revision(self, clip: int, twin: Twin) -> int:
        """Return the revision that the next proxy of this twin gets, from 1."""
        query = "select coalesce(max(revision), 0) + 1 as n from proxies where clip = ? and twin = ?"
        return int(self._db.execute(query, (clip, twin)).fetchone()["n"])

    def intend(self, clip: int, want: str, staged: str, facts: Published, still: str) -> int:
        """Note that a staged proxy is about to be put in place, and return its id."""
        with self.transaction():
            row = self._db.execute(
                "insert into proxies (clip, twin, revision, want, staged, facts, still) "
                "values (?, ?, ?, ?, ?, ?, ?) returning id",
                (clip, facts.twin, facts.revision, want, staged, wire.dump(Published, facts), still),
            ).fetchone()
        return int(row["id"])

    def proxy(self, proxy: int) -> Proxy:
        """Return one proxy, intended or in place."""
        return Proxy.from_row(self._db.execute("select * from proxies where id = ?", (proxy,)).fetchone())

    def landed(self, proxy: int) -> None:
        """Note that an intended proxy is in place."""
        with self.transaction():
            self._db.execute("update proxies set landed = 1 where id = ?", (proxy,))

    def let_go(self, proxy: int, card: int) -> None:
        """Note that a proxy is to be removed, which makes its card's turnover due: no sidecar may name it any more."""
        with self.transaction():
            query = "update proxies set landed = ? where id = ? and landed = ?"
            self._db.execute(query, (ProxyState.LET_GO, proxy, ProxyState.LANDED))
            self._db.execute("update cards set turnover_due = 1 where id = ?", (card,))

    def gone(self, proxy: int) -> None:
        """Note that a proxy that was let go is removed."""
        with self.transaction():
            query = "update proxies set landed = ? where id = ? and landed = ?"
            self._db.execute(query, (ProxyState.GONE, proxy, ProxyState.LET_GO))

    def forget_intent(self, proxy: int) -> None:
        """Drop an intent whose staged file is gone."""
        with self.transaction():
            self._db.execute("delete from proxies where id = ? and not landed", (proxy,))
