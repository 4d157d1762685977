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

from daemon import models, wire
from daemon.hashing import hash_file
from daemon.production import Moment, Production, key_of
from daemon.publish import delivering, disk_full, fsync_file, make_folders
from daemon.recipe import MixWords
from daemon.rooms import room_of, track_of
from daemon.sidecars import bext, ixml
from daemon.slate import TWIN_FOLDER, CameraFile, CardPlace, Origin, Published, Twin
from daemon.sounds import MIX_RATE, Pair, Recording
from daemon.stages.landing import has_landed, land
from daemon.stages.listen import sound_file
from daemon.stages.looks import revise_clip
from daemon.stages.probe import opened, words_of
from daemon.stages.render import delivered_name
from daemon.stages.room import awaited, room_in_use
from daemon.stages.signing import origin_of, sign_mix
from daemon.stages.sync import take_files
from daemon.states import ClipState, JobState
from daemon.store import Clip, Job
from daemon.turnover.naming import revision_name
from daemon.worker import Progress
from engines.media.essence import Essence

if TYPE_CHECKING:
    from engines.sound.mix import Mixed, Track
    from engines.sound.room import Room, Spectrum
    from engines.sound.wave import Samples, Wave

LANE, PRIORITY = "render", 55
_VERSION = "2"
"""Raise it when the same words make another mix, so that mixes are made again."""


