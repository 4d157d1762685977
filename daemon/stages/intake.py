"""Intake: scan the offload roots, find the cards and their clips, wait until their files lie quiet.

The scan is the truth, events are only hints that it is due. A root that is not mounted parks its jobs; no
scan of it, and nothing is deleted. What a clip waits for is said in `production.waiting`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from daemon import cards, manifests
from daemon.beneath import read_small
from daemon.errors import BadHash, FileMissing, NearsetError, SourceChanged
from daemon.log import get
from daemon.production import Moment, Production, Seen
from daemon.scan import Scan, Settling, scan
from daemon.slate import CardPlace, ClipKind, FileMark, FoundCard, FoundClip
from daemon.stages.looks import look_marks
from daemon.states import CLIP_TABLE, GATE_STATES, ClipEvent, ClipState
from daemon.store import Clip, trouble_of
from daemon.volumes import RootIdentity, absence, identify

_BUSY_SCAN_SECONDS = 1.0
"""Between two scans of a root on which something still settles."""
_SCAN_SHARE = 0.1
"""Largest share of the time that scanning may take on a slow mount."""
PAPERS_NAME = "(card files)"
"""What a card's papers are called among its clips; no clip's name has brackets and a space."""
_SIDECAR_BYTES = 64 * 1024 * 1024
"""Largest manifest or index that is read; a manifest of 200,000 files is about 60 MB."""

_NOTHING: tuple[frozenset[str], frozenset[tuple[str, FileMark]]] = (frozenset(), frozenset())
"""What cards were recognised from before there was a scan."""


@dataclass(slots=True)
class _Watched:
    """What is remembered of one root between scans."""

    settling: Settling = field(default_factory=Settling)
    marks: dict[str, FileMark] = field(default_factory=dict)
    found: tuple[FoundCard, ...] = ()
    card_manifests: dict[str, tuple[manifests.Manifest, NearsetError | None]] = field(default_factory=dict)
    recognised_from: tuple[frozenset[str], frozenset[tuple[str, FileMark]]] = _NOTHING
    problems: frozenset[tuple[str, str]] = frozenset()
    due: float = 0.0
    fresh: bool = True


class Intake:
    """The plan side; there is no work side."""

    name = "intake"

    def __init__(self) -> None:
        self._roots: dict[str, _Watched] = {}
        self._hinted: set[str] = set()

    def hint(self, root: str) -> None:
        """Scan this root at the next tick."""
        self._hinted.add(root)

    def moved(self, now: float) -> float:
        """Return when every root had been scanned that was due, in monotonic seconds: now, unless one is overdue."""
        return min((watched.due for watched in self._roots.values() if watched.due < now), default=now)

    def plan(self, production: Production, now: Moment) -> None:
        """Scan the roots that are due."""
        hinted, self._hinted = self._hinted, set()
        for configured in production.config.offload.roots:
            root = str(configured.path)
            watched = self._roots.setdefault(root, _Watched())
            if now.monotonic < watched.due and root not in hinted:
                continue
            if _is_away(production, configured.path):
                watched.due = now.monotonic + _BUSY_SCAN_SECONDS
                continue
            self._scan(production, configured.path, watched, now)

    def _scan(self, production: Production, root: Path, watched: _Watched, now: Moment) -> None:
        try:
            seen = scan(root)
        except OSError as error:  # it went away since it was looked at
            _park(production, str(root), error.strerror or str(error))
            return
        if production.roots_away.pop(str(root), None):
            get().info("root.back", root=str(root))
        watched.problems = _told_problems(root, seen, watched.problems)
        watched.marks = _kept(watched.marks, seen)
        watched.settling.observe(watched.marks, now.monotonic)
        _recognise(production, root, watched, now)
        settle = production.config.offload.settle_seconds
        still = partial(watched.settling.quiet, now=now.monotonic, settle_seconds=settle)
        production.look_marks[str(root)] = look_marks(watched.marks, still)
        busy = False
        with production.store.transaction():
            for card in watched.found:
                busy |= _take(production, root, card, watched, now)
            _miss(production, str(root), watched.found, seen.unread, now)
        rest = _BUSY_SCAN_SECONDS if busy else production.config.offload.scan_seconds
        watched.due = now.monotonic + max(rest, seen.seconds / _SCAN_SHARE)
        watched.fresh = False


def _kept(before: dict[str, FileMark], seen: Scan) -> dict[str, FileMark]:
    """Return what lies there: what could not be read this time stands as it was, for nothing says that it went."""
    unread = tuple(f"{path}/" for path in seen.unread)
    kept = {path: mark for path, mark in before.items() if unread and f"{path}/".startswith(unread)}
    return kept | seen.marks


def _is_away(production: Production, root: Path) -> bool:
    """Park a root that is not mounted, or on which another volume is mounted; a scan takes it back."""
    store, name = production.store, str(root)
    remembered = _remembered(production, name)
    seen = identify(root)
    neighbours = {str(each.path) for each in production.config.offload.roots} - {name}
    others = [known.marker for each in neighbours if (known := _remembered(production, each))]
    reason = absence(root, remembered, seen, others)
    if reason:
        _park(production, name, reason)
        return True
    assert seen is not None
    if remembered != seen:
        store.remember_root(name, seen.device, seen.marker)
    return False


def _park(production: Production, root: str, reason: str) -> None:
    """Let the jobs of a root wait; the log says why, once for each reason."""
    if production.roots_away.get(root) != reason:
        get().warning("root.away", root=root, why=reason, fix="mount it again; its jobs wait until then")
    production.roots_away[root] = reason


def _remembered(production: Production, root: str) -> RootIdentity | None:
    """Return by what a root was known when it was last there; None where it never was."""
    known = production.store.root(root)
    return RootIdentity(*known) if known else None


def _told_problems(root: Path, seen: Scan, told: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Return what this scan had to skip, having told what is new of it."""
    for path, why in seen.problems:
        if (path, why) not in told:
            fix = "it is looked at again at each scan, and nothing of it is taken for gone"
            get().warning("scan.skipped", root=str(root), path=path, why=why, fix=fix)
    return frozenset(seen.problems)


