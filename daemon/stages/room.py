"""Room: what each place of the production sounds like with nobody in it, learned from its room tones.

Plan side: queue each room tone, one at a time, each room from the one in use before; the registry promotes what passes
its trial. Only where training is approved, never from what `model.exclude` names. Work side: learn, try, write whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon import models, wire
from daemon.log import get
from daemon.production import Moment, Production, key_of
from daemon.publish import make_folders, replace
from daemon.replay import is_excluded
from daemon.rooms import is_room_tone, room_of, track_of
from daemon.slate import CameraFile, CardPlace, Refined, Vendor
from daemon.sounds import Recording
from daemon.stages.listen import sound_file
from daemon.stages.probe import opened
from daemon.stages.sync import is_through, take_files, take_key
from daemon.states import ClipState, JobEvent, JobState
from daemon.store import Clip, Job
from daemon.worker import Progress

if TYPE_CHECKING:
    from engines.sound.room import Room
    from engines.sound.wave import Samples

LANE, PRIORITY = "custody", 7
"""Behind what is listened to, before it is mixed."""
_VERSION = "1"
_MOST_SECONDS = 60.0
"""How much of a room tone is listened to."""


@dataclass(frozen=True, slots=True)
class ToneFile:
    """A sound file of a room tone, with what the room calls its channels, and its bytes' xxh128."""

    place: CardPlace
    file: CameraFile
    tracks: tuple[str, ...]
    xxh128: str


@dataclass(frozen=True, slots=True)
class RoomTask:
    """A room to learn from a room tone of a label; `parent` is the digest of the one in use, empty for none."""

    models: str
    room: str
    parent: str
    label: str
    files: tuple[ToneFile, ...]
    lineage: dict[str, str]


