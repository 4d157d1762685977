"""Manifest: what the manifests vouch for is hashed byte for byte, and what holds is admitted.

Plan side: a quiet clip whose files a manifest names is hashed in a child; a verified one is admitted unless
the same bytes are here already or another card has its roll name. Work side: hash, compare, name the first
file that differs. A clip goes on alone: a card does not wait for its last byte.
"""

from __future__ import annotations

from dataclasses import dataclass

from daemon import wire
from daemon.beneath import check_unchanged, open_beneath
from daemon.errors import BadHash, ClipError, RollNameTaken
from daemon.hashing import hash_file
from daemon.production import Moment, Production, Seen, key_of
from daemon.slate import CardPlace, ClipKind, Custody, FileMark, Trouble, Vendor, VerifiedFile
from daemon.standins import stand_in_for
from daemon.states import GATE_STATES, ClipEvent, ClipState, JobEvent
from daemon.store import Clip, Job, trouble_of
from daemon.turnover.naming import safe_name
from daemon.worker import Progress

PRIORITY = 10
PAPERS_PRIORITY = 8
LANE = "custody"

_NOT_HERE = GATE_STATES | {ClipState.DUPLICATE}
"""States in which a clip does not keep one of the same bytes away: it may never get through itself."""
_MOST_BYTES = 16 << 40
"""What ext4 can hold in one file; the largest media of cameras hold an eighth of it in all."""
_NOTHING_PROVEN = frozenset({"null"})
"""Hash formats that prove nothing about a file's bytes."""


@dataclass(frozen=True, slots=True)
class HashTask:
    """Files to hash: path in the roll, mark when seen quiet, and what the manifests expect."""

    place: CardPlace
    files: tuple[tuple[str, FileMark, dict[str, str]], ...]