def _recognise(production: Production, root: Path, watched: _Watched, now: Moment) -> None:
    """Find the cards among the files that are there and those that the quiet manifests name."""
    settle_seconds = production.config.offload.settle_seconds
    quiet = frozenset(
        path
        for path in watched.marks
        if (cards.is_manifest(path) or cards.is_index(path))
        and watched.settling.quiet(path, now.monotonic, settle_seconds)
    )
    source = (frozenset(watched.marks), frozenset((path, watched.marks[path]) for path in quiet))
    if source == watched.recognised_from and not watched.fresh:
        return
    read = _reader(root)
    found = cards.recognise(source[0], read, root.name)
    tree = [path for path in watched.marks if not cards.is_manifest(path) or path in quiet]
    before = {path: error for path, (_, error) in watched.card_manifests.items()}
    watched.card_manifests = {card.path: _manifest(card, tree, read, before.get(card.path)) for card in found}
    named = {
        CardPlace(str(root), path).relative(name)
        for path, (manifest, _) in watched.card_manifests.items()
        for name in manifest.names()
    }
    absent = named - source[0]
    watched.found = tuple(cards.recognise(source[0] | absent, read, root.name) if absent else found)
    refused = [error for _, error in watched.card_manifests.values() if error and isinstance(error.__cause__, OSError)]
    watched.recognised_from = _NOTHING if refused else source  # what a volume refused is read again at the next scan


def _reader(root: Path) -> Callable[[str], bytes]:
    return lambda path: read_small(root, path, _SIDECAR_BYTES)


def _manifest(
    card: FoundCard, tree: list[str], read: Callable[[str], bytes], before: NearsetError | None
) -> tuple[manifests.Manifest, NearsetError | None]:
    try:
        return manifests.load(tree, card.path, read), None
    except NearsetError as error:  # a chain that breaks, XML that lies, a link: the card waits and says why
        if str(error) != str(before):
            words = {"code": error.code, "what": error.what, "why": error.why, "fix": error.fix}
            get().warning("manifest.refused", card=card.path, **words)
        return manifests.Manifest(), error


