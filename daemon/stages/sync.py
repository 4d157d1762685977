"""Sync: each camera clip is looked for in the production sound of its shoot day.

Plan side: once a day's sound rolls lie still and were listened to, whatever came first; another roll makes another
search. Pictures never wait for it. Work side: decode the camera's own sound, ask timecode, ask the ear. What is not
clear is held and told, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from daemon import wire
from daemon.log import get
from daemon.production import Moment, Production, key_of
from daemon.slate import CameraFile, CardPlace, Vendor
from daemon.sounds import Pair, Recording, Synced, Waveform, speeds, told_offset
from daemon.stages.listen import print_path
from daemon.stages.probe import Source, opened, source_of, words_of
from daemon.states import SETTLED_STATES, ClipState, JobEvent, JobState
from daemon.store import Card, Clip, Job, Store
from daemon.worker import Progress
from engines.media.essence import Essence

if TYPE_CHECKING:
    from engines.sound.pairing import Candidate, Found
    from engines.sound.wave import Samples, Wave

LANE, PRIORITY = "render", 50
"""Behind all proxies, before what is learned from them."""
_VERSION = "2"
"""Raise it when the same sound would be matched otherwise, so that clips are looked for again."""
_PEAKS = 240
"""Steps of a waveform in the report."""


@dataclass(frozen=True, slots=True)
class Take:
    """One take of a recorder: the sound file that stands for it, and where all its files lie.

    A recorder that writes a file a track writes several for one take; they begin together.
    """

    recording: int
    roll: int
    facts: Recording
    place: CardPlace
    file: CameraFile
    print_path: str


@dataclass(frozen=True, slots=True)
class SyncTask:
    """A camera clip and the takes of its day."""

    source: Source
    essence: Essence
    takes: tuple[Take, ...]
    timecode_alone: bool


class Sync:
    """The plan side."""

    name = "sync"
    is_vital = False
    is_told = False

    def plan(self, production: Production, now: Moment) -> None:
        """Queue the clips whose day has sound that they were not looked for in yet."""
        del now
        store = production.store
        days = _days(production)
        keys = {day: key_of(wire.dump(tuple[Take, ...], takes)) for day, takes in days.items()}
        under_way = store.under_way(self.name) if days else set()
        for clip in store.clips(states=[ClipState.PROXIED, ClipState.DELIVERED]) if days else ():
            day = store.card(clip.card).shoot_day
            if days.get(day) and clip.essence and clip.id not in under_way:
                self._want(production, clip, clip.essence, days[day], keys[day])

    def _want(self, production: Production, clip: Clip, essence: Essence, takes: tuple[Take, ...], day: str) -> None:
        store = production.store
        alone = words_of(production, clip).mix.timecode_alone
        want = key_of("sync", _VERSION, str(clip.id), clip.identity, wire.dump(Essence, essence), str(alone), day)
        known, job = store.sync(clip.id), store.job_of(want)
        if (known and known[0] == want) or (job and job.state is JobState.FAILED):
            return
        text = wire.dump(SyncTask, SyncTask(source_of(production, clip), essence, takes, alone))
        store.add_job(key=want, clip=clip.id, stage=self.name, lane=LANE, priority=PRIORITY, task=text)

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Keep where the clip was found; its roll is written anew."""
        del now
        store = production.store
        clip = store.clip(job.clip)
        synced = wire.load(Synced, result)
        with store.transaction():
            store.set_sync(clip.id, job.key, synced)
            store.set_card(clip.card, turnover_due=1)
            store.finish(job.id, JobEvent.SUCCEEDED)
        if synced.held:
            get().warning("sync.held", clip=clip.name, why=synced.held)
        else:
            get().info("sync.found", clip=clip.name, by=synced.pairs[0].by, confidence=synced.pairs[0].confidence)


def _days(production: Production) -> dict[str, tuple[Take, ...]]:
    """Return the takes of each shoot day whose sound rolls are all through and lie still."""
    store = production.store
    rolls: dict[str, list[Card]] = {}
    for card in store.cards():
        if card.vendor is Vendor.SOUND:
            rolls.setdefault(card.shoot_day, []).append(card)
    known = store.recordings() if rolls else {}
    return {
        day: tuple(take for card in cards for take in _takes(production, card, known))
        for day, cards in rolls.items()
        if day and all(is_through(production, card) for card in cards)
    }


def is_through(production: Production, card: Card) -> bool:
    """Return whether a sound roll lies still and each of its files was listened to, or is not going to be."""
    seen = production.seen.get(card.id)
    clips = production.store.clips(card=card.id)
    return not (seen and seen.busy) and all(clip.state in SETTLED_STATES for clip in clips)


def _takes(production: Production, card: Card, known: dict[int, Recording]) -> Iterator[Take]:
    groups: dict[object, list[Clip]] = {}
    files = production.store.files(card.id)
    for clip in production.store.clips(card=card.id):
        if clip.state is ClipState.FILED and clip.id in known:
            groups.setdefault(take_key(clip, known[clip.id]), []).append(clip)
    for clips in groups.values():
        leader = max(clips, key=lambda clip: (known[clip.id].channels, -clip.id))
        path = leader.found.files[0]
        place, file = CardPlace(card.root, card.path), CameraFile(path, files[path].mark)
        yield Take(leader.id, card.id, known[leader.id], place, file, str(print_path(production, leader)))


def take_key(clip: Clip, recording: Recording) -> object:
    """Return what the files of one take have in common; a file that does not say it is a take by itself."""
    begins = (clip.card, recording.start_samples, recording.frames)
    if recording.start_samples is None or not (recording.family or recording.scene):
        return clip.id
    return (*begins, recording.family or (recording.scene, recording.take))