class Manifests:
    """The plan side."""

    name = "manifest"
    is_vital = True
    is_told = False

    def plan(self, production: Production, now: Moment) -> None:
        """List, hash and admit the clips that lie quiet, all at once: a commit for each of 200 takes seconds."""
        with production.store.transaction():
            for clip in production.store.clips(states=[ClipState.QUIET]):
                if seen := production.seen.get(clip.card):
                    _list(production, clip, seen, now)
            under_way = production.store.under_way(self.name)
            for clip in production.store.clips(states=[ClipState.MANIFESTED]):
                if clip.id not in under_way and (seen := production.seen.get(clip.card)):
                    _hash(production, clip, seen, now)
            for clip in production.store.clips(states=[ClipState.VERIFIED]):
                _admit(production, clip, now)

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Keep what was hashed; the clip is verified, unless the manifests say more by now: then it is hashed again."""
        store = production.store
        clip = store.clip(job.clip)
        hashed = wire.load(tuple[VerifiedFile, ...], result)
        seen = production.seen.get(clip.card)
        with store.transaction():
            store.add_files(clip.card, hashed)
            store.finish(job.id, JobEvent.SUCCEEDED)
            if seen is None or all(seen.expected(file.path) == file.expected for file in hashed):
                _verified(production, clip, now)


def bytes_of(clip: Clip) -> tuple[str, ...]:
    """Return every file of a clip whose bytes must be proven, sidecars too, in order."""
    return (*clip.found.files, *clip.found.sidecars, *clip.found.stand_ins)


def _list(production: Production, clip: Clip, seen: Seen, now: Moment) -> None:
    if seen.trouble:
        production.waiting[clip.id] = f"waits: {seen.trouble.what}: {seen.trouble.why}"
        return
    for path in bytes_of(clip):
        if contradiction := seen.manifest.trouble(path):
            production.store.happen(clip.id, ClipEvent.HOLD, now.iso, trouble_of(contradiction))
            return
    unlisted = [path for path in bytes_of(clip) if not _provable(seen.expected(path))]
    essential = [path for path in unlisted if path in clip.found.files and clip.found.kind is not ClipKind.PAPERS]
    if essential and production.config.offload.require_manifest:
        production.waiting[clip.id] = f"waits for a manifest that vouches for {essential[0]}"
        return
    custody = Custody.UNVERIFIED if essential else Custody.VERIFIED
    production.waiting.pop(clip.id, None)
    with production.store.transaction():
        production.store.set_clip(clip.id, custody=custody)
        production.store.happen(clip.id, ClipEvent.LISTED, now.iso)


def _provable(expected: dict[str, str]) -> bool:
    return bool(expected.keys() - _NOTHING_PROVEN)


def _hash(production: Production, clip: Clip, seen: Seen, now: Moment) -> None:
    """Queue the hashing, or skip it where the same bytes were hashed before and nothing changed since."""
    known = production.store.files(clip.card)
    files = tuple((path, seen.marks[path], seen.expected(path)) for path in bytes_of(clip) if path in seen.marks)
    if all(_still_holds(known.get(path), mark, expected) for path, mark, expected in files):
        _verified(production, clip, now)
        return
    task = HashTask(seen.place, files)
    text = wire.dump(HashTask, task)
    production.store.add_job(
        key=key_of("hash", str(clip.id), text),
        clip=clip.id,
        stage="manifest",
        lane=LANE,
        priority=PAPERS_PRIORITY if clip.found.kind is ClipKind.PAPERS else PRIORITY,
        task=text,
    )


def _still_holds(known: VerifiedFile | None, mark: FileMark, expected: dict[str, str]) -> bool:
    return known is not None and known.mark == mark and known.expected == expected


def _verified(production: Production, clip: Clip, now: Moment) -> None:
    known = production.store.files(clip.card)
    identity = key_of("clip", *(known[path].hashes["xxh128"] for path in clip.found.files))
    production.store.set_clip(clip.id, identity=identity)
    production.store.happen(clip.id, ClipEvent.HASHED, now.iso)


def _admit(production: Production, clip: Clip, now: Moment) -> None:
    store = production.store
    if clip.found.kind is ClipKind.PAPERS:
        store.happen(clip.id, ClipEvent.FILED, now.iso)
        return
    for twin in store.clips_with_identity(clip.identity):
        if twin.id != clip.id and twin.name == clip.name and twin.state not in _NOT_HERE:
            store.happen(clip.id, ClipEvent.REPEATED, now.iso, _repeated(production, twin))
            return
    if taken := _roll_taken(production, clip):
        store.happen(clip.id, ClipEvent.HOLD, now.iso, trouble_of(taken))
        return
    with store.transaction():
        store.set_clip(clip.id, ready_at=now.iso)
        store.happen(clip.id, ClipEvent.ADMITTED, now.iso)
        if clip.found.kind is ClipKind.RAW and not clip.stand_in and not substituted(production, clip):
            store.happen(clip.id, ClipEvent.CANNOT_DECODE, now.iso, raw_trouble(clip))


def substituted(production: Production, clip: Clip) -> bool:
    """Return whether a clip that nothing decodes has a stand-in, and note it."""
    found = stand_in_for(production, clip)
    if found is None or clip.stand_in:
        return False
    production.store.set_clip(clip.id, stand_in=found[1].path)
    return True


def raw_trouble(clip: Clip) -> Trouble:
    """Return what to tell of camera raw that nothing here decodes."""
    return Trouble(
        "media.undecodable",
        f"{clip.name} is {clip.found.raw_format or 'camera raw'}",
        "no decoder here reads it",
        "transcode it with the vendor's tool, or let a proxy stand in with offload.stand_ins",
    )


def _repeated(production: Production, first: Clip) -> Trouble:
    card = production.store.card(first.card)
    return Trouble(
        "clip.duplicate",
        f"the same bytes are here already as {card.roll}/{first.name}",
        f"card {card.path} holds this clip too",
        "nothing to do: it is not made twice",
    )


def _roll_taken(production: Production, clip: Clip) -> RollNameTaken | None:
    card = production.store.card(clip.card)
    for other in production.store.cards():
        if Vendor.SOUND in {other.vendor, card.vendor}:
            continue  # recorders deliver into no folder of their own
        if other.id < card.id and safe_name(other.roll).lower() == safe_name(card.roll).lower():
            return RollNameTaken(
                f"roll {card.roll} is in {card.path}, and another card of that name was here first",
                why=f"{other.path} is roll {other.roll} and holds other clips",
                fix=f'name this one: `offload.roll_names: {{"{card.path}": "{card.roll}B"}}`, then `nearset retry`',
            )
    return None


def work(task_text: str, progress: Progress) -> str:
    """Return the hashed files as JSON; the work side.

    Raises:
        BadHash: a file's bytes are not what a manifest vouches for.
        SourceChanged: a file changed since it lay quiet.
    """
    task = wire.load(HashTask, task_text)
    _check_sizes(task)
    total = sum(mark.size_bytes for _, mark, _ in task.files)
    done = 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    hashed = []
    for path, mark, expected in task.files:
        with open_beneath(task.place.root, task.place.relative(path)) as file:
            check_unchanged(file, mark)
            hashes = hash_file(file, tuple(expected), progress=tell)
            check_unchanged(file, mark)
        _compare(path, expected, hashes)
        hashed.append(VerifiedFile(path, mark, hashes, expected))
    return wire.dump(tuple[VerifiedFile, ...], tuple(hashed))


def _check_sizes(task: HashTask) -> None:
    """Refuse a file that no camera medium holds: a sparse one costs nothing to make and days to hash."""
    for path, mark, _ in task.files:
        if mark.size_bytes > _MOST_BYTES:
            raise ClipError(
                f"{path} is larger than any camera's file",
                why=f"it has {mark.size_bytes} bytes; {_MOST_BYTES} are the most",
                fix="check what it is, and how it came onto the card",
            )


def _compare(path: str, expected: dict[str, str], got: dict[str, str]) -> None:
    for algorithm, value in expected.items():
        if algorithm not in _NOTHING_PROVEN and got[algorithm] != value:
            raise BadHash(
                f"{path} does not hold the bytes that its manifest vouches for",
                why=f"{algorithm} expected {value}, got {got[algorithm]}",
                fix="offload this clip again from the card; it goes on by itself once the bytes are right",
            )
