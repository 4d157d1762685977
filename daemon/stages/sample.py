"""Sample: keep a few moving cuts of a verified clip, for the production's model to learn from.

Plan side: only where training is approved, only clips that a manifest vouches for, that are delivered and that
nobody excluded. Work side: decode, conform as the proxy does, cut, measure the noise there, keep in the replay store.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from daemon import wire
from daemon.log import get
from daemon.presets import specs_for
from daemon.production import Moment, Production, key_of
from daemon.queueing import LEARNING
from daemon.replay import is_excluded, make_room
from daemon.stages.probe import Source, opened, source_of, words_of
from daemon.states import JobEvent, JobState
from daemon.store import Clip, Job, KeptSample, Store
from daemon.worker import Progress
from engines.media.essence import Essence
from engines.media.proxy import ProxySpec

if TYPE_CHECKING:
    from engines.media.frames import Picture
    from engines.model.noise import NoiseProfile


@dataclass(frozen=True, slots=True)
class Sample:
    """A cut in the replay store, by the digest of its pixels.

    `clip` is the identity of the camera file's bytes; a `holdout` judges and is never learned from.
    """

    digest: str
    clip: str
    camera: str
    first_frame: int
    frames: int
    holdout: bool
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SampleTask:
    """A clip to take `count` cuts from, into the folder `replay`."""

    source: Source
    essence: Essence
    working: ProxySpec
    clip: str
    replay: str
    count: int
    holdout: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """What was kept, and the clip's noise: variance of luma = shot * signal + read, code values / 1023."""

    samples: tuple[Sample, ...]
    camera: str
    iso: int
    shot: float
    read: float
    seconds: float


LANE, PRIORITY = "render", LEARNING
"""Behind all proxies, which interrupt it."""
_HOLDOUT_ONE_IN = 4
_VERSION = "1"


class Sampling:
    """The plan side."""

    name = "sample"
    is_vital = False
    is_told = False

    def plan(self, production: Production, now: Moment) -> None:
        """Queue the sampling of clips that may be learned from."""
        del now
        store = production.store
        planned = store.under_way(self.name)
        for clip in awaited(production):
            if clip.id not in planned:
                store.add_job(
                    key=key_of("sample", _VERSION, str(clip.id), clip.identity),
                    clip=clip.id,
                    stage=self.name,
                    lane=LANE,
                    priority=PRIORITY,
                    task=wire.dump(SampleTask, _task(production, clip)),
                )

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Note the cuts and the camera's noise."""
        taken = wire.load(Taken, result)
        store = production.store
        clip = store.clip(job.clip)
        kept = [
            KeptSample(x.digest, clip.card, x.clip, x.first_frame, x.holdout, x.size_bytes, wire.dump(Sample, x))
            for x in taken.samples
        ]
        with store.transaction():
            store.add_samples(kept)
            if kept:
                store.add_noise(clip.identity, taken.camera, taken.iso, taken.shot, taken.read, now.iso)
            store.finish(job.id, JobEvent.SUCCEEDED)
        get().info("clip.sampled", clip=clip.name, cuts=len(kept), holdout=any(x.holdout for x in kept))
        make_room(production)


def awaited(production: Production) -> list[Clip]:
    """Return the clips that may be learned from and whose sampling has not ended.

    Approved, delivered, vouched for, the camera's own, not excluded.
    """
    if production.config.production.training is None:
        return []
    return [clip for clip in production.store.unsampled() if not clip.stand_in and not is_excluded(production, clip)]


def _task(production: Production, clip: Clip) -> SampleTask:
    assert clip.essence is not None
    return SampleTask(
        source=source_of(production, clip),
        essence=clip.essence,
        working=specs_for(clip.essence, words_of(production, clip), clip.name, clip.reel).working,
        clip=clip.identity,
        replay=str(production.config.replay),
        count=production.config.refine.samples_a_clip,
        holdout=int(key_of("holdout", clip.identity), 16) % _HOLDOUT_ONE_IN == 0 or _is_first(production.store),
    )


def _is_first(store: Store) -> bool:
    """Return whether a production has nothing to judge by yet, neither kept nor on its way."""
    on_its_way = (job.task for job in store.jobs(JobState.QUEUED, JobState.LEASED) if job.stage == Sampling.name)
    return not any(sample.holdout for sample in store.samples()) and not any(
        wire.load(SampleTask, task).holdout for task in on_its_way
    )


def work(task_text: str, progress: Progress) -> str:
    """Return what was taken as JSON; the work side.

    Raises:
        MediaError: the source breaks. SourceChanged: a camera file is not what was hashed.
    """
    from engines.media.decode import decoder_for
    from engines.model.replay import Replay, cuts
    from engines.render import pictures

    task = wire.load(SampleTask, task_text)
    replay, began = Replay(Path(task.replay)), time.monotonic()
    camera, iso = task.essence.camera, task.essence.setting.iso
    samples: list[Sample] = []
    profiles: list[NoiseProfile] = []
    with opened(task.source.place, task.source.files) as files:
        working = _heard(pictures(decoder_for(files, task.essence), task.essence, task.working), task, progress)
        for cut, profile in cuts(working, task.essence.frames, task.count, seed=int(task.clip[:8], 16)):
            if not (isfinite(profile.shot) and isfinite(profile.read)):
                continue  # nothing can be learned under a noise that is no number
            kept = replay.add(cut, profile)
            first = cut[0].number
            samples.append(Sample(kept.digest, task.clip, camera, first, len(cut), task.holdout, kept.size_bytes))
            profiles.append(profile)
    shot, read = (median(getattr(p, name) for p in profiles) if profiles else 0.0 for name in ("shot", "read"))
    taken = Taken(tuple(samples), camera, iso, shot, read, round(time.monotonic() - began, 3))
    return wire.dump(Taken, taken)


def _heard(working: Iterator[Picture], task: SampleTask, progress: Progress) -> Iterator[Picture]:
    """Pass pictures on and tell of each, since between two cuts of a long clip many are decoded."""
    for picture in working:
        progress(picture.number, task.essence.frames)
        yield picture