def _take(production: Production, root: Path, found: FoundCard, watched: _Watched, now: Moment) -> bool:
    """Bring a card up to date in the database and return whether anything of it still settles."""
    store = production.store
    settle_seconds = production.config.offload.settle_seconds
    place = CardPlace(str(root), found.path)
    prefix = place.relative("")
    marks = {path.removeprefix(prefix): mark for path, mark in watched.marks.items() if path.startswith(prefix)}
    moving = [path for path in marks if not watched.settling.quiet(prefix + path, now.monotonic, settle_seconds)]
    manifest, error = watched.card_manifests.get(found.path, (manifests.Manifest(), None))
    roll = production.config.offload.roll_names.get(found.path, found.roll)
    card = store.add_card(str(root), found, roll, now.iso)
    trouble = trouble_of(error) if error else None
    seen = Seen(place, found, marks, manifest, trouble, busy=bool(moving))
    production.seen[card] = seen
    still = _Stillness(set(moving), {path: file.mark for path, file in store.files(card).items()}, marks)
    known = {clip.name: clip for clip in store.clips(card=card)}
    for clip in (*found.clips, *_papers(found)):
        _take_clip(production, card, clip, known.pop(clip.name, None), still, watched, now)
    held = {path for clip in found.clips for path in clip.files}
    for gone in known.values():
        if gone.found.files and held.issuperset(gone.found.files):
            if gone.state is ClipState.FILED or ClipEvent.JOINED not in CLIP_TABLE[gone.state]:
                continue  # known already, or delivered by itself: that stays
            get().info("clip.joined", clip=gone.name, why="its files are a part of another clip")
            store.happen(gone.id, ClipEvent.JOINED, now.iso)
        else:
            _vanished(production, gone, now)
    return bool(moving) or any(clip.state in GATE_STATES for clip in store.clips(card=card))


def _papers(found: FoundCard) -> tuple[FoundClip, ...]:
    """Return what lies on a card beside its clips as one thing to prove."""
    return (FoundClip(PAPERS_NAME, ClipKind.PAPERS, found.others),) if found.others else ()


@dataclass(frozen=True, slots=True)
class _Stillness:
    """Which files of a card lie still: `moving` changed lately, `proven` were hashed with this mark."""

    moving: set[str]
    proven: dict[str, FileMark]
    marks: dict[str, FileMark]

    def still(self, path: str) -> bool:
        """Return whether the file lies quiet, or is just what was hashed."""
        return path in self.marks and (path not in self.moving or self.proven.get(path) == self.marks[path])

    def differs(self, path: str) -> bool:
        """Return whether the file is not what was hashed."""
        return path in self.proven and self.proven[path] != self.marks.get(path)


def _take_clip(
    production: Production,
    card: int,
    found: FoundClip,
    known: Clip | None,
    still: _Stillness,
    watched: _Watched,
    now: Moment,
) -> None:
    store = production.store
    if known is None:
        get().info("clip.found", clip=found.name, files=len(found.files))
        known = store.clip(store.add_clip(card, found, now.iso))
    if known.found != found:
        store.add_clip(card, found, now.iso)
        _found_otherwise(production, known, found, still, now)
    elif _is_apart_again(production, known):
        _changed(production, known, "it is a clip by itself again", now)
    elif reason := _unsettled(known, still, fresh=watched.fresh):
        _changed(production, known, reason, now)
    known = store.clip(known.id)
    if known.state in {ClipState.DISCOVERED, ClipState.HELD}:
        _settle_clip(production, known, still, now)


def _found_otherwise(production: Production, clip: Clip, found: FoundClip, still: _Stillness, now: Moment) -> None:
    """Send a clip back whose files are others now; more of them behind those that were made extend it."""
    if replace(clip.found, span=found.span) == found or clip.state is ClipState.DISCOVERED:
        return  # only what it goes on from or into is told otherwise, or nothing was made of it yet
    made = clip.found.files
    is_more = found.files[: len(made)] == made and not any(still.differs(path) for path in made)
    event = ClipEvent.EXTENDED if clip.state is ClipState.DELIVERED else ClipEvent.CHANGED
    if is_more:
        get().info("clip.extended", clip=clip.name, files=len(found.files) - len(made))
        production.store.happen(clip.id, event, now.iso)
    else:
        _changed(production, clip, "other files belong to it now", now)


def _is_apart_again(production: Production, clip: Clip) -> bool:
    """Return whether a clip that was filed as a part of another is none any more."""
    made_alone = clip.found.kind not in {ClipKind.PAPERS, ClipKind.SOUND}
    return clip.state is ClipState.FILED and made_alone and production.store.head(clip.id) == clip.id


def _unsettled(clip: Clip, still: _Stillness, *, fresh: bool) -> str:
    """Return why a clip that was past its quiet time is no longer, empty if it still is."""
    if clip.state in {ClipState.DISCOVERED, ClipState.DUPLICATE}:
        return ""
    paths = (*clip.found.files, *clip.found.sidecars)
    differs = any(still.differs(path) for path in paths if path in still.marks)
    if clip.state in {
        ClipState.QUIET,
        ClipState.MANIFESTED,
    }:  # to be hashed: an older hash is no measure
        moved = any(not still.still(path) for path in paths)
        return "the service started anew" if moved and fresh else "a file of it changed" if moved else ""
    if clip.state in {ClipState.HELD, ClipState.FAILED}:
        again = differs if fresh else any(path in still.moving for path in paths)
        return "it is being copied again" if again else ""
    return "a file of it changed" if differs else ""