@dataclass(frozen=True, slots=True)
class MixFile:
    """A sound file of a pair, and which of its channels are isos.

    `room` is the registry's name of the place that it was recorded in, `tracks` what that calls each of the channels.
    """

    place: CardPlace
    file: CameraFile
    channels: tuple[int, ...]
    pair: Pair
    room: str
    tracks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MixTask:
    """A guide mix to make; `about` is what its own iXML says, `models` where rooms are. `origin` is None unsigned."""

    models: str
    clip: str
    essence: Essence
    files: tuple[MixFile, ...]
    words: str
    about: Recording
    staging: str
    staged: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What a child made and measured; `is_reached` is False where there was too little sound to bring up.

    `rooms` are the registry's rooms whose noise was taken out, by name and digest, `tones` what they learned it from.
    """

    xxh128: str
    size_bytes: int
    loudness_lufs: float
    true_peak_dbtp: float
    is_reached: bool
    rooms: tuple[str, ...]
    tones: tuple[str, ...]
    signed: str = ""


class Mix:
    """The plan side."""

    name = "mix"
    is_vital = False
    is_told = False

    def __init__(self) -> None:
        self._settled: dict[int, tuple[str, MixWords]] = {}

    def plan(self, production: Production, now: Moment) -> None:
        """Queue the clips whose production sound has no mix yet, once its room tones were learned from.

        Where a preset holds the mix, a clip whose mix is there now goes back to be planned anew.
        """
        store = production.store
        known = store.recordings()
        learning = {store.card(clip.card).shoot_day for clip, _ in awaited(production, known)}
        under_way = store.under_way(self.name) if known else set()
        for clip in store.clips(states=[ClipState.PROXIED, ClipState.DELIVERED]) if known else ():
            synced = store.sync(clip.id)
            words = words_of(production, clip).mix
            if clip.id in under_way or not (clip.essence and synced and synced[1].pairs and words.enabled):
                continue
            if store.card(clip.card).shoot_day in learning:
                continue  # what a room tone of the day teaches is for the mixes of the day
            of = (synced[0], words)
            if self._settled.get(clip.id) != of and self._want(
                production, clip, clip.essence, synced[1].pairs, words, known
            ):
                self._settled[clip.id] = of
                revise_clip(production, clip, now)

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
        folder = str(production.config.models)
        task = MixTask(folder, clip.name, essence, files, words.model_dump_json(), about, str(production.staging), "")
        want = key_of("mix", _VERSION, str(clip.id), wire.dump(MixTask, task))
        landed, job = store.proxies(clip.id, Twin.SOUND), store.job_of(want)
        if (landed and landed[-1].want == want) or (job and job.state is JobState.FAILED):
            return True
        origin = origin_of(production, clip, clip.want, [store.clip(pair.recording) for pair in pairs])
        text = wire.dump(MixTask, replace(task, staged=f"{want[:32]}.wav", origin=origin))
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
        model=", ".join(made.rooms),
        engine="",
        recipe=clip.want,
        published_at=now.iso,
        noise={},
        marks=_marks(task, made),
        signed=made.signed,
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
    if made.tones:
        marks.append(f"noise learned from room tone {', '.join(made.tones)}")
    if any(file.pair.by == "timecode" for file in task.files):
        marks.append("in sync by timecode alone, not confirmed")
    return tuple(marks)


def _files(production: Production, pair: Pair, known: dict[int, Recording]) -> list[MixFile]:
    """Return the files of a pair's take, with what of them is an iso."""
    leader = production.store.clip(pair.recording)
    clips = take_files(production.store, leader, known)
    named = [(clip, _isos(known[clip.id].tracks)) for clip in clips]
    if any(isos for _, isos in named):
        named = [(clip, isos) for clip, isos in named if isos]
    else:
        named = [(clip, tuple(range(known[clip.id].channels))) for clip in clips]
    room = room_of(known[leader.id])
    return [
        MixFile(*sound_file(production, clip), isos, pair, room, tuple(track_of(known[clip.id], at) for at in isos))
        for clip, isos in named
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
        make_folders(staged.parent)
    rooms = _rooms(task)
    mix = _mixed(task, rooms, progress)
    data = wave_bytes(mix.samples, MIX_RATE, bext.compose(_bext(task)), ixml.compose(_ixml(task)))
    try:
        staged.write_bytes(data)
        fsync_file(staged)
        signed = sign_mix(staged, task.origin, task.clip, progress)
        with staged.open("rb", buffering=0) as written:
            hashes = hash_file(written, (), progress=lambda _: progress(1, 1))
    except BaseException as error:
        staged.unlink(missing_ok=True)
        if is_full(error):
            raise disk_full(staged) from error
        raise
    loud, peak = (max(round(value, 2), -120.0) for value in (mix.loudness_lufs, mix.true_peak_dbtp))  # JSON has no -inf
    names, tones = (tuple(sorted({words[at] for words in (room.said for room in rooms if room)})) for at in (0, 1))
    return wire.dump(Made, Made(hashes["xxh128"], len(data), loud, peak, mix.reached, names, tones, signed))


@dataclass(frozen=True, slots=True)
class _Noise:
    """The noise of one iso as a room holds it; `said` is the room with its digest, and the room tone's label."""

    spectrum: Spectrum
    said: tuple[str, str]


def _rooms(task: MixTask) -> list[_Noise | None]:
    """Return what the rooms in use know of each iso's noise, None where that is to be found in the iso itself.

    Raises:
        BadWeights: a room in use is damaged; the iso itself is no stand-in for it.
    """
    if MixWords.model_validate_json(task.words).noise_reduction <= 0:
        return [None for file in task.files for _ in file.tracks]
    in_use = {room: _in_use(Path(task.models), room) for room in {file.room for file in task.files} if room}
    return [_noise(file.room, track, in_use.get(file.room)) for file in task.files for track in file.tracks]


def _in_use(folder: Path, name: str) -> tuple[str, Room] | None:
    path = models.active_weights(folder, name)
    return (path.stem, room_in_use(folder, path.stem)) if path else None


def _noise(name: str, track: str, in_use: tuple[str, Room] | None) -> _Noise | None:
    if in_use is None or track not in in_use[1].spectra:
        return None
    digest, room = in_use
    return _Noise(room.spectra[track], (f"{name}@{digest[:12]}", room.labels[track]))


def _mixed(task: MixTask, rooms: list[_Noise | None], progress: Progress) -> Mixed:
    from engines.sound.mix import Settings, mixed
    from engines.sound.room import noise_of
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
        noises = [noise_of(room.spectrum, words.highpass_hz) if room else None for room in rooms]
        return mixed(tracks, MIX_RATE, settings, noises)


def _track(task: MixTask, file: MixFile, wave: Wave, channel: int, words: MixWords, progress: Progress) -> Samples:
    from engines.sound.place import placed

    progress(0, 1)
    count = round(task.essence.frames / task.essence.rate * MIX_RATE)
    drift = file.pair.drift_ppm if words.drift == "correct" else 0.0
    return placed(wave, channel, file.pair.offset_seconds, count, MIX_RATE, drift)


def _bext(task: MixTask) -> bext.Bext:
    essence = task.essence
    words = [f"sSCENE={task.about.scene}", f"sTAKE={task.about.take}", f"sTAPE={essence.reel}"]
    return bext.Bext(
        description="\r\n".join(words),
        originator="nearset",
        date=essence.created[:10],
        time=essence.created[11:19],
        time_reference=round(essence.start_frame / essence.rate * MIX_RATE),
        coding_history=f"A=PCM,F={MIX_RATE},W=24,M=mono,T=guide mix\r\n",
    )


def _ixml(task: MixTask) -> ixml.Ixml:
    essence, about = task.essence, task.about
    return ixml.Ixml(
        scene=about.scene,
        take=about.take,
        tape=essence.reel,
        note="guide mix",
        circled=about.circled,
        file_rate=MIX_RATE,
        timestamp_rate=MIX_RATE,
        timecode_rate=essence.rate,
        drop_frame=essence.drop_frame,
        time_reference=round(essence.start_frame / essence.rate * MIX_RATE),
        tracks=((1, "Guide mix"),),
    )
