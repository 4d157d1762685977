"""Mix: the guide mix of a clip's production sound, a file beside its proxies, on their timecode.

Plan side: queue a clip that is in sync and whose recipe wants a mix, put in place what a child made; other sound or
another word makes a new revision. Work side: isos in step with the picture, mixed, measured, written as BWF. No
track of a camera or a recorder is touched.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from daemon import wire
from daemon.hashing import hash_file
from daemon.production import Moment, Production, key_of
from daemon.publish import delivering, disk_full, fsync_file
from daemon.recipe import MixWords
from daemon.rooms import RoomTone, RoomTrack, is_room_tone, room_for
from daemon.sidecars import bext, ixml
from daemon.slate import TWIN_FOLDER, CameraFile, CardPlace, Published, Twin, Vendor
from daemon.sounds import Pair, Recording
from daemon.stages.landing import has_landed, land
from daemon.stages.listen import sound_file
from daemon.stages.probe import opened, words_of
from daemon.stages.render import delivered_name
from daemon.stages.sync import take_key
from daemon.states import ClipState, JobState
from daemon.store import Clip, Job
from daemon.turnover.naming import revision_name
from daemon.worker import Progress
from engines.media.essence import Essence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engines.sound.mix import Mixed, Track
    from engines.sound.wave import Samples, Wave

LANE, PRIORITY = "render", 55
_VERSION = "1"
"""Raise it when the same words make another mix, so that mixes are made again."""
RATE = 48_000
_ROOM_SECONDS = 60.0
"""How much of a room tone is listened to."""


@dataclass(frozen=True, slots=True)
class MixFile:
    """A sound file of a pair, which of its channels are isos, and the room tone of each, None where there is none."""

    place: CardPlace
    file: CameraFile
    channels: tuple[int, ...]
    pair: Pair
    rooms: tuple[RoomTrack | None, ...]


@dataclass(frozen=True, slots=True)
class MixTask:
    """A guide mix to make; `about` is what its own iXML says."""

    clip: str
    essence: Essence
    files: tuple[MixFile, ...]
    words: str
    about: Recording
    staging: str
    staged: str


@dataclass(frozen=True, slots=True)
class Made:
    """What a child made and measured; `is_reached` is False where there was too little sound to bring up."""

    xxh128: str
    size_bytes: int
    loudness_lufs: float
    true_peak_dbtp: float
    is_reached: bool


class Mix:
    """The plan side."""

    name = "mix"
    is_vital = False

    def __init__(self) -> None:
        self._settled: dict[int, tuple[str, MixWords]] = {}

    def plan(self, production: Production, now: Moment) -> None:
        """Queue the clips whose production sound has no mix yet."""
        del now
        store = production.store
        known = store.recordings()
        under_way = store.under_way(self.name) if known else set()
        for clip in store.clips(states=[ClipState.PROXIED, ClipState.DELIVERED]) if known else ():
            synced = store.sync(clip.id)
            words = words_of(production, clip).mix
            if clip.id in under_way or not (clip.essence and synced and synced[1].pairs and words.enabled):
                continue
            of = (synced[0], words)
            if self._settled.get(clip.id) != of and self._want(
                production, clip, clip.essence, synced[1].pairs, words, known
            ):
                self._settled[clip.id] = of

    def _want(
        self,
        production: Production,
        clip: Clip,
        essence: Essence,
        pairs: tuple[Pair, ...],
        words: MixWords,
        known: dict[int, Recording],
    ) -> bool:
        """Return whether the mix that is wanted is there, or was given up; else queue it."""
        store = production.store
        files = tuple(file for pair in pairs for file in _files(production, pair, known))
        about = known[pairs[0].recording]
        task = MixTask(clip.name, essence, files, words.model_dump_json(), about, str(production.staging), "")
        want = key_of("mix", _VERSION, str(clip.id), wire.dump(MixTask, task))
        landed, job = store.proxies(clip.id, Twin.SOUND), store.job_of(want)
        if (landed and landed[-1].want == want) or (job and job.state is JobState.FAILED):
            return True
        text = wire.dump(MixTask, replace(task, staged=f"{want[:32]}.wav"))
        store.add_job(key=want, clip=clip.id, stage=self.name, lane=LANE, priority=PRIORITY, task=text)
        return False

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Put the finished mix in place."""
        if has_landed(production, job, Twin.SOUND):
            return
        store = production.store
        task = wire.load(MixTask, job.task)
        facts = _facts(production, job, task, wire.load(Made, result), now)
        land(production, store.proxy(store.intend(job.clip, job.key, task.staged, facts, "")), now)


