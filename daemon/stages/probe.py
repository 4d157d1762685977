"""Probe: measure what a ready clip holds, as presented.

Plan side: queue the probe, keep the essence, settle reel and shoot day; a variable rate waits for the
recipe. Work side: open the verified files and measure.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from io import FileIO
from posixpath import basename
from typing import TYPE_CHECKING

from daemon import wire
from daemon.beneath import check_unchanged, open_beneath, read_small
from daemon.cards.base import STILLS, suffix
from daemon.errors import NoStandIn, SidecarError
from daemon.production import Moment, Production, key_of
from daemon.recipe import Words
from daemon.sidecars import dji, gamma, sony
from daemon.slate import CameraFile, CardPlace, ClipKind
from daemon.standins import stand_in_for
from daemon.states import ClipEvent, ClipState, JobEvent
from daemon.store import Card, Clip, Job
from daemon.turnover.naming import reel_name, reels
from daemon.worker import Progress
from engines.colour.look import Working
from engines.media.essence import Essence, Setting, SidecarTimecode
from engines.media.timecode import Timecode

if TYPE_CHECKING:
    from engines.media.source import MediaFile, MediaFiles

PRIORITY = 5
LANE = "custody"
_SIDECAR_BYTES = 16 * 1024 * 1024
_VENICE = "MPC-36"
"""How the model names of Sony's Venice cameras begin; S-Log3 of theirs has primaries of its own."""
_VERSION = "2"
"""Raise it when a probe measures differently, so that clips are probed again."""
_UNCHECKED = "stands in by its name alone: nothing on the card tells the length and timecode of what it stands in for"


@dataclass(frozen=True, slots=True)
class Source:
    """The files that a clip's picture and sound are taken from, and the sidecars on its card that explain them."""

    place: CardPlace
    kind: ClipKind
    files: tuple[CameraFile, ...]
    card: CardPlace
    sidecars: tuple[CameraFile, ...]
    stands_in: bool = False


@dataclass(frozen=True, slots=True)
class ProbeTask:
    """A clip to measure; `rate` and `space` are the recipe's words where it has them, `cameras` the configuration's."""

    source: Source
    rate: Fraction | None
    space: str | None = None
    cameras: dict[str, str] = field(default_factory=dict)
    working: Working = Working.ACESCCT


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe measured; `picture` is the small log picture, empty for what is made for a display already."""

    essence: Essence
    picture: tuple[float, ...] = ()


class Probe:
    """The plan side."""

    name = "probe"
    is_vital = True
    is_told = False

    def plan(self, production: Production, now: Moment) -> None:
        """Queue a probe for each ready clip."""
        del now
        under_way = production.store.under_way(self.name)
        for clip in production.store.clips(states=[ClipState.READY]):
            if clip.id in under_way or clip.found.kind is ClipKind.SOUND:
                continue
            words, colour = words_of(production, clip).source, production.config.colour
            source = source_of(production, clip)
            task = ProbeTask(source, words.rate, words.space, colour.cameras, colour.working)
            text = wire.dump(ProbeTask, task)
            production.store.add_job(
                key=key_of("probe", _VERSION, str(clip.id), text),
                clip=clip.id,
                stage=self.name,
                lane=LANE,
                priority=PRIORITY,
                task=text,
                backfill=bool(production.store.proxies(clip.id)),
            )

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Keep the essence and name reel and shoot day."""
        store = production.store
        clip = store.clip(job.clip)
        probed = wire.load(Probed, result)
        essence = probed.essence
        words = words_of(production, clip).source
        if words.code_range:
            essence = replace(essence, code_range=words.code_range)
        reel = _reel(production, clip, words.reel or essence.reel)
        card = store.card(clip.card)
        with store.transaction():
            picture = wire.dump(tuple[float, ...], probed.picture) if probed.picture else ""
            essence_text = wire.dump(Essence, replace(essence, reel=reel))
            store.set_clip(clip.id, essence=essence_text, picture=picture, reel=reel)
            if not card.shoot_day:
                store.set_card(card.id, shoot_day=_shoot_day(production, card, clip, essence, now))
            store.happen(clip.id, ClipEvent.PROBED, now.iso)
            store.finish(job.id, JobEvent.SUCCEEDED)


def words_of(production: Production, clip: Clip) -> Words:
    """Return the recipe's words for a clip."""
    card = production.store.card(clip.card)
    return production.recipes.words(clip=clip.name, roll=card.roll, scene=None)


