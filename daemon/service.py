"""The service: one loop, `tick(now)`. Plan every stage, start what is due, take what is done.

Everything that lasts is in the store; this holds only what a restart may forget. Signals set a flag.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress

from pydantic import ValidationError

from daemon import models, queue, recipe, replay
from daemon.capacity import Capacity
from daemon.certificates import Certificates
from daemon.errors import DeliveryError, NearsetError, RecipeError, RootAway, WorkersAway
from daemon.executor import Executor, Report
from daemon.lanes import lay_ground
from daemon.log import get
from daemon.metrics import Tally
from daemon.outcomes import Ending, outcome_of, tell
from daemon.pace import Pace
from daemon.pipeline import Stage, WorkingStage, stages
from daemon.production import Moment, Production
from daemon.publish import sweep
from daemon.queueing import LEARNING
from daemon.requests import Request, Wish, take_requests
from daemon.rows import NO_TROUBLE, Able
from daemon.slate import Trouble
from daemon.stages import landing, part
from daemon.stages.deliver import LANE as DELIVER
from daemon.stages.intake import Intake
from daemon.stages.looks import as_laid, revise
from daemon.stages.manifest import substituted
from daemon.stages.render import LANE as RENDER
from daemon.stages.render import joins
from daemon.stages.turnover import Turnover
from daemon.states import CLIP_TABLE, GATE_STATES, SETTLED_STATES, ClipEvent, ClipState, JobEvent, JobState
from daemon.status import Snapshot, snapshot
from daemon.store import Clip, Job, trouble_of
from daemon.telling import Teller
from daemon.verdicts import Verdict, verdict_of

_LEASE_SECONDS = 60.0
"""How long a claimed job is believed in without a word from its worker."""
_AWAY = frozenset({RootAway.code, WorkersAway.code})
"""Troubles that are no fault of the job: they cost no attempt."""
_LANES = ("custody", RENDER, DELIVER)


class Service:
    """Serves one production until told to stop."""

    def __init__(self, production: Production, executor: Executor) -> None:
        self.production = production
        self._executor = executor
        self._stages = {stage.name: stage for stage in stages()}
        self._working = {name: stage for name, stage in self._stages.items() if isinstance(stage, WorkingStage)}
        self._recipe_mark: tuple[int, int] | None = None
        self._started: dict[int, float] = {}
        self._pace = Pace.kept(production.config.production_state)
        self._capacity = Capacity()
        self.tally = Tally()
        self._teller = Teller()
        self._stuck: dict[str, str] = {}
        self._littered = False
        self._doubted: set[int] = set()
        self._stirred = False
        self._drains = False

    def hint(self, roots: set[str]) -> None:
        """Scan these roots at the next tick."""
        intake = self._stages["intake"]
        assert isinstance(intake, Intake)
        for root in roots:
            intake.hint(root)

    def drain(self) -> None:
        """Begin no further job."""
        self._drains = True

    def scan_moved(self, now: float) -> float:
        """Return when the roots were last scanned in time, in monotonic seconds."""
        intake = self._stages["intake"]
        assert isinstance(intake, Intake)
        return intake.moved(now)

    def start(self, now: Moment) -> None:
        """Take up what a run before left: intents first, then leases, then leftovers in the staging folder."""
        store = self.production.store
        landing.take_up(self.production, now)
        models.point(self.production)
        for job in store.expired(None):
            store.uncount(job.id)
            store.finish(job.id, JobEvent.STUMBLED)
        store.end_pauses(now.utc_seconds, self.production.config.workers.retry_seconds)
        replay.tidy(self.production)
        self._sweep()
        if self.production.config.provenance.sign:
            Certificates(self.production.config.certificates).make(self.production.config.production.code, now.utc)
        self._recipe_mark = self._recipe_seen()
        revise(self.production, now, words_changed=True)

    def tick(self, now: Moment, wait_seconds: float) -> None:
        """Do what is due now; waits at most so long for a worker's word."""
        if self._teller.tell_clock(now):
            self.production.store.end_pauses(now.utc_seconds, self.production.config.workers.retry_seconds)
        self._heed_requests(now)
        self._reload_recipe(now)
        paused = self.production.store.pauses()
        for stage in self._stages.values():
            if stage.name in self._working or stage.name not in paused:  # what children do waits in the queue
                self._plan(stage, now)
        self._capacity.look(self.production, now)
        self._yield_to_proxies(now)
        self._start_jobs(now)
        reports = self._executor.poll(now.monotonic, wait_seconds)
        for report in reports:
            self._take(report, now)
        self._teller.tell(self.production, now)
        self._stirred = bool(reports)
        self._keep_leases(now)
        if self._littered and not self._executor.running():
            self._sweep()

    def _plan(self, stage: Stage, now: Moment) -> None:
        """Let a stage plan; what it cannot do is told once, and the next tick tries again: it stops no other stage."""
        try:
            stage.plan(self.production, now)
            self._stuck.pop(stage.name, None)
        except (NearsetError, OSError) as error:
            if self._stuck.get(stage.name) != str(error):
                told = trouble_of(error) if isinstance(error, NearsetError) else _refused(stage.name, error)
                get().error("stage.stuck", stage=stage.name, code=told.code, why=told.why, fix=told.fix)
            self._stuck[stage.name] = str(error)

    def _sweep(self) -> None:
        """Remove from the staging folder what no intent and no join needs; a volume that refuses keeps it for now."""
        self._littered = False
        intended = self.production.store.intended()
        needed = frozenset(name for it in intended for name in (it.staged, *it.staged_files, it.still))
        try:
            sweep(self.production.staging, keep=needed | part.kept(self.production))
        except DeliveryError as error:
            get().warning("staging.not_swept", code=error.code, why=error.why, fix=error.fix)

    def is_idle(self) -> bool:
        """Return whether nothing is left that the service itself can do."""
        store = self.production.store
        if self._stirred:
            return False  # what came in may be work for the next stage
        jobs, paused = store.jobs(JobState.QUEUED, JobState.LEASED), store.pauses()
        no_room = {RENDER} if self._capacity.trouble.code else set()
        waits = {job.clip for job in jobs if job.stage in paused or job.lane in no_room}
        if self._executor.running() or not all(job.clip in waits or bool(self._away(job)) for job in jobs):
            return False
        due = "turnover" not in paused and any(
            card.turnover_due and card.shoot_day and card.id not in self.production.unwritten
            for card in store.cards()
            if self._has_delivered(card.id)
        )
        if self._stuck:
            return True
        turnover = self._stages["turnover"]
        assert isinstance(turnover, Turnover)
        due = due or not ("turnover" in paused or turnover.is_through)
        return not due and all(clip.id in waits or self._rests(clip) for clip in store.clips())

    def snapshot(self, now: Moment) -> Snapshot:
        """Return what a status shows."""
        return snapshot(self.production, self._executor, now, self._pace, self._capacity, self.tally.gpu)

    def _has_delivered(self, card: int) -> bool:
        return any(self.production.store.proxies(clip.id) for clip in self.production.store.clips(card=card))

    def _rests(self, clip: Clip) -> bool:
        """Return whether a clip moves no more: settled, parked, or waiting for a manifest or half of its recording."""
        if clip.state in SETTLED_STATES or self._is_parked(clip):
            return True
        if clip.state is ClipState.PROBED and clip.id in self.production.waiting:
            return True  # for its other half, as long as the configuration says
        seen = self.production.seen.get(clip.card)
        is_still = not (seen and seen.busy)  # not seen: its folder cannot be read, or is there no more
        return clip.state in GATE_STATES and clip.id in self.production.waiting and is_still

    def _is_parked(self, clip: Clip) -> bool:
        """Return whether a clip's root is away."""
        return self.production.store.card(clip.card).root in self.production.roots_away

    def _away(self, job: Job) -> set[str]:
        """Return the root that a job waits for: that of its clip, if it is away; what is delivered reads no root."""
        root = self.production.store.card(self.production.store.clip(job.clip).card).root
        return {root} & self.production.roots_away.keys() if job.lane != DELIVER else set()

    def _start_jobs(self, now: Moment) -> None:
        store = self.production.store
        for lane in _LANES if self.production.config.delivery.targets else _LANES[:-1]:
            while self._executor.free(lane) and not self._drains:
                token = uuid.uuid4().hex
                ahead_of = LEARNING if self._serves(lane) else None
                away = () if lane == DELIVER else self.production.roots_away
                able = self._able(lane)
                if lane == RENDER and not self._has_room(now, away, ahead_of, able):
                    break
                job = store.claim(lane, token, now.utc_seconds, _LEASE_SECONDS, away, ahead_of, able)
                if job is None:
                    break
                self._started[job.id] = now.monotonic
                with suppress(OSError):  # a volume that refuses is the job's trouble
                    lay_ground(self.production.config)
                self._executor.start(lane, job.id, token, job.stage, job.task, now.monotonic)

    def _able(self, lane: str) -> Able:
        """Return what whoever is free in a lane takes: on nodes alone, nothing that a node could not do."""
        stages = self._executor.takes(lane)
        return Able(stages, frozenset() if stages is None else frozenset(self._doubted))

    def _has_room(self, now: Moment, away: Iterable[str], ahead_of: int | None, able: Able) -> bool:
        """Return whether the volume of deliveries has room for what is rendered next."""
        job = self.production.store.due(RENDER, now.utc_seconds, away, ahead_of, able)
        return self._capacity.allows(self.production, job, self._executor.running())

    def _serves(self, lane: str) -> bool:
        """Return whether a lane does work that clips wait for; beside it nothing is learned."""
        store = self.production.store
        return any(
            self._working[running.stage].is_vital and store.job(running.job).lane == lane
            for running in self._executor.running()
        )

    def _yield_to_proxies(self, now: Moment) -> None:
        """Interrupt learning where a proxy waits; it begins again later and loses only its time."""
        store = self.production.store
        for running in self._executor.running():
            job = store.job(running.job)
            if job.priority < LEARNING or not store.holds(running.job, running.token):
                continue
            lane = job.lane
            if store.waits_before(lane, LEARNING, now.utc_seconds, self.production.roots_away):
                self._executor.cancel(running.job)
                store.uncount(running.job)
                store.finish(running.job, JobEvent.STUMBLED)
                get().info("learning.yields", stage=running.stage)

    def _take(self, report: Report, now: Moment) -> None:
        """Take a report; one whose lease is no longer held is not wanted any more."""
        store = self.production.store
        self._littered = True
        if not store.holds(report.job, report.token):
            return
        job = store.job(report.job)
        seconds = now.monotonic - self._started.pop(job.id, now.monotonic)
        clip = store.clip(job.clip)
        if trouble := report.trouble or self._settled(job, report.result, now):
            trouble = as_laid(self.production, clip, trouble)
        if not trouble and not joins(job):
            self._pace.note(self.production, clip, job.stage, seconds)
        ending = self._stumble(job, trouble, now, report.node) if trouble else Ending.DONE
        outcome = outcome_of(
            self.production, clip, job, ending, seconds, report.result, trouble or NO_TROUBLE, report.node
        )
        tell(outcome)
        self.tally.note(outcome)

    def _settled(self, job: Job, result: str, now: Moment) -> Trouble | None:
        """Hand a result to its stage, and return the trouble it met."""
        try:
            self._working[job.stage].settle(self.production, job, result, now)
        except NearsetError as error:
            return trouble_of(error)
        except OSError as error:
            return _refused(job.stage, error)
        except ValidationError as error:  # a child that read hostile media may answer anything: that costs one job
            return Trouble("worker", f"the answer of {job.stage} cannot be read", str(error), "look at the clip")
        return None

    def _stumble(self, job: Job, trouble: Trouble, now: Moment, node: str) -> Ending:
        """Retry, hold or give up, by the table of verdicts; a root that went away costs no attempt.

        A node's word stops no clip: its volumes may not be mounted. What would be held is tried on this machine first.
        """
        store = self.production.store
        clip = store.clip(job.clip)
        workers = self.production.config.workers
        verdict = verdict_of(trouble.code)
        away = self._away(job) or (trouble.code in _AWAY and job.lane != DELIVER)
        doubted = node and (verdict is not Verdict.RETRY or trouble.code == RootAway.code)
        self._doubted = (self._doubted | {job.id}) if doubted else self._doubted - {job.id}
        with store.transaction():
            if doubted:
                store.uncount(job.id)
                store.finish(job.id, JobEvent.STUMBLED, trouble=trouble)
                return Ending.RETRIED
            if away:
                store.uncount(job.id)
                store.finish(job.id, JobEvent.STUMBLED, trouble=trouble)
                return Ending.PARKED
            if verdict is Verdict.RETRY and job.attempt < workers.attempts:
                pause = workers.retry_seconds * 2 ** (job.attempt - 1)
                store.finish(job.id, JobEvent.STUMBLED, not_before=now.utc_seconds + pause, trouble=trouble)
                return Ending.RETRIED
            store.finish(job.id, JobEvent.GIVEN_UP, trouble=trouble)
            if verdict is Verdict.UNDECODABLE and job.stage == "probe" and substituted(self.production, clip):
                return Ending.GIVEN_UP  # the stand-in is probed next
            if self._working[job.stage].is_told:
                store.set_card(clip.card, turnover_due=1)  # its record says so
            if self._working[job.stage].is_vital and _EVENTS[verdict] in CLIP_TABLE[clip.state]:
                store.happen(clip.id, _EVENTS[verdict], now.iso, trouble)  # else the clip went on, as configured since
        return Ending.GIVEN_UP

    def _keep_leases(self, now: Moment) -> None:
        for running in self._executor.running():
            if self.production.store.holds(running.job, running.token):
                self.production.store.extend(running.job, running.token, now.utc_seconds + _LEASE_SECONDS)
            else:
                self._executor.cancel(running.job)
                self._littered = True

    def _reload_recipe(self, now: Moment) -> None:
        """Take in a recipe that changed; a faulty one is told once and the last good one stays."""
        mark = self._recipe_seen()
        if mark == self._recipe_mark:
            return
        self._recipe_mark = mark
        try:
            self.production.recipes = recipe.load(self.production.config.production.recipe, self.production.config)
        except RecipeError as error:
            why = "; ".join(filter(None, map(str.strip, error.why.splitlines())))  # a line of the log is one line
            get().error("recipe.refused", why=why, fix=error.fix)
            return
        get().info("recipe.loaded")
        revise(self.production, now, words_changed=True)

    def _recipe_seen(self) -> tuple[int, int] | None:
        path = self.production.config.production.recipe
        try:
            seen = path.stat() if path else None
        except OSError:
            return None
        return (seen.st_mtime_ns, seen.st_size) if seen else None

    def _heed_requests(self, now: Moment) -> None:
        for request in take_requests(self.production.config.production_state):
            self._heed(request, now)

    def _heed(self, request: Request, now: Moment) -> None:
        """Do what a person asked for; what cannot be is told in the log and changes nothing."""
        try:
            if request.wish is Wish.PROMOTE:
                models.promote(self.production, request.subject, now)
            elif request.wish is Wish.ROLLBACK:
                models.rollback(self.production, request.subject, now)
            elif not queue.heed(self.production, request, now):
                self._retry(request.subject, now)
        except NearsetError as error:
            get().error("request.refused", wish=request.wish, what=error.what, why=error.why, fix=error.fix)

    def _retry(self, pattern: str, now: Moment) -> None:
        store = self.production.store
        told = [name for name, stage in self._working.items() if stage.is_told]
        with store.transaction():
            for clip in store.clips_named(pattern):
                if clip.state in {ClipState.HELD, ClipState.FAILED, ClipState.UNDECODABLE}:
                    get().info("clip.retried", clip=clip.name, state=clip.state)
                    store.happen(clip.id, ClipEvent.RETRIED, now.iso)
                elif dropped := store.drop_given_up(clip.id, told):
                    get().info("clip.retried", clip=clip.name, stage=", ".join(dropped))


def _refused(stage: str, error: OSError) -> Trouble:
    """Return what to tell of a file or folder that the operating system refuses."""
    why = f"{error.strerror or error} ({error.filename})" if error.filename else str(error)
    fix = "check that the volume is there and may be used; it is tried again"
    return Trouble("delivery", f"{stage} cannot go on", why, fix)


_EVENTS = {
    Verdict.RETRY: ClipEvent.GIVEN_UP,
    Verdict.HOLD: ClipEvent.HOLD,
    Verdict.PARK: ClipEvent.HOLD,
    Verdict.CHANGED: ClipEvent.CHANGED,
    Verdict.UNDECODABLE: ClipEvent.CANNOT_DECODE,
}