def _facts(production: Production, job: Job, task: MixTask, made: Made, now: Moment) -> Published:
    store = production.store
    clip = store.clip(job.clip)
    revision = store.next_revision(clip.id, Twin.SOUND)
    name = revision_name(delivered_name(production, clip), revision, ".wav")
    return Published(
        twin=Twin.SOUND,
        revision=revision,
        path=f"{TWIN_FOLDER[Twin.SOUND]}/{name}",
        xxh128=made.xxh128,
        size_bytes=made.size_bytes,
        width=0,
        height=0,
        codec="pcm_s24le",
        model="",
        engine="",
        recipe=clip.want,
        published_at=now.iso,
        noise={},
        marks=_marks(task, made),
    )


def _marks(task: MixTask, made: Made) -> tuple[str, ...]:
    """Return what an editor must know of a mix."""
    marks = [f"guide mix, {made.loudness_lufs:.1f} LUFS, {made.true_peak_dbtp:.1f} dBTP"]
    if not made.is_reached:
        marks.append("too little sound to bring it to the loudness asked for")
    words = MixWords.model_validate_json(task.words)
    drifts = {f"{file.pair.drift_ppm:+.1f} ppm" for file in task.files if abs(file.pair.drift_ppm) >= 1}
    if drifts:
        done = "corrected" if words.drift == "correct" else "as recorded"
        marks.append(f"drift of {', '.join(sorted(drifts))} {done}")
    if labels := {room.label for file in task.files for room in file.rooms if room} if words.noise_reduction else set():
        marks.append(f"noise learned from room tone {', '.join(sorted(labels))}")
    if any(file.pair.by == "timecode" for file in task.files):
        marks.append("in sync by timecode alone, not confirmed")
    return tuple(marks)


def _files(production: Production, pair: Pair, known: dict[int, Recording]) -> list[MixFile]:
    """Return the files of a pair's take: the one that stands for it, and those beside it where it is one track."""
    store = production.store
    leader = store.clip(pair.recording)
    clips = [leader]
    if known[leader.id].channels == 1:
        key = take_key(leader, known[leader.id])
        clips = [
            clip for clip in store.clips(card=leader.card) if clip.id in known and take_key(clip, known[clip.id]) == key
        ]
    named = [(clip, _isos(known[clip.id].tracks)) for clip in clips]
    if any(isos for _, isos in named):
        named = [(clip, isos) for clip, isos in named if isos]
    else:
        named = [(clip, tuple(range(known[clip.id].channels))) for clip in clips]
    rooms = _rooms(production, leader, known)
    return [
        MixFile(
            *sound_file(production, clip),
            isos,
            pair,
            tuple(room_for(known[clip.id], channel, rooms) for channel in isos),
        )
        for clip, isos in named
    ]


def _rooms(production: Production, leader: Clip, known: dict[int, Recording]) -> list[RoomTone]:
    """Return the room tones of a recording's shoot day, in the order in which they came."""
    store = production.store
    day = store.card(leader.card).shoot_day
    return [
        RoomTone(f"{card.roll}/{clip.name}", *sound_file(production, clip), known[clip.id])
        for card in store.cards()
        if card.vendor is Vendor.SOUND and card.shoot_day == day
        for clip in store.clips(card=card.id)
        if clip.id in known and is_room_tone(clip.name, known[clip.id])
    ]


def _isos(tracks: tuple[str, ...]) -> tuple[int, ...]:
    """Return the channels that are no mix of the others, by their names."""
    return tuple(number for number, name in enumerate(tracks) if not name.lower().startswith("mix"))