def source_of(production: Production, clip: Clip) -> Source:
    """Return what a clip is rendered from: its own files, or the stand-in that the configuration allows."""
    seen = production.seen.get(clip.card)
    known = production.store.files(clip.card)
    card = production.store.card(clip.card)
    place = seen.place if seen else CardPlace(card.root, card.path)
    sidecars = tuple(CameraFile(path, known[path].mark) for path in clip.found.sidecars if path in known)
    if clip.stand_in and (found := stand_in_for(production, clip)):
        return Source(found[0], ClipKind.MOVIE, (found[1],), place, sidecars, stands_in=True)
    parts = production.store.parts(clip.id)
    if len(parts) > 1:
        whole = tuple(file for part in parts for file in _from_root(production, part))
        return Source(CardPlace(card.root, "."), clip.found.kind, whole, place, sidecars)
    files = tuple(CameraFile(path, known[path].mark) for path in clip.found.files)
    return Source(place, clip.found.kind, files, place, sidecars)


def _from_root(production: Production, part: Clip) -> Iterator[CameraFile]:
    """Yield a part's files by their paths from the offload root, which its rolls have in common."""
    card, known = production.store.card(part.card), production.store.files(part.card)
    for path in part.found.files:
        yield CameraFile(CardPlace(card.root, card.path).relative(path), known[path].mark)


def _reel(production: Production, clip: Clip, reel: str) -> str:
    """Return the reel name: the source's own, else the clip's name, made unique in the production."""
    if reel:
        return reel_name(reel)
    roll = production.store.card(clip.card).roll
    for candidate in reels(roll, clip.name):
        if not production.store.reel_used_elsewhere(candidate, clip.id):
            return candidate
    raise AssertionError("the candidates never end")


def _shoot_day(production: Production, card: Card, clip: Clip, essence: Essence, now: Moment) -> str:
    """Return YYYYMMDD of the shoot day."""
    return f"{production.day_of(_recorded(production, card, clip, essence) or now.utc):%Y%m%d}"


def _recorded(production: Production, card: Card, clip: Clip, essence: Essence) -> datetime | None:
    if essence.created:
        return datetime.fromisoformat(essence.created)
    known = production.store.files(card.id)
    first = known.get(clip.found.files[0])
    return datetime.fromtimestamp(first.mark.mtime_ns / 1e9).astimezone() if first else None


@contextmanager
def opened(place: CardPlace, files: tuple[CameraFile, ...]) -> Iterator[MediaFiles]:
    """Open camera files beneath their root, unchanged since they were hashed, for the engines to read.

    The stills of a sequence are opened one at a time, since a process may have only so many files open.

    Raises:
        SourceChanged: a file is not what was hashed, now or when it is closed.
    """
    from engines.media.source import MediaFile

    if all(suffix(file.path) in STILLS for file in files):
        stills = _Stills(place, files)
        with stills.opened:
            yield stills
        for file in files:
            with _unchanged(place, file):
                continue
        return
    with ExitStack() as stack:
        media = []
        for file in files:
            descriptor = stack.enter_context(_unchanged(place, file))
            media.append(MediaFile(basename(file.path), descriptor.fileno()))
        yield media
        for file, opened_file in zip(files, media, strict=True):
            check_unchanged(opened_file.fd, file.mark)


@contextmanager
def _unchanged(place: CardPlace, file: CameraFile) -> Iterator[FileIO]:
    """Open a camera file that still looks as it did when it was hashed."""
    with open_beneath(place.root, place.relative(file.path)) as descriptor:
        check_unchanged(descriptor, file.mark)
        yield descriptor


@dataclass(frozen=True, slots=True)
class _Stills:
    """The stills of a sequence, each open until the next is asked for."""

    place: CardPlace
    files: tuple[CameraFile, ...]
    opened: ExitStack = field(default_factory=ExitStack)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int, /) -> MediaFile:
        from engines.media.source import MediaFile

        self.opened.close()
        file = self.files[number]
        descriptor = self.opened.enter_context(_unchanged(self.place, file))
        return MediaFile(basename(file.path), descriptor.fileno())

    def __iter__(self) -> Iterator[MediaFile]:
        return map(self.__getitem__, range(len(self)))