class Rooms:
    """The plan side."""

    name = "room"
    is_vital = False
    is_told = False

    def plan(self, production: Production, now: Moment) -> None:
        """Queue the first room tone that nothing was learned from yet; one at a time, each from the one before."""
        del now
        if any(job.stage == self.name for job in production.store.jobs(JobState.QUEUED, JobState.LEASED)):
            return
        known = production.store.recordings() if production.config.production.training else {}
        for clip, key in awaited(production, known):
            text = wire.dump(RoomTask, _task(production, clip, known))
            production.store.add_job(key=key, clip=clip.id, stage=self.name, lane=LANE, priority=PRIORITY, task=text)
            return

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Promote the room or note why not."""
        task, refined, store = wire.load(RoomTask, job.task), wire.load(Refined, result), production.store
        with store.transaction():
            store.finish(job.id, JobEvent.SUCCEEDED)
            if refined.digest:
                models.enter(production, task.room, task.parent, store.clip(job.clip).card, refined, now)
            else:
                get().info("model.not_made", size=task.room, reasons=refined.reasons)


def awaited(production: Production, known: dict[int, Recording]) -> Iterator[tuple[Clip, str]]:
    """Yield the room tones that are to be learned from, each take once, with the key of the job that does it."""
    store = production.store
    if production.config.production.training is None:
        return
    for card in (card for card in store.cards() if card.vendor is Vendor.SOUND and is_through(production, card)):
        takes: dict[object, Clip] = {}
        for clip in store.clips(card=card.id):
            if _teaches(production, clip, known.get(clip.id)):
                takes.setdefault(take_key(clip, known[clip.id]), clip)
        for clip in takes.values():
            key = key_of("room", _VERSION, str(clip.id), clip.identity)
            job = store.job_of(key)
            if job is None or job.state not in {JobState.DONE, JobState.FAILED}:
                yield clip, key


def _teaches(production: Production, clip: Clip, recording: Recording | None) -> bool:
    """Return whether a clip is a room tone of a place that is named, and may be learned from."""
    if recording is None or clip.state is not ClipState.FILED or not is_room_tone(clip.name, recording):
        return False
    return bool(room_of(recording)) and not is_excluded(production, clip)


def _task(production: Production, clip: Clip, known: dict[int, Recording]) -> RoomTask:
    config, store = production.config, production.store
    training, card = config.production.training, store.card(clip.card)
    assert training is not None
    room = room_of(known[clip.id])
    files = tuple(
        ToneFile(
            *sound_file(production, one),
            tuple(track_of(known[one.id], channel) for channel in range(known[one.id].channels)),
            one.identity,
        )
        for one in take_files(store, clip, known)
        if not is_excluded(production, one)
    )
    lineage = {"kind": "room", "production": config.production.code, "card": card.roll, **training.model_dump()}
    parent = models.active(store, room)
    return RoomTask(str(config.models), room, parent, f"{card.roll}/{clip.name}", files, lineage)


def work(task_text: str, progress: Progress) -> str:
    """Return what came of a room tone as JSON, the room and its lineage written; the work side.

    Raises:
        BadWave: a sound file breaks. SourceChanged: it is not what was hashed. BadWeights: the room in use is damaged.
    """
    from engines.sound.room import LEAST_SECONDS, RATE, Room, faults, learned, packed, tried

    task = wire.load(RoomTask, task_text)
    tone = dict(_tracks(task, progress))
    if min((len(samples) for samples in tone.values()), default=0) < LEAST_SECONDS * RATE:
        why = f"{task.label} is silent, or shorter than {LEAST_SECONDS:.0f} s"
        return wire.dump(Refined, Refined("", passed=False, reasons=(why,), scores={}, steps=0, seconds=0.0, curve=()))
    room = room_in_use(Path(task.models), task.parent) if task.parent else Room({}, {})
    spectra = {track: learned(samples) for track, samples in tone.items()}
    trials = {track: tried(tone[track], noise) for track, noise in spectra.items()}
    before = {track: tried(tone[track], noise) for track, noise in room.spectra.items() if track in tone}
    reasons = faults(trials, before)
    scores = {
        "reduction_db": min(trial.reduction_db for trial in trials.values()),
        "spread_db": max(trial.spread_db for trial in trials.values()),
        **({"before_db": min(trial.reduction_db for trial in before.values())} if before else {}),
    }
    verdict = {"trials": {track: asdict(trial) for track, trial in trials.items()}, "reasons": reasons}
    digest = _keep(task, packed(room.with_tracks(spectra, task.label)), verdict | {"passed": not reasons})
    return wire.dump(Refined, Refined(digest, not reasons, reasons, scores, 0, 0.0, ()))


def _keep(task: RoomTask, data: bytes, verdict: dict[str, Any]) -> str:
    """Write a room and its lineage, whole and flushed, and return its digest."""
    digest, folder = hashlib.sha256(data).hexdigest(), Path(task.models)
    lineage = {
        **task.lineage,
        **verdict,
        "room": task.room,
        "parent": task.parent or "base",
        "tone": task.label,
        "files": [{"path": file.file.path, "xxh128": file.xxh128, "tracks": file.tracks} for file in task.files],
    }
    make_folders(folder, mode=0o700)
    replace(data, folder / f"{digest}.safetensors", folder)
    replace(f"{json.dumps(lineage, indent=1, sort_keys=True)}\n".encode(), folder / f"{digest}.json", folder)
    return digest


def _tracks(task: RoomTask, progress: Progress) -> Iterator[tuple[str, Samples]]:
    """Yield the first minute of each track of a room tone that is not silent."""
    from engines.sound.place import placed
    from engines.sound.room import RATE
    from engines.sound.wave import open_wave

    with ExitStack() as stack:
        for number, tone in enumerate(task.files):
            progress(number, len(task.files))
            (file,) = stack.enter_context(opened(tone.place, (tone.file,)))
            wave = open_wave(file.name, file.fd)
            count = round(min(wave.format.seconds, _MOST_SECONDS) * RATE)
            for channel, track in enumerate(tone.tracks):
                samples = placed(wave, channel, 0.0, count, RATE)
                if samples.any():
                    yield track, samples


def room_in_use(folder: Path, digest: str) -> Room:
    """Return the room of a digest; in a child.

    Raises:
        BadWeights: it is gone, damaged, or not the one that it is named for.
    """
    from engines.errors import BadWeights
    from engines.sound.room import unpacked

    path = folder / f"{digest}.safetensors"
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
        return unpacked(path)
    raise BadWeights(
        f"the room {digest[:12]} cannot be used",
        why="its file is gone" if not path.is_file() else "its bytes are not those that it is named for",
        fix="`nearset model rollback` of the room makes the one before active; then `nearset retry`",
    )