def work(task_text: str, progress: Progress) -> str:
    """Return what was made as JSON; the work side.

    Raises:
        BadWave: a sound file breaks. SourceChanged: it is not what was hashed. DiskFull: no room for the mix.
    """
    from engines.media.faults import is_full
    from engines.sound.wave import wave_bytes

    task = wire.load(MixTask, task_text)
    staged = Path(task.staging) / task.staged
    with delivering(staged):
        staged.parent.mkdir(parents=True, exist_ok=True)
    mix = _mixed(task, progress)
    data = wave_bytes(mix.samples, RATE, bext.compose(_bext(task)), ixml.compose(_ixml(task)))
    try:
        staged.write_bytes(data)
        fsync_file(staged)
        with staged.open("rb", buffering=0) as written:
            hashes = hash_file(written, (), progress=lambda _: progress(1, 1))
    except BaseException as error:
        staged.unlink(missing_ok=True)
        if is_full(error):
            raise disk_full(staged) from error
        raise
    loud, peak = (max(round(value, 2), -120.0) for value in (mix.loudness_lufs, mix.true_peak_dbtp))  # JSON has no -inf
    return wire.dump(Made, Made(hashes["xxh128"], len(data), loud, peak, mix.reached))


def _mixed(task: MixTask, progress: Progress) -> Mixed:
    from engines.sound.mix import Settings, mixed
    from engines.sound.wave import open_wave

    words = MixWords.model_validate_json(task.words)
    settings = Settings(
        words.loudness_lufs, words.ceiling_dbtp, words.highpass_hz, words.noise_reduction, words.leveller
    )
    with ExitStack() as stack:
        tracks: list[Track] = []
        for mix_file in task.files:
            (file,) = stack.enter_context(opened(mix_file.place, (mix_file.file,)))
            wave = open_wave(file.name, file.fd)
            tracks += [partial(_track, task, mix_file, wave, channel, words, progress) for channel in mix_file.channels]
        rooms = [_noise(room, words) if room else None for mix_file in task.files for room in mix_file.rooms]
        return mixed(tracks, RATE, settings, rooms)


def _noise(room: RoomTrack, words: MixWords) -> NDArray[np.float64] | None:
    """Return the noise profile of a room tone's first minute, as the mix's tracks are high-passed; None for silence."""
    from engines.sound.denoise import profile
    from engines.sound.mix import highpassed
    from engines.sound.place import placed
    from engines.sound.wave import open_wave

    with opened(room.place, (room.file,)) as files:
        wave = open_wave(files[0].name, files[0].fd)
        count = round(min(wave.format.seconds, _ROOM_SECONDS) * RATE)
        learned = profile(
            highpassed(placed(wave, room.channel, 0.0, count, RATE), RATE, words.highpass_hz), RATE, is_room=True
        )
    return learned if learned.any() else None


def _track(task: MixTask, file: MixFile, wave: Wave, channel: int, words: MixWords, progress: Progress) -> Samples:
    from engines.sound.place import placed

    progress(0, 1)
    count = round(task.essence.frames / task.essence.rate * RATE)
    drift = file.pair.drift_ppm if words.drift == "correct" else 0.0
    return placed(wave, channel, file.pair.offset_seconds, count, RATE, drift)


def _bext(task: MixTask) -> bext.Bext:
    essence = task.essence
    words = [f"sSCENE={task.about.scene}", f"sTAKE={task.about.take}", f"sTAPE={essence.reel}"]
    return bext.Bext(
        description="\r\n".join(words),
        originator="nearset",
        date=essence.created[:10],
        time=essence.created[11:19],
        time_reference=round(essence.start_frame / essence.rate * RATE),
        coding_history=f"A=PCM,F={RATE},W=24,M=mono,T=guide mix\r\n",
    )


def _ixml(task: MixTask) -> ixml.Ixml:
    essence, about = task.essence, task.about
    return ixml.Ixml(
        scene=about.scene,
        take=about.take,
        tape=essence.reel,
        note="guide mix",
        circled=about.circled,
        file_rate=RATE,
        timestamp_rate=RATE,
        timecode_rate=essence.rate,
        drop_frame=essence.drop_frame,
        time_reference=round(essence.start_frame / essence.rate * RATE),
        tracks=((1, "Guide mix"),),
    )