def work(task_text: str, progress: Progress) -> str:
    """Return what was measured as JSON; the work side.

    Raises:
        MediaError: the clip cannot be read, is camera raw, or has no constant rate and the recipe names none.
    """
    from engines.media.probe import probe

    task = wire.load(ProbeTask, task_text)
    meta = camera_meta(task.source)
    timecode = SidecarTimecode(str(meta.start), meta.start.drop_frame) if meta and meta.start else None
    with opened(task.source.place, task.source.files) as files:
        essence = probe(files, rate=task.rate, sidecar=timecode, progress=progress)
        if not task.source.stands_in and (said := _gamma(task.source, meta)):
            essence = replace(essence, gamma=said)
        essence = replace(
            essence,
            camera=essence.camera or (f"{meta.manufacturer} {meta.model}".strip() if meta else ""),
            setting=_setting(task.source, meta, essence.setting),
        )
        picture = _picture(task, files, essence)
    if task.source.stands_in:
        essence = _checked(essence, meta, task.source.files[0].path)
    return wire.dump(Probed, Probed(essence, picture))


def _picture(task: ProbeTask, files: MediaFiles, essence: Essence) -> tuple[float, ...]:
    """Return the small log picture of a clip; none of one whose space is not known, or that is made for a display."""
    from engines.colour.spaces import camera_space
    from engines.colour.statistics import log_picture
    from engines.errors import UnknownSpace

    try:
        space = camera_space(essence, word=task.space, cameras=task.cameras)
    except UnknownSpace:
        return ()  # the clip is held for it where its look is asked for
    return () if space.is_display else log_picture(files, essence, space, task.working)


def _checked(essence: Essence, meta: sony.ClipMeta | None, path: str) -> Essence:
    """Return a stand-in's essence, noted where the card does not tell what its clip is like.

    Raises:
        NoStandIn: it has not the length and the timecode that the camera wrote of its clip.
    """
    if meta is None:
        return replace(essence, notes=(*essence.notes, _UNCHECKED))
    start = Timecode(essence.start_frame, essence.rate, essence.drop_frame).label
    unlike = []
    if meta.duration_frames and meta.duration_frames != essence.frames:
        unlike.append(f"{essence.frames} frames instead of {meta.duration_frames}")
    if meta.start and str(meta.start) != start:
        unlike.append(f"start {start} instead of {meta.start}")
    if unlike:
        raise NoStandIn(
            f"{path} cannot stand in for its clip", why="; ".join(unlike), fix="transcode the clip again, whole"
        )
    return essence


def _gamma(source: Source, meta: sony.ClipMeta | None) -> str:
    """Return what the clip's sidecars say of its curve and gamut; empty where they do not.

    A stand-in was made from the clip by somebody, so what the camera says is not said of it.
    """
    if meta and meta.gamma:
        return f"{meta.gamma} {'venice ' if meta.model.startswith(_VENICE) else ''}{meta.primaries}".strip()
    said = [dji.parse_colour(data) for data in sidecars_of(source, ".srt")]
    for data in sidecars_of(source, ".xml"):
        with suppress(SidecarError):  # one that cannot be read says nothing; the clip's own container is asked
            said.append(gamma.parse(data))
    return next(filter(None, said), "")


def _setting(source: Source, meta: sony.ClipMeta | None, told: Setting) -> Setting:
    """Return where a clip was filmed and how its camera was set, by its sidecars where they say it, else as told."""
    subtitles = list(sidecars_of(source, ".srt"))
    iso = [meta.iso if meta else 0, *map(dji.parse_iso, subtitles), told.iso]
    kelvin = [meta.kelvin if meta else 0, *map(dji.parse_kelvin, subtitles), told.kelvin]
    scene = (meta.scene if meta else "") or told.scene
    return Setting(scene, next(filter(None, iso), 0), next(filter(None, kelvin), 0))


def camera_meta(source: Source) -> sony.ClipMeta | None:
    """Return what Sony's XML beside a clip says; None where there is none to be read."""
    for data in sidecars_of(source, ".xml"):
        with suppress(SidecarError):  # another vendor's XML, or a broken one: what the clip itself tells stands
            return sony.parse_clip(data)
    return None


def sidecars_of(source: Source, suffix: str) -> Iterator[bytes]:
    """Yield the bytes of a clip's sidecars that end so; one too large to be one is passed over."""
    for sidecar in source.sidecars:
        if sidecar.path.lower().endswith(suffix):
            with suppress(SidecarError):
                yield read_small(source.card.root, source.card.relative(sidecar.path), _SIDECAR_BYTES)
