"""Looks: takes in the look files that lie about, and sends back the clips whose look another one is now.

A look that arrives late makes a new revision of the clips it touches and of no others. The enhanced picture before the
look is made anew for it and not kept: it would be ten times its proxy's size, and a card's looks come before its
enhancement ends.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from daemon import proposals, wire
from daemon.beneath import check_unchanged, open_beneath
from daemon.cards.base import suffix
from daemon.config import Config
from daemon.errors import ConfigError, NearsetError
from daemon.log import get
from daemon.looks import (
    FOLDER,
    LIMIT_BYTES,
    NEEDS_A_LOOK,
    SUFFIXES,
    From,
    Kept,
    LookBook,
    LookFile,
    Subject,
    read,
    wanted,
)
from daemon.presets import specs_for
from daemon.production import Moment, Production
from daemon.publish import make_folders, replace
from daemon.recipe import Words
from daemon.scan import Scan, Settling, scan
from daemon.sidecars import lut
from daemon.slate import ClipLook, FileMark, Proposed, Trouble
from daemon.stages.probe import words_of
from daemon.states import ClipEvent, ClipState
from daemon.store import Clip, Store
from daemon.volumes import identify
from engines.colour.cdl import NEUTRAL
from engines.errors import BadLook, EngineError


@dataclass(slots=True)
class _Root:
    """What is remembered of a look root between scans; `away` says why it could not be looked at."""

    settling: Settling = field(default_factory=Settling)
    due: float = 0.0
    away: str = ""


class Looks:
    """The plan side; there is no work side."""

    name = "looks"

    def __init__(self) -> None:
        self._roots: dict[str, _Root] = {}
        self._probed: set[int] = set()
        self._measured: set[int] = set()

    def plan(self, production: Production, now: Moment) -> None:
        """Read look files that are new or changed, forget those that are gone, and revise what that touches."""
        seen, production.look_marks = production.look_marks, {}
        for folder in production.config.colour.looks:
            if (marks := self._scanned(production, folder, now)) is not None:
                seen[str(folder)] = marks
        changed = [root for root, marks in seen.items() if _take(production, root, marks)]
        if changed:
            production.looks = book_of(production.config, production.store)
        probed = {clip.id for clip in production.store.clips() if clip.picture}
        if changed or probed != self._probed:
            self._probed = probed
            self._suggest(production, now)
            revise(production, now, words_changed=False)
        elif production.recipes.matches_light and self._measured != (known := _with_essence(production)):
            self._measured = known
            revise(production, now, words_changed=False)

    def _suggest(self, production: Production, now: Moment) -> None:
        """Learn from what is graded, and give each clip that waits for its first proxy a grade if nobody else did."""
        clips = production.store.clips()
        looks = _graded(production, clips)
        learns = production.config.production.training is not None
        if learns:
            proposals.learn(production, looks, now)
        for clip in clips:
            if clip.state is not ClipState.PROBED or clip.proposal or clip.id in looks:
                continue
            other = proposals.beside(production, clip, looks) if production.config.colour.match_cameras else None
            found = proposals.match(clip, other, looks[other.id]) if other else None
            if found or (learns and (found := proposals.propose(production, clip))):
                production.store.set_clip(clip.id, proposal=wire.dump(Proposed, found))

    def _scanned(self, production: Production, folder: Path, now: Moment) -> dict[str, FileMark | None] | None:
        """Return the look files of a root, None for one that still settles; None where no scan is due."""
        root = self._roots.setdefault(str(folder), _Root())
        if now.monotonic < root.due:
            return None
        root.due = now.monotonic + production.config.offload.scan_seconds
        try:
            seen = scan(folder)
            reason = _not_whole(production.store, folder, seen)
        except OSError as error:
            reason = error.strerror or str(error)
        if reason and reason != root.away:
            fix = "mount it, or let the service read it; what was read of it before stands until then"
            get().warning("looks.away", root=str(folder), why=reason, fix=fix)
        root.away = reason
        if reason:
            return None
        root.settling.observe(seen.marks, now.monotonic)
        settle = production.config.offload.settle_seconds
        found = look_marks(seen.marks, lambda path: root.settling.quiet(path, now.monotonic, settle))
        if None in found.values():
            root.due = now.monotonic + settle
        return found


def _not_whole(store: Store, folder: Path, seen: Scan) -> str:
    """Return why what a look root lacks is not taken for removed; empty where it is all there."""
    if seen.unread:
        return f"{seen.unread[0]} in it cannot be read"
    known, here = store.root(str(folder)), identify(folder)
    if here is None:
        return "the folder is not there"
    if known and known[0] != here.device and not seen.marks:
        return "it is empty, and not on the volume that it was on: a mount point without its mount"
    if known != (here.device, here.marker):
        store.remember_root(str(folder), here.device, here.marker)
    return ""


def _with_essence(production: Production) -> set[int]:
    """Return the clips that were probed: any of them may be a hero that another waits for."""
    return {clip.id for clip in production.store.clips() if clip.essence}


def _graded(production: Production, clips: list[Clip]) -> dict[int, ClipLook]:
    """Return the looks of the log clips that a person graded, by clip."""
    looks = {}
    for clip in clips:
        if clip.essence and clip.picture:
            with suppress(EngineError):  # its space is not known any more: it is held where it is planned
                look = persons_look(production, clip, words_of(production, clip))
                if look and look.origin:
                    looks[clip.id] = look
    return looks


def look_marks(marks: dict[str, FileMark], is_quiet: Callable[[str], bool]) -> dict[str, FileMark | None]:
    """Return the look files among a root's files; None for one that still settles."""
    return {path: mark if is_quiet(path) else None for path, mark in marks.items() if suffix(path) in SUFFIXES}


