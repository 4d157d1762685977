"""Render: the plain proxy first, then its enhanced twin; each checked against the relink contract.

Plan side: decide from the recipe what each probed clip should have, queue what is not there yet, publish
what a child finished. Work side: decode, conform, enhance, encode, check, hash.
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from daemon import wire
from daemon.errors import DiskFull
from daemon.hashing import hash_file
from daemon.log import get
from daemon.production import Moment, Production, key_of
from daemon.publish import fsync_file
from daemon.recipe import Words
from daemon.slate import TWIN_FOLDER, Published, Twin
from daemon.stages.landing import land
from daemon.stages.probe import Source, opened, source_of, words_of
from daemon.states import ClipEvent, ClipState, JobState
from daemon.store import Clip, Job
from daemon.turnover.naming import revision_name
from daemon.worker import Progress
from engines.errors import EncodeFailed
from engines.media.essence import Essence, FieldOrder
from engines.media.proxy import ProxySpec, spec_for

LANE = "render"
PRIORITY = {Twin.PLAIN: 20, Twin.ENHANCED: 40}
_VERSION = "1"
"""Raise it when the same recipe makes another picture, so that clips are made again."""


@dataclass(frozen=True, slots=True)
class Restore:
    """How the enhanced twin is restored: blend 0-1, model by name, engine by name."""

    strength: float
    model: str
    engine: str


@dataclass(frozen=True, slots=True)
class RenderTask:
    """One proxy to make; `restore` is None for the plain twin."""

    source: Source
    essence: Essence
    spec: ProxySpec
    twin: Twin
    want: str
    restore: Restore | None
    staged: str
    still: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a child made; `model` and `engine` say what enhanced it, `noise` what it measured."""

    xxh128: str
    size_bytes: int
    model: str
    engine: str
    noise: dict[str, float]
    seconds: float


class Render:
    """The plan side."""

    name = "render"

    def plan(self, production: Production, now: Moment) -> None:
        """Queue the plain proxy of a probed clip, then its enhanced twin."""
        for clip in production.store.clips(states=[ClipState.PROBED]):
            self._want(production, clip, Twin.PLAIN, ClipEvent.PLAIN_PUBLISHED, now)
        for clip in production.store.clips(states=[ClipState.PROXIED]):
            if why_not_enhanced(production, clip):
                production.store.happen(clip.id, ClipEvent.ENHANCED_PUBLISHED, now.iso)
            else:
                self._want(production, clip, Twin.ENHANCED, ClipEvent.ENHANCED_PUBLISHED, now)

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Put the finished proxy in place."""
        task = wire.load(RenderTask, job.task)
        made = wire.load(Rendered, result)
        store = production.store
        revision = store.next_revision(job.clip, task.twin)
        clip = store.clip(job.clip)
        facts = Published(
            twin=task.twin,
            revision=revision,
            path=f"{TWIN_FOLDER[task.twin]}/{revision_name(delivered_name(production, clip), revision)}",
            xxh128=made.xxh128,
            size_bytes=made.size_bytes,
            width=task.spec.width,
            height=task.spec.height,
            codec=task.spec.codec,
            model=made.model,
            engine=made.engine,
            recipe=clip.want,
            published_at=now.iso,
            noise=made.noise,
            marks=marks_of(production, clip),
        )
        proxy = store.intend(clip.id, job.key, task.staged, facts, (task.still,))
        land(production, store.proxy(proxy), now)

    def _want(self, production: Production, clip: Clip, twin: Twin, event: ClipEvent, now: Moment) -> None:
        """Fire the event if the current proxy is what the recipe wants, else queue it."""
        store = production.store
        assert clip.essence is not None
        words = words_of(production, clip)
        want = want_of(production, clip, words, twin)
        landed = store.proxies(clip.id, twin)
        if landed and landed[-1].want == want:
            store.happen(clip.id, event, now.iso)
            return
        if clip.want != words.digest():
            store.set_clip(clip.id, want=words.digest())
        task = _task(production, clip, clip.essence, words, twin, want)
        store.add_job(
            key=want,
            clip=clip.id,
            stage=self.name,
            lane=LANE,
            priority=PRIORITY[twin],
            task=wire.dump(RenderTask, task),
        )


def why_not_enhanced(production: Production, clip: Clip) -> str:
    """Return why a clip gets no enhanced twin, empty if it gets one."""
    assert clip.essence is not None
    if not production.config.enhance.restore.enabled:
        return "enhancement is switched off"
    words = words_of(production, clip)
    if clip.essence.field_order is not FieldOrder.PROGRESSIVE and not words.source.deinterlace:
        return "not enhanced: interlaced, and the recipe does not deinterlace"
    return ""


def want_of(production: Production, clip: Clip, words: Words, twin: Twin) -> str:
    """Return the idempotency key of a proxy: source bytes, recipe, model by name, settings."""
    restore = _restore(production, words) if twin is Twin.ENHANCED else None
    spec = _spec(clip, words)
    return key_of(
        "render",
        _VERSION,
        str(clip.id),
        clip.identity,
        twin,
        wire.dump(ProxySpec, spec),
        wire.dump(Restore, restore) if restore else "",
    )


def delivered_name(production: Production, clip: Clip) -> str:
    """Return the clip's file name in the delivery, sanitised and unique in its roll."""
    from daemon.turnover.naming import unique

    names = [other.name for other in production.store.clips(card=clip.card)]
    return unique(names)[names.index(clip.name)]


def marks_of(production: Production, clip: Clip) -> tuple[str, ...]:
    """Return what an editor must know of a clip's proxies."""
    marks = []
    if clip.custody == "unverified":
        marks.append("unverified")
    if clip.found.raw_format:
        marks.append(f"stand-in for {clip.found.raw_format}")
    if reason := why_not_enhanced(production, clip):
        marks.append(reason)
    return tuple(marks)


def _restore(production: Production, words: Words) -> Restore:
    return Restore(words.restore.strength, production.config.enhance.restore.model, production.config.engine)


def _spec(clip: Clip, words: Words) -> ProxySpec:
    assert clip.essence is not None
    return spec_for(
        clip.essence,
        codec=words.proxy.codec,
        width=words.proxy.width,
        clip_name=clip.name,
        reel=clip.reel,
        deinterlace=words.source.deinterlace,
        rotation=words.source.rotation,
    )


def _task(
    production: Production, clip: Clip, essence: Essence, words: Words, twin: Twin, want: str
) -> RenderTask:
    staged = production.staging / f"{want[:32]}"
    return RenderTask(
        source=source_of(production, clip),
        essence=essence,
        spec=_spec(clip, words),
        twin=twin,
        want=want,
        restore=_restore(production, words) if twin is Twin.ENHANCED else None,
        staged=f"{staged}.mov",
        still=f"{staged}.jpg",
    )