def take_files(store: Store, leader: Clip, known: dict[int, Recording]) -> list[Clip]:
    """Return the files of a take: the one that stands for it, and those beside it where it is one track."""
    if known[leader.id].channels > 1:
        return [leader]
    key = take_key(leader, known[leader.id])
    return [
        clip for clip in store.clips(card=leader.card) if clip.id in known and take_key(clip, known[clip.id]) == key
    ]


def work(task_text: str, progress: Progress) -> str:
    """Return where a clip lies in production sound as JSON; the work side.

    Raises:
        MediaError: the clip's own sound breaks while decoding, or a sound file does. SourceChanged.
    """
    from engines.sound.pairing import paired
    from engines.sound.scratch import scratch
    from engines.sound.wave import open_wave

    task = wire.load(SyncTask, task_text)
    with opened(task.source.place, task.source.files) as files:
        own = scratch(files, task.essence, progress)
    with ExitStack() as stack:
        waves = []
        for take in task.takes:
            (file,) = stack.enter_context(opened(take.place, (take.file,)))
            waves.append(open_wave(file.name, file.fd))
            progress(len(waves), len(task.takes))
        candidates = [_candidate(task.essence, take, wave) for take, wave in zip(task.takes, waves, strict=True)]
        pairing = paired(own, candidates)
        pairs = tuple(_pair(task.takes, candidates, found) for found in pairing.found)
        rivals = tuple(_pair(task.takes, candidates, found) for found in pairing.rivals)
        held = "" if pairs else _why_none(task, rivals, has_sound=bool(len(own)))
        if not pairs and not rivals and not len(own) and task.timecode_alone:
            pairs, held = _by_timecode_alone(task, candidates), ""
        waveform = _waveform(own, task, waves, pairs) if pairs else None
    held = held or ("" if pairs else "no take of the day covers its timecode")
    return wire.dump(Synced, Synced(pairs, held, rivals, waveform))


def _candidate(essence: Essence, take: Take, wave: Wave) -> Candidate:
    from engines.sound.fingerprint import heard
    from engines.sound.pairing import Candidate

    return Candidate(
        seconds=take.facts.seconds,
        recorder=take.roll,
        told=told_offset(take.facts, essence),
        hear=partial(heard, wave),
        print_of=partial(_kept_print, take.print_path, wave),
        speeds=speeds(take.facts, essence),
    )


def _kept_print(path: str, wave: Wave) -> Samples:
    """Return a sound file's fingerprint as it was kept, taken anew where that is gone."""
    import numpy as np

    from engines.sound.fingerprint import print_of_wave

    if not Path(path).is_file():
        return print_of_wave(wave)
    kept: Samples = np.load(path, allow_pickle=False).astype(np.float32)
    return kept


def _pair(takes: tuple[Take, ...], candidates: list[Candidate], found: Found) -> Pair:
    told, match = candidates[found.candidate].told, found.match
    return Pair(
        recording=takes[found.candidate].recording,
        offset_seconds=round(match.seconds, 6),
        drift_ppm=round(match.drift_ppm, 2),
        strength=round(match.strength, 1),
        confidence=round(match.confidence, 3),
        by="timecode and waveform" if found.by_timecode else "waveform",
        timecode_off_seconds=None if told is None else round(told - match.seconds, 4),
        claps_agree=found.claps_agree,
    )


def _why_none(task: SyncTask, rivals: tuple[Pair, ...], *, has_sound: bool) -> str:
    """Return why a clip is in sync with nothing."""
    if rivals:
        return f"{len(rivals)} takes of one recorder match at the same time; only one can be right"
    if not has_sound:
        return (
            "the camera recorded no sound to find it by; `mix: {timecode_alone: true}` takes its timecode at its word"
        )
    return f"it is clearly heard in none of the {len(task.takes)} takes of its day"


def _by_timecode_alone(task: SyncTask, candidates: list[Candidate]) -> tuple[Pair, ...]:
    """Return the takes that cover a clip by timecode, unconfirmed; a recorder's own takes never overlap."""
    from engines.sound.pairing import overlap_seconds

    return tuple(
        Pair(take.recording, candidate.told, 0.0, 0.0, 0.0, "timecode", None, None)
        for take, candidate in zip(task.takes, candidates, strict=True)
        if candidate.told is not None and overlap_seconds(candidate.told, task.essence.seconds, candidate.seconds) > 0
    )


def _waveform(own: Samples, task: SyncTask, waves: list[Wave], pairs: tuple[Pair, ...]) -> Waveform:
    """Return peaks of both over the clip, for a person to look at."""
    import numpy as np

    from engines.sound.fingerprint import RATE, heard

    count = round(task.essence.seconds * RATE)
    sound = np.zeros(count, np.float32)
    for number, take in enumerate(task.takes):
        for pair in pairs:
            if pair.recording == take.recording:
                part = heard(waves[number], pair.offset_seconds, count / RATE)
                sound += np.pad(part, (0, max(count - len(part), 0)))[:count]
    return Waveform(_peaks(own), _peaks(sound))


def _peaks(samples: Samples) -> tuple[float, ...]:
    import numpy as np

    if not len(samples):
        return ()
    steps = [float(np.abs(part).max()) if len(part) else 0.0 for part in np.array_split(samples, _PEAKS)]
    highest = max(steps) or 1.0
    return tuple(round(step / highest, 3) for step in steps)
