"""The queue of one production, in the database: jobs, in which order they run, and which stages are paused.

A part of the store, over the same connection; what its rows mean is in `rows.py`. The order is one piece of SQL,
`_ORDER`, for whoever claims a job and whoever asks to see the queue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from daemon import wire
from daemon.database import Database
from daemon.rows import NO_TROUBLE, Able, Clip, Job, Waiting
from daemon.slate import Trouble
from daemon.states import JOB_TABLE, JobEvent, JobState, fire

BACKGROUND = 50
"""From this priority on no clip waits for a job: such jobs come behind all others, those tried before too."""
LEARNING = 80
"""From this priority on a job yields to any other, so it comes behind those, too: else it would be taken and let go."""
_ORDER = (
    f"jobs.priority >= {LEARNING}, jobs.priority >= {BACKGROUND}, clips.precedence desc, jobs.attempt > 0, "
    "jobs.priority, clips.circled desc, jobs.backfill, "
    "case cards.shoot_day when '' then 'new' else cards.shoot_day end desc, jobs.id"
)
"""A person's word first and what was tried before last; in between a stage's circled takes, then what was never
delivered, the newest shoot day first (a card without one was not probed yet, so it is new), then as planned."""
_PLACED = "jobs join clips on clips.id = jobs.clip join cards on cards.id = clips.card"
_ALL = Able()
_RUNS = "jobs.stage not in (select stage from pauses)"


class Queueing(Database):
    """One production's jobs."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        super().__init__(path, read_only=read_only)
        self._planned: set[tuple[int, str]] = set()

    def add_job(
        self, *, key: str, clip: int, stage: str, lane: str, priority: int, task: str, backfill: bool = False
    ) -> bool:
        """Queue a job under its idempotency key; one that was dropped or done before is queued again.

        `backfill` says that what it makes was delivered before. Returns whether there is something to do now that was
        not before.
        """
        self._planned.add((clip, stage))
        with self.transaction():
            row = self._db.execute("select id, state from jobs where key = ?", (key,)).fetchone()
            if row is None:
                self._db.execute(
                    "insert into jobs (key, clip, stage, lane, priority, state, task, backfill) "
                    "values (?, ?, ?, ?, ?, ?, ?, ?)",
                    (key, clip, stage, lane, priority, JobState.QUEUED, task, backfill),
                )
                return True
            if JobState(row["state"]) in {JobState.QUEUED, JobState.LEASED}:
                return False
            state = fire(JOB_TABLE, JobState(row["state"]), JobEvent.RETRIED)
            self._db.execute(
                "update jobs set state = ?, clip = ?, task = ?, priority = ?, backfill = ?, attempt = 0, "
                "not_before = 0, token = '', trouble = '' where id = ?",
                (state, clip, task, priority, backfill, row["id"]),
            )
            return True

    def jobs(self, *states: JobState) -> list[Job]:
        """Return jobs in these states (all without), in the order in which they will run."""
        wanted = [str(state) for state in states or tuple(JobState)]
        query = f"select jobs.* from {_PLACED} where jobs.state in ({', '.join('?' * len(wanted))}) order by {_ORDER}"
        return [Job.from_row(row) for row in self._db.execute(query, wanted)]

    def queue(self, most: int = -1) -> list[Waiting]:
        """Return the jobs under way, then those that wait, in the order in which they will run; at most so many."""
        query = (
            "select jobs.*, clips.name, clips.circled, clips.precedence, cards.roll, cards.root, cards.shoot_day, "
            f"not {_RUNS} as paused from {_PLACED} where jobs.state in (?, ?) "
            f"order by jobs.state != ?, {_ORDER} limit ?"
        )
        rows = self._db.execute(query, (JobState.QUEUED, JobState.LEASED, JobState.LEASED, most))
        return [Waiting.from_row(row) for row in rows]

    def job(self, job: int) -> Job:
        """Return one job."""
        return Job.from_row(self._db.execute("select * from jobs where id = ?", (job,)).fetchone())

    def queued(self) -> int:
        """Return how many jobs wait."""
        query = "select count(*) as n from jobs where state = ?"
        return int(self._db.execute(query, (JobState.QUEUED,)).fetchone()["n"])

    def queued_by_stage(self) -> dict[str, int]:
        """Return how many jobs wait in each stage."""
        query = "select stage, count(*) from jobs where state = ? group by stage"
        return dict(self._db.execute(query, (JobState.QUEUED,)).fetchall())

    def job_of(self, key: str) -> Job | None:
        """Return the job of a key; None where there never was one."""
        row = self._db.execute("select * from jobs where key = ?", (key,)).fetchone()
        return Job.from_row(row) if row else None

    def waits_before(self, lane: str, priority: int, now: float, away: Iterable[str]) -> bool:
        """Return whether a due job of a lane comes before a priority, on a root that is not away."""
        parked = list(away)
        query = (
            f"select 1 from {_PLACED} where jobs.state = ? and lane = ? and priority < ? and not_before <= ? "
            f"and {_RUNS} and cards.root not in ({', '.join('?' * len(parked))}) limit 1"
        )
        return self._db.execute(query, (JobState.QUEUED, lane, priority, now, *parked)).fetchone() is not None

    def claim(
        self,
        lane: str,
        token: str,
        now: float,
        lease_seconds: float,
        away: Iterable[str],
        ahead_of: int | None = None,
        able: Able = _ALL,
    ) -> Job | None:
        """Lease the next due job of a lane; see `due`. Returns None where there is none."""
        with self.transaction():
            job = self.due(lane, now, away, ahead_of, able)
            if job is None:
                return None
            self._db.execute(
                "update jobs set state = ?, token = ?, lease_until = ?, attempt = attempt + 1 where id = ?",
                (JobState.LEASED, token, now + lease_seconds, job.id),
            )
            return self.job(job.id)

    def due(
        self,
        lane: str,
        now: float,
        away: Iterable[str],
        ahead_of: int | None = None,
        able: Able = _ALL,
    ) -> Job | None:
        """Return the next due job of a lane whose root is not away and whose stage is not paused.

        Only one that whoever is free is `able` to do, and that comes before a priority, where one is given. None where
        there is none.
        """
        parked, stages, but = list(away), sorted(able.stages or ()), sorted(able.but)
        row = self._db.execute(
            f"select jobs.* from {_PLACED} where jobs.state = ? and lane = ? and not_before <= ? and {_RUNS} "
            "and priority < ifnull(?, priority + 1) "
            f"and (? or jobs.stage in ({', '.join('?' * len(stages))})) "
            f"and jobs.id not in ({', '.join('?' * len(but))}) "
            f"and cards.root not in ({', '.join('?' * len(parked))}) order by {_ORDER} limit 1",
            (JobState.QUEUED, lane, now, ahead_of, able.stages is None, *stages, *but, *parked),
        ).fetchone()
        return Job.from_row(row) if row else None

    def extend(self, job: int, token: str, lease_until: float) -> None:
        """Keep a lease alive while its worker makes progress."""
        with self.transaction():
            self._db.execute("update jobs set lease_until = ? where id = ? and token = ?", (lease_until, job, token))

    def holds(self, job: int, token: str) -> bool:
        """Return whether the token still holds the job's lease; an answer under another is not taken."""
        query = "select 1 from jobs where id = ? and token = ? and state = ?"
        return self._db.execute(query, (job, token, JobState.LEASED)).fetchone() is not None

    def finish(self, job: int, event: JobEvent, *, not_before: float = 0, trouble: Trouble = NO_TROUBLE) -> None:
        """Fire the event that ends a lease."""
        with self.transaction():
            state = fire(JOB_TABLE, self.job(job).state, event)
            self._db.execute(
                "update jobs set state = ?, token = '', not_before = ?, trouble = ? where id = ?",
                (state, not_before, wire.dump(Trouble, trouble) if trouble.code else "", job),
            )

    def end_pauses(self, now: float, retry_seconds: float) -> None:
        """End pauses that are longer than any is made: the clock was set back since, and they might last for years."""
        with self.transaction():
            self._db.execute(
                "update jobs set not_before = 0 where state = ? and not_before > ? + ? * (1 << max(attempt - 1, 0))",
                (JobState.QUEUED, now, retry_seconds),
            )

    def finish_by_key(self, key: str, event: JobEvent) -> None:
        """Fire the event that ends the job of a key, if it is leased; a restart may have ended it before."""
        query = "select id from jobs where key = ? and state = ?"
        if row := self._db.execute(query, (key, JobState.LEASED)).fetchone():
            self.finish(row["id"], event)

    def uncount(self, job: int) -> None:
        """Take back an attempt that was no fault of the job (its root went away, the service stopped)."""
        with self.transaction():
            self._db.execute("update jobs set attempt = max(attempt - 1, 0) where id = ?", (job,))

    def expired(self, now: float | None) -> list[Job]:
        """Return the jobs whose lease ran out; with None all leased ones, for a start after a crash."""
        limit = float("inf") if now is None else now
        query = "select * from jobs where state = ? and lease_until <= ? order by id"
        return [Job.from_row(row) for row in self._db.execute(query, (JobState.LEASED, limit))]

    def under_way(self, stage: str) -> set[int]:
        """Return the clips whose job of a stage was planned since the start and has not ended: nothing to plan there.

        A job of before the start counts only once it was planned again, since configuration may have changed.
        """
        query = "select distinct clip from jobs where stage = ? and state in (?, ?)"
        rows = self._db.execute(query, (stage, JobState.QUEUED, JobState.LEASED))
        return {row["clip"] for row in rows if (row["clip"], stage) in self._planned}

    def drop_queued(self, *stages: str) -> None:
        """Drop the queued jobs of stages, to be planned anew: the configuration may want them otherwise, or no more."""
        with self.transaction():
            for job in self.jobs(JobState.QUEUED):
                if job.stage in stages:
                    self.finish(job.id, JobEvent.DROPPED)

    def drop_given_up(self, clip: int, stages: Collection[str]) -> list[str]:
        """Drop a clip's jobs of stages that were given up, to be planned anew; return the stages that had any."""
        query = f"select id, stage from jobs where clip = ? and state = ? and stage in ({', '.join('?' * len(stages))})"
        with self.transaction():
            found = self._db.execute(query, (clip, JobState.FAILED, *stages)).fetchall()
            for row in found:
                self.finish(row["id"], JobEvent.DROPPED)
        return sorted({row["stage"] for row in found})

    def _drop_jobs(self, clip: int) -> None:
        query = "select id from jobs where clip = ? and state in (?, ?, ?)"
        for row in self._db.execute(query, (clip, JobState.QUEUED, JobState.LEASED, JobState.FAILED)).fetchall():
            self.finish(row["id"], JobEvent.DROPPED)

    # What a person asked for

    def pauses(self) -> dict[str, str]:
        """Return since when each paused stage is, ISO 8601."""
        return {row["stage"]: row["since"] for row in self._db.execute("select * from pauses order by stage")}

    def pause(self, stage: str, at: str) -> None:
        """Start no more work of a stage; what is under way ends."""
        with self.transaction():
            self._db.execute("insert into pauses values (?, ?) on conflict (stage) do nothing", (stage, at))

    def resume(self, stage: str) -> None:
        """Let a stage go on."""
        with self.transaction():
            self._db.execute("delete from pauses where stage = ?", (stage,))

    def put_first(self, clips: Iterable[Clip]) -> None:
        """Put the jobs of clips before all others, now and later."""
        self._place(clips, "ifnull((select max(precedence) from clips where precedence > 0), 0) + 1")

    def put_last(self, clips: Iterable[Clip]) -> None:
        """Put the jobs of clips behind all others, now and later."""
        self._place(clips, "ifnull((select min(precedence) from clips where precedence < 0), 0) - 1")

    def put_back(self, clips: Iterable[Clip]) -> None:
        """Take back what was asked for clips: their jobs run in the usual order."""
        self._place(clips, "0")

    def set_circled(self, clip: int, *, circled: bool) -> None:
        """Note whether a clip is a circled take."""
        with self.transaction():
            self._db.execute("update clips set circled = ? where id = ?", (circled, clip))

    def _place(self, clips: Iterable[Clip], precedence: str) -> None:
        with self.transaction():
            (value,) = self._db.execute(f"select {precedence}").fetchone()
            values = [(value, clip.id) for clip in clips]
            self._db.executemany("update clips set precedence = ? where id = ?", values)