def _take(production: Production, root: str, marks: dict[str, FileMark | None]) -> bool:
    """Bring what is kept of a root's look files up to date and return whether anything changed."""
    store = production.store
    known = {path: mark for kept_root, path, mark, _ in store.looks() if kept_root == root}
    changed = False
    for path in known.keys() - marks.keys():
        store.drop_look(root, path)
        changed = True
    for path, mark in marks.items():
        if mark is not None and known.get(path) != mark and (file := _read(production, root, path, mark)):
            store.keep_look(root, path, mark, file)
            changed = True
    return changed


def _read(production: Production, root: str, path: str, mark: FileMark) -> LookFile | None:
    """Return what a look file holds, its LUT put among the luts; None where it cannot be opened now."""
    try:
        with open_beneath(root, path) as opened:
            data = opened.read(LIMIT_BYTES + 1) or b""
            check_unchanged(opened, mark)
    except (NearsetError, OSError) as error:
        get().warning("look.unread", path=path, why=str(error))
        return None
    file = read(path, data)
    if file.refused:
        get().warning("look.refused", path=path, why=file.refused, fix=file.fix)
        return file
    if file.lut:
        put_lut(production.config, file.lut, data)
    for slip in (one for one in file.corrections if one.refused):
        get().warning("look.refused", path=path, why=slip.refused, fix=slip.fix)
    get().info("look.read", path=path, grades=len(file.corrections), lut=file.lut)
    return file


def put_lut(config: Config, name: str, data: bytes) -> None:
    """Keep a LUT under its digest, for the children to read."""
    make_folders(config.luts, mode=0o700)
    if not (config.luts / name).exists():
        replace(lut.as_read(data, suffix(name)), config.luts / name, config.luts)


def book_of(config: Config, store: Store) -> LookBook:
    """Return all looks that are kept, with the show's LUT.

    Raises:
        ConfigError: the show's LUT cannot be used.
    """
    roots = {str(folder) for folder in config.colour.looks}
    kept = [Kept(root, path, _source(path, root in roots), file) for root, path, _, file in store.looks()]
    return LookBook(kept, config, _show_lut(config))


def _source(path: str, of_show: bool) -> From:  # noqa: FBT001 - one word of two
    if of_show:
        return From.SHOW
    return From.DAY if FOLDER in [part.lower() for part in path.split("/")[:-1]] else From.ROLL


def _show_lut(config: Config) -> str:
    path = config.colour.show_lut
    if path is None:
        return ""
    try:
        data = path.read_bytes()
        file = read(str(path), data)
    except OSError as error:
        file = LookFile(refused=str(error))
    if not file.lut:
        raise ConfigError(f"colour.show_lut {path} cannot be used", why=file.refused, fix="name a .cube or .clf")
    put_lut(config, file.lut, data)
    return file.lut


