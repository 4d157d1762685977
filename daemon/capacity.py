"""Capacity: how much room deliveries have, how much what is to be made needs, and that nothing is begun without.

Looks at the volumes before a rendering is begun, so that a disk is never written full: what waits for room goes on by
itself when there is some. Where a volume fills all the same, a job fails with `delivery.disk_full`. Of clips that were
not probed yet nobody knows what they need.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from daemon import wire
from daemon.errors import DiskLow, NearsetError
from daemon.estimates import part_bytes, proxy_bytes
from daemon.executor import Running
from daemon.log import get
from daemon.pace import twins_left
from daemon.production import Moment, Production
from daemon.recipe import RecipeBook
from daemon.rows import NO_TROUBLE
from daemon.slate import Trouble
from daemon.stages.part import Part, PartTask, between_bytes
from daemon.stages.probe import words_of
from daemon.stages.render import Render, RenderTask, specs_of
from daemon.states import ClipState
from daemon.store import Clip, Job, trouble_of
from daemon.volumes import GIB, STATE_KEEP_BYTES, room_at, said
from engines.media.essence import Essence

_LOOK_SECONDS = 5.0
"""Between two looks at what all clips need; what a job needs is looked at as it is begun."""
_SLACK = 0.1
"""Of the room that stays free: so much more must be there before work goes on, so that it does not stop and go."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume that the production writes to, in bytes: what stays free of it, and what is to be made needs."""

    name: str
    path: str
    size_bytes: int
    free_bytes: int
    keep_bytes: int
    needed_bytes: int

    @property
    def is_low(self) -> bool:
        """Whether what is known of does not fit."""
        return self.free_bytes < self.keep_bytes + self.needed_bytes


@dataclass(slots=True)
class Capacity:
    """The room of one production's volumes as last looked at; `trouble` says why nothing is begun, if so."""

    trouble: Trouble = NO_TROUBLE
    volumes: tuple[Volume, ...] = ()
    _needs: dict[int, tuple[RecipeBook, Essence, int]] = field(default_factory=dict)
    _due: float = float("-inf")

    def look(self, production: Production, now: Moment) -> None:
        """Look at the volumes and at what the clips still need, now and again."""
        if now.monotonic < self._due:
            return
        self._due = now.monotonic + _LOOK_SECONDS
        states = (ClipState.READY, ClipState.PROBED, ClipState.PROXIED)
        clips = production.store.clips(states=states)
        needed = sum(self._need(production, clip) * len(twins_left(production, clip)) for clip in clips)
        needed += max((between_bytes(production, clip) for clip in clips), default=0)  # one clip's parts at a time
        config = production.config
        keep = int(config.delivery.keep_free_gib * GIB)
        places = [
            ("delivery", config.production_delivery, keep, needed),
            ("state", config.production_state, STATE_KEEP_BYTES, 0),
        ]
        places += [(target.name, target.path, keep, 0) for target in config.delivery.targets if target.path]
        self.volumes = tuple(volume for place in places if (volume := _volume(*place)))

    def allows(self, production: Production, job: Job | None, running: Iterable[Running]) -> bool:
        """Return whether there is room for the lane's next job beside those under way; the log says once that not.

        None where nothing is next, so that nothing waits.
        """
        if job is None:
            self._tell(NO_TROUBLE)
            return True
        store = production.store
        under_way = sum(_left(store.job(task.job), task) for task in running)
        keep = int(production.config.delivery.keep_free_gib * GIB)
        slack = int(keep * _SLACK) if self.trouble.code else 0
        need = keep + slack + under_way + self._to_begin(production, job)
        try:
            size, free = room_at(production.config.production_delivery)
        except OSError:
            return True  # the job will say what is wrong with the volume
        self._tell(_trouble(production, need, free) if size and free < need else NO_TROUBLE)
        return not self.trouble.code

    def _to_begin(self, production: Production, job: Job) -> int:
        """Return about how many bytes a job needs to be of use: a part needs those behind it, and their twin."""
        if job.stage != Part.name:
            return _task_bytes(job)
        task = wire.load(PartTask, job.task)
        rest = part_bytes(task.working, task.essence.frames - task.first)
        return rest + self._need(production, production.store.clip(job.clip))

    def _tell(self, trouble: Trouble) -> None:
        before, self.trouble = self.trouble, trouble
        if trouble.code and not before.code:
            get().warning("delivery.waits", code=trouble.code, what=trouble.what, why=trouble.why, fix=trouble.fix)
        elif before.code and not trouble.code:
            get().info("delivery.goes_on", why="there is room again")

    def _need(self, production: Production, clip: Clip) -> int:
        """Return about how many bytes one twin of a clip will have; kept while its recipe and essence are the same."""
        if clip.essence is None:
            return 0
        book, essence, need = self._needs.get(clip.id, (None, None, 0))
        if book is not production.recipes or essence != clip.essence:
            try:
                specs = specs_of(production, clip, words_of(production, clip))
                need = sum(proxy_bytes(clip.essence, spec) for spec in specs.proxies)
            except NearsetError:
                need = 0  # nothing can be made of it, which its own trouble says
            self._needs[clip.id] = (production.recipes, clip.essence, need)
        return need


def _volume(name: str, path: Path, keep_bytes: int, needed_bytes: int) -> Volume | None:
    """Return a volume as it is now; None where it does not answer."""
    try:
        size, free = room_at(path)
    except OSError:
        return None
    return Volume(name, str(path), size, free, keep_bytes, needed_bytes)


def _left(job: Job, task: Running) -> int:
    """Return about how many bytes a job under way will still write."""
    return int(_task_bytes(job) * (1 - task.done / task.total)) if task.total else _task_bytes(job)


def _task_bytes(job: Job) -> int:
    """Return about how many bytes a job will write to the delivery volume; of a rendering alone that can be told."""
    if job.stage == Part.name:
        part = wire.load(PartTask, job.task)
        return part_bytes(part.working, part.end - part.first)
    if job.stage != Render.name:
        return 0
    task = wire.load(RenderTask, job.task)
    return sum(proxy_bytes(task.essence, spec) for spec in task.proxies)


def _trouble(production: Production, need: int, free: int) -> Trouble:
    place = production.config.production_delivery
    return trouble_of(
        DiskLow(
            "deliveries wait for room",
            why=f"{said(free)} are free on the volume of {place}, and {said(need)} are needed for what comes next",
            fix="make room there, or lower delivery.keep_free_gib; they go on by themselves",
        )
    )