def _changed(production: Production, clip: Clip, reason: str, now: Moment) -> None:
    store = production.store
    if clip.state is ClipState.DISCOVERED:
        return
    if store.proxies(store.head(clip.id)) and not _unproven(clip):
        if clip.trouble.code != SourceChanged.code:
            get().warning("clip.changed", clip=clip.name, state=clip.state, why=reason)
            store.happen(clip.id, ClipEvent.HOLD, now.iso, trouble_of(_after_delivery(clip, reason)))
        return
    get().info("clip.changed", clip=clip.name, state=clip.state, why=reason)
    store.happen(clip.id, ClipEvent.CHANGED, now.iso)


def _unproven(clip: Clip) -> bool:
    """Return whether a clip's bytes are on trial, so that other ones are what is hoped for."""
    return clip.state in GATE_STATES or clip.trouble.code in {BadHash.code, FileMissing.code}


def _after_delivery(clip: Clip, reason: str) -> SourceChanged:
    return SourceChanged(
        f"{clip.name} was delivered, and then its camera files changed",
        why=reason,
        fix="put the files back as they were; if this is another recording, give it another roll name",
    )


def _settle_clip(production: Production, clip: Clip, still: _Stillness, now: Moment) -> None:
    store = production.store
    paths = (*clip.found.files, *clip.found.sidecars)
    absent = [path for path in paths if path not in still.marks]
    moving = [path for path in paths if not still.still(path) and path in still.marks]
    if clip.state is ClipState.HELD:
        if clip.trouble.code == "clip.file_missing" and not absent:
            store.happen(clip.id, ClipEvent.CHANGED, now.iso)
        return
    if absent and not still.moving:
        store.happen(clip.id, ClipEvent.HOLD, now.iso, trouble_of(_missing(clip, absent, *_UNFINISHED)))
    elif absent:
        production.waiting[clip.id] = f"waits for {absent[0]}, which the manifest names"
    elif moving:
        production.waiting[clip.id] = f"still being copied: {moving[0]}"
    else:
        production.waiting.pop(clip.id, None)
        store.happen(clip.id, ClipEvent.SETTLED, now.iso)


_UNFINISHED = (
    "a manifest of this card names it, and the folder does not hold it",
    "finish the offload; the clip goes on by itself when the file is there",
)
_GONE = (
    "it was here before, and the offload does not hold it any more",
    "put it back and it goes on by itself; nothing is to be done if it was renamed or removed on purpose",
)


def _missing(clip: Clip, absent: Sequence[str], why: str, fix: str) -> FileMissing:
    more = " …" if len(absent) > 3 else ""  # noqa: PLR2004 - room on a line
    return FileMissing(f"{clip.name} lacks {', '.join(absent[:3])}{more}", why=why, fix=fix)


def _miss(production: Production, root: str, found: Sequence[FoundCard], unread: Sequence[str], now: Moment) -> None:
    """Take in that cards lie under a root no more: what of them was not proven yet must not be waited for."""
    there = {card.path for card in found}
    cards = [card for card in production.store.cards() if card.root == root and card.path not in there]
    gone = [(card, clip) for card in cards for clip in production.store.clips(card=card.id, states=GATE_STATES)]
    held = {
        CardPlace(root, card.path).relative(path)
        for card in (found if gone else ())
        for path in (*card.others, *(file for clip in card.clips for file in clip.files))
    }
    for card in cards:
        production.seen.pop(card.id, None)  # or it would count as busy for ever
    for card, clip in gone:
        production.waiting.pop(clip.id, None)
        if unread:
            production.waiting[clip.id] = f"cannot be looked at: {unread[0]} cannot be read"
        elif held.issuperset(map(CardPlace(root, card.path).relative, clip.found.files)):
            production.store.happen(clip.id, ClipEvent.JOINED, now.iso)  # the same files, on another card now
        else:
            _vanished(production, clip, now)


def _vanished(production: Production, clip: Clip, now: Moment) -> None:
    """Hold a clip that nothing was made of yet and whose files are neither here nor in a manifest any more."""
    if clip.state in GATE_STATES:
        gone = _missing(clip, clip.found.files, *_GONE)
        production.store.happen(clip.id, ClipEvent.HOLD, now.iso, trouble_of(gone))