def look_of(production: Production, clip: Clip, words: Words) -> ClipLook | None:
    """Return a probed clip's look: a person's, else what was matched or proposed; None where it stays as recorded.

    Raises:
        UnknownSpace: in which space it was recorded is not known.
    """
    look = persons_look(production, clip, words)
    if look is None:
        return None
    if not words.look.match:
        return proposals.with_proposal(look, clip.proposal, NEEDS_A_LOOK)
    other = _named(production, clip, words.look.match)
    flag = f"{NEEDS_A_LOOK}: {words.look.match}, which it is to match, is no log clip that was probed"
    theirs = persons_look(production, other, words_of(production, other)) if other else None
    found = proposals.match(clip, other, theirs) if other else None
    return proposals.with_proposal(look, found or Proposed(NEUTRAL, "", (), is_sure=False), flag)


def _named(production: Production, clip: Clip, name: str) -> Clip | None:
    """Return the probed clip of a name, one of the same card before others."""
    found = [other for other in production.store.clips_named(name) if other.essence and other.id != clip.id]
    return min(found, key=lambda other: other.card != clip.card, default=None)


def persons_look(production: Production, clip: Clip, words: Words) -> ClipLook | None:
    """Return the look that people gave a probed clip, the show's own where they gave none; None for none at all.

    Raises:
        UnknownSpace: in which space it was recorded is not known.
    """
    return production.looks.look(subject_of(production, clip), words)


def subject_of(production: Production, clip: Clip) -> Subject:
    """Return what is known of a probed clip that a look is sought for."""
    assert clip.essence is not None
    card = production.store.card(clip.card)
    return Subject(clip.name, clip.reel, card.root, card.path, clip.essence)


def as_laid(production: Production, clip: Clip, trouble: Trouble) -> Trouble:
    """Return a trouble with each LUT named as somebody laid it there; a child knows it by the digest of its bytes."""
    if trouble.code != BadLook.code or clip.essence is None:
        return trouble
    what, why = trouble.what, trouble.why
    for name, path in production.looks.luts(subject_of(production, clip)).items():
        what, why = what.replace(name, path), why.replace(name, path)
    return Trouble(trouble.code, what, why, trouble.fix)


def wanted_of(production: Production, clip: Clip, words: Words) -> str:
    """Return a digest of what people say of a clip's picture now; that of its words alone before it was probed.

    Where its light is brought to another clip's, that clip's bytes are part of it, so that a hero may come later; where
    a preset holds the guide mix, that is.
    """
    from daemon.guides import guide_of  # both plan by what is here
    from daemon.stages.relight import hero_identity

    beside = [hero_identity(production, clip, words)]
    if guide := guide_of(production, clip, words):
        beside.append(guide.xxh128)
    try:
        found = wanted(look_of(production, clip, words) if clip.essence else None, words)
    except EngineError:
        found = words.digest()
    return " ".join(filter(None, (found, *beside)))


def revise(production: Production, now: Moment, *, words_changed: bool) -> None:
    """Send the clips of which other words or another look hold now back to be probed and planned anew."""
    store = production.store
    states = [ClipState.PROBED, ClipState.PROXIED, ClipState.DELIVERED, ClipState.HELD]
    with store.transaction():
        for clip in store.clips(states=[ClipState.READY, *states] if words_changed else states):
            words = words_of(production, clip)
            want = wanted_of(production, clip, words)
            if clip.state is ClipState.HELD:
                if _is_cured(production, clip, words, want):
                    store.happen(clip.id, ClipEvent.RETRIED, now.iso)
            elif clip.state is ClipState.READY or (clip.want and clip.want != want):
                store.happen(clip.id, ClipEvent.REVISED, now.iso)


def revise_clip(production: Production, clip: Clip, now: Moment) -> None:
    """Send a clip back to be planned anew, if what it was made by is not what holds now."""
    if clip.want and clip.want != wanted_of(production, clip, words_of(production, clip)):
        production.store.happen(clip.id, ClipEvent.REVISED, now.iso)


def can_be_made(clip: Clip, words: Words) -> bool:
    """Return whether a probed clip's proxies can be specified under the recipe's words."""
    assert clip.essence is not None
    try:
        specs_for(clip.essence, words, clip.name, clip.reel)
    except EngineError:
        return False
    return True


def _is_cured(production: Production, clip: Clip, words: Words, want: str) -> bool:
    """Return whether what a clip is held for is answered now."""
    code = clip.trouble.code
    if code == "media.variable_rate":
        return words.source.rate is not None
    if code == "engine.bad_look":
        return clip.want != want
    if clip.essence is None or code not in {"media.unknown_space", "media.encode_failed"}:
        return False
    try:
        look_of(production, clip, words)
    except EngineError:
        return False
    return code == "media.unknown_space" or can_be_made(clip, words)
