"""Listen: what a sound roll's verified files say of themselves, and what they sound like.

Plan side: queue each sound file that is ready, keep what it is, file it. Work side: read its chunks and take its
fingerprint, through every sample, so that a file that breaks is found here and not in the midst of a mix.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path

from daemon import wire
from daemon.errors import SidecarError
from daemon.log import get
from daemon.production import Moment, Production, key_of
from daemon.publish import make_folders
from daemon.sidecars import bext, ixml
from daemon.slate import CameraFile, CardPlace, ClipKind
from daemon.sounds import Recording, recording_of
from daemon.stages.probe import opened
from daemon.states import ClipEvent, ClipState, JobEvent
from daemon.store import Card, Clip, Job
from daemon.worker import Progress
from engines.whole import write_whole

PRIORITY = 6
LANE = "custody"
_VERSION = "1"
"""Raise it when listening gives something else, so that sound files are listened to again."""


@dataclass(frozen=True, slots=True)
class ListenTask:
    """A sound file, and where its fingerprint goes."""

    place: CardPlace
    file: CameraFile
    print_path: str


class Listen:
    """The plan side."""

    name = "listen"
    is_vital = True
    is_told = False

    def plan(self, production: Production, now: Moment) -> None:
        """Queue each sound file that is ready."""
        del now
        under_way = production.store.under_way(self.name)
        for clip in production.store.clips(states=[ClipState.READY]):
            if clip.found.kind is not ClipKind.SOUND or clip.id in under_way:
                continue
            place, file = sound_file(production, clip)
            text = wire.dump(ListenTask, ListenTask(place, file, str(print_path(production, clip))))
            production.store.add_job(
                key=key_of("listen", _VERSION, str(clip.id), text),
                clip=clip.id,
                stage=self.name,
                lane=LANE,
                priority=PRIORITY,
                task=text,
            )

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Keep what the file holds and name its shoot day; what is odd is told once."""
        store = production.store
        clip = store.clip(job.clip)
        recording = wire.load(Recording, result)
        card = store.card(clip.card)
        with store.transaction():
            store.add_recording(clip.id, recording)
            if not card.shoot_day:
                store.set_card(card.id, shoot_day=_shoot_day(production, card, clip, recording))
            store.happen(clip.id, ClipEvent.FILED, now.iso)
            store.finish(job.id, JobEvent.SUCCEEDED)
        for note in recording.notes:
            get().warning("sound.odd", roll=card.roll, clip=clip.name, why=note)


def sound_file(production: Production, clip: Clip) -> tuple[CardPlace, CameraFile]:
    """Return where a sound file lies and what it looked like when it was hashed."""
    card = production.store.card(clip.card)
    path = clip.found.files[0]
    return CardPlace(card.root, card.path), CameraFile(path, production.store.files(card.id)[path].mark)


def print_path(production: Production, clip: Clip) -> Path:
    """Return where the fingerprint of a sound file is kept, by its bytes."""
    return production.config.fingerprints / f"{clip.identity[:40]}.npy"


def _shoot_day(production: Production, card: Card, clip: Clip, recording: Recording) -> str:
    """Return YYYYMMDD of the shoot day, by when it was recorded, else by the file's own time."""
    mark = production.store.files(card.id)[clip.found.files[0]].mark
    recorded = datetime.fromtimestamp(mark.mtime_ns / 1e9).astimezone()
    with suppress(ValueError):
        recorded = datetime.fromisoformat(recording.created)
    return f"{production.day_of(recorded):%Y%m%d}"


def work(task_text: str, progress: Progress) -> str:
    """Return what a sound file holds as JSON, its fingerprint kept; the work side.

    Raises:
        BadWave: the file is cut short, contradicts itself, or is none.
    """
    import numpy as np

    from engines.sound.fingerprint import print_of_wave
    from engines.sound.wave import open_wave

    task = wire.load(ListenTask, task_text)
    with opened(task.place, (task.file,)) as files:
        wave = open_wave(files[0].name, files[0].fd)
        print_ = print_of_wave(wave, progress)
        known = wave.format
        said, notes = _said(wave.name, wave.bext, wave.ixml)
    target = Path(task.print_path)
    make_folders(target.parent, mode=0o700)
    buffer = BytesIO()
    np.save(buffer, print_.astype(np.float16), allow_pickle=False)
    write_whole(target, buffer.getvalue())
    measured = (known.channels, known.sample_rate, known.bits, known.is_float, known.frames)
    recording = recording_of(measured, *said)
    return wire.dump(Recording, replace(recording, notes=(*wave.notes, *notes, *recording.notes)))


def _said(
    name: str, bext_bytes: bytes, ixml_bytes: bytes
) -> tuple[tuple[bext.Bext | None, ixml.Ixml | None], list[str]]:
    """Return what the chunks say, None for one that is not there or cannot be read; then a note says why."""
    notes = []
    broadcast, words = None, None
    try:
        broadcast = bext.parse(bext_bytes, name) if bext_bytes else None
    except SidecarError as error:
        notes.append(f"{error.what}: {error.why}")
    try:
        words = ixml.parse(ixml_bytes, name) if ixml_bytes.strip(b"\0 \r\n\t") else None
    except SidecarError as error:
        notes.append(f"{error.what}: {error.why}")
    return (broadcast, words), notes
