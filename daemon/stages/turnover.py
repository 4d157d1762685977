"""Turnover: what is handed to editorial for a roll and for a shoot day, written anew whenever something changed.

Media is in place before this runs; sidecars come next and `.complete` last, only once nothing of the card is
on its way any more. Timelines are of whole rolls: they are written with `.complete`. All of it is written by the
control process, since it is small; only AAFs are composed elsewhere (`clerk.py`), and what waits for one is written
at a later turn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace as replace_fields
from pathlib import Path
from socket import gethostname

from daemon import __version__
from daemon.certificates import Certificates, fingerprint
from daemon.clerk import Clerk
from daemon.errors import DeliveryError
from daemon.hashing import hash_bytes
from daemon.log import get
from daemon.production import Moment, Production
from daemon.publish import delivering, drop_stale, make_folder, point, replace, replace_all, withdraw
from daemon.sidecars.ascmhl import FOLDER
from daemon.slate import Twin, Vendor, VerifiedFile
from daemon.sounds import ClipSound, Pair, PlacedSound, Recording, TakeFile
from daemon.stages.assist import asked_for
from daemon.stages.landing import LAYERS, before_path, layer_path, roll_folder, sheet_path, still_path
from daemon.stages.render import restraint_of
from daemon.stages.sync import take_files
from daemon.states import SETTLED_STATES, ClipState, ProxyState
from daemon.store import Card, Clip, Proxy, trouble_of
from daemon.turnover import current, provenance
from daemon.turnover.editorial import ales
from daemon.turnover.looks import FOLDER as LOOKS
from daemon.turnover.looks import look_files, transforms_of
from daemon.turnover.naming import safe_name
from daemon.turnover.record import complete, day_complete, day_record, record, sidecars_of
from daemon.turnover.report import report
from daemon.turnover.roll import Roll, TurnoverClip, UndeliveredClip
from daemon.turnover.sealing import sealed
from daemon.turnover.timelines import left_out, stringouts, texts

_RECORD = "nearset.json"
_REMOVED = (ProxyState.LET_GO, ProxyState.GONE)
_REST_SECONDS = 5.0
"""Between two writings of a roll that is still on its way; a roll that is done is written at once."""
_SOUGHT_SECONDS = 60.0
"""Between two writings of a complete roll whose clips are being sought in production sound, one after the other."""


class Turnover:
    """The plan side; there is no work side."""

    name = "turnover"

    def __init__(self) -> None:
        self._written: dict[int, float] = {}
        self._days_due: dict[str, float] | None = None
        self._clerk = Clerk()

    @property
    def is_through(self) -> bool:
        """Whether no shoot day waits to be written, but for one that its volume refused."""
        return all(self._days_due.values()) if self._days_due else True

    def plan(self, production: Production, now: Moment) -> None:
        """Write rolls that changed, then their days; one that cannot be written stops no other and is tried again."""
        if self._days_due is None:  # a run before may have ended between a roll and its day
            self._days_due = {card.shoot_day: 0.0 for card in production.store.cards() if card.complete}
        sought = production.store.under_way("sync") | production.store.under_way("mix")
        for card in production.store.cards():
            self._plan_roll(production, card, sought, now)
        for day in [day for day, not_before in self._days_due.items() if not_before <= now.monotonic]:
            try:
                if _write_day(production, day, self._clerk, now):
                    del self._days_due[day]
            except DeliveryError as error:
                self._days_due[day] = now.monotonic + production.config.workers.retry_seconds
                get().error("day.not_written", day=day, code=error.code, why=error.why, fix=error.fix)

    def _plan_roll(self, production: Production, card: Card, sought: set[int], now: Moment) -> None:
        clips = production.store.clips(card=card.id)
        done = is_done(production, card, clips)
        if not (card.turnover_due or (done and not card.complete)) or not card.shoot_day:
            return
        rest = 0.0 if done else _REST_SECONDS
        if card.id in production.unwritten:
            rest = production.config.workers.retry_seconds
        elif card.complete and any(clip.id in sought for clip in clips):
            rest = _SOUGHT_SECONDS
        rested = now.monotonic - self._written.get(card.id, float("-inf")) >= rest
        if not rested or not delivers(production, card):
            return
        try:
            if not _write(production, card, clips, self._clerk, now, done=done):
                return
            self._written[card.id] = now.monotonic
            production.unwritten.pop(card.id, None)
            if done and self._days_due is not None:
                self._days_due[card.shoot_day] = 0.0
        except DeliveryError as error:
            self._written[card.id] = now.monotonic
            _refused(production, card, error)


def _refused(production: Production, card: Card, error: DeliveryError) -> None:
    """Note why a roll could not be written; the log tells it once."""
    trouble = trouble_of(error)
    if production.unwritten.get(card.id) != trouble:
        get().error("roll.not_written", roll=card.roll, code=error.code, what=error.what, why=error.why, fix=error.fix)
    production.unwritten[card.id] = trouble


def is_done(production: Production, card: Card, clips: list[Clip]) -> bool:
    """Return whether nothing of a card is on its way any more."""
    seen = production.seen.get(card.id)
    return bool(clips) and all(clip.state in SETTLED_STATES for clip in clips) and not (seen and seen.busy)


def _write(production: Production, card: Card, clips: list[Clip], clerk: Clerk, now: Moment, *, done: bool) -> bool:
    """Write sidecars, then `.complete`; return False where an AAF is composed still, and nothing was touched.

    What changes meanwhile makes the roll due again.
    """
    folder, staging = roll_folder(production, card), production.staging
    roll, name = roll_of(production, card, clips, now), safe_name(card.roll)
    cuts = stringouts(name, [roll])
    composed = clerk.aafs(folder, cuts, now) if done else {}
    if composed is None:
        return False
    make_folder(folder / "report", production.config.delivery.root)
    sidecars = {path: text.encode() for path, text in ales(name, [roll]).items()}
    transforms = _transforms(production, roll)
    if looks := look_files(roll, transforms):
        make_folder(folder / LOOKS, production.config.delivery.root)
    sidecars |= looks
    if signatures := provenance.files(roll):
        make_folder(folder / provenance.FOLDER, production.config.delivery.root)
    sidecars |= signatures
    sidecars["report/index.html"] = report(roll).encode()
    if done:
        sidecars |= texts(cuts) | composed
    withdraw(folder.parent / ".complete")  # it vouches for the roll's own
    withdraw(folder / ".complete")  # it vouches for the sidecars of before
    sidecars |= _current(production, roll, folder)
    before = _listed(folder)
    hashes = replace_all(sidecars, folder, staging)
    if done:
        drop_stale(folder, before, hashes)
    text = record(roll, hashes if done else before | hashes, left_out(cuts))
    hashes |= replace_all({_RECORD: text.encode()}, folder, staging) | _hand_over(production, transforms, folder)
    if done:
        hashes |= _seal(production, roll, folder, now)
        replace(complete(roll, hashes | _stills(roll, folder)).encode(), folder / ".complete", staging)
        get().info("roll.complete", roll=card.roll, clips=len(roll.clips), undelivered=len(roll.undelivered))
    production.store.set_card(card.id, turnover_due=0, complete=int(done))
    return True


def _current(production: Production, roll: Roll, folder: Path) -> dict[str, bytes]:
    """Make the roll's `current` links lead to the current revisions; return the list where there are none."""
    wanted = current.links(roll) if production.config.delivery.current == "links" else {}
    has_links = point(wanted, folder, current.FOLDER, production.staging)
    return {} if wanted and has_links else {current.LIST: current.listing(roll)}


def _write_day(production: Production, day: str, clerk: Clerk, now: Moment) -> bool:
    """Write a shoot day's sidecars and `.complete`, once all of its rolls are complete and one of them is another.

    Returns False where an AAF is composed still, and nothing was touched.
    """
    store = production.store
    cards = [card for card in store.cards() if card.shoot_day == day and delivers(production, card)]
    folder, staging = production.config.production_delivery / day, production.staging
    if not cards or not all(card.complete for card in cards):
        return True
    places = [f"{safe_name(card.roll)}/.complete" for card in cards]
    seals = {place: hash_bytes("xxh128", _read(folder / place)) for place in places}
    if _vouched(folder).items() >= seals.items():
        return True
    rolls = [roll_of(production, card, store.clips(card=card.id), now) for card in cards]
    name = f"{safe_name(production.config.production.code)}_{day}"
    cuts = stringouts(name, rolls, of_day=True)
    if (composed := clerk.aafs(folder, cuts, now)) is None:
        return False
    sidecars = {path: text.encode() for path, text in ales(name, rolls).items()} | texts(cuts) | composed
    withdraw(folder / ".complete")
    before = _listed(folder)
    hashes = replace_all(sidecars, folder, staging)
    drop_stale(folder, before, hashes)
    text = day_record(rolls, seals, hashes, left_out(cuts))
    hashes |= replace_all({_RECORD: text.encode()}, folder, staging)
    replace(day_complete(rolls, hashes | seals).encode(), folder / ".complete", staging)
    get().info("day.complete", day=day, rolls=len(rolls))
    return True


def _seal(production: Production, roll: Roll, folder: Path, now: Moment) -> dict[str, str]:
    """Put what is new into the roll's ASC MHL history, and return the xxh128 of each of its files by path."""
    home = folder / FOLDER
    make_folder(home, production.config.delivery.root)
    media = [file for clip in roll.clips for proxy in clip.published for file in proxy.files]
    name, host = safe_name(roll.name), gethostname()
    with delivering(home):
        names = [path.name for path in home.iterdir()]
    files = sealed(names, lambda path: _read(folder / path), media, roll=name, moment=now.utc, hostname=host)
    hashes = replace_all({f"{FOLDER}/{name}": data for name, data in files.items()}, folder, production.staging)
    last = f"{len(files) - 1:04d}_"
    for stray in (name for name in names if name.startswith(last) and name not in files):
        withdraw(home / stray)  # a crash left it before the chain named it
    return hashes


def delivers(production: Production, card: Card) -> bool:
    """Return whether anything of a card is in place."""
    return any(production.store.proxies(clip.id) for clip in production.store.clips(card=card.id))


def _listed(folder: Path) -> dict[str, str]:
    """Return the sidecars that a folder's record of before lists, with their xxh128."""
    return sidecars_of(_read(folder / _RECORD))


def _vouched(folder: Path) -> dict[str, str]:
    """Return what a folder's `.complete` vouches for; nothing where there is none."""
    try:
        return dict(json.loads(_read(folder / ".complete"))["xxh128"])
    except (ValueError, KeyError, TypeError):
        return {}


def _read(path: Path) -> bytes:
    """Return a sidecar's bytes; none where it is not there."""
    with delivering(path):
        return path.read_bytes() if path.is_file() and not path.is_symlink() else b""


def _transforms(production: Production, roll: Roll) -> dict[str, bytes]:
    """Return the LUTs and CLFs of a roll's looks by file name; a CLF that cannot be made, or was not, is left out."""
    luts, clfs = transforms_of(roll)
    there = {name for name in clfs if (production.config.luts / name).is_file()}
    return {name: (production.config.luts / name).read_bytes() for name in luts | there}


def _hand_over(production: Production, transforms: dict[str, bytes], folder: Path) -> dict[str, str]:
    """Put LUTs and CLFs in place, each once since its name tells its content, and return their xxh128 by path."""
    for name, data in sorted(transforms.items()):
        if not (folder / LOOKS / name).is_file():
            replace(data, folder / LOOKS / name, production.staging)
    return {f"{LOOKS}/{name}": hash_bytes("xxh128", data) for name, data in sorted(transforms.items())}


def _stills(roll: Roll, folder: Path) -> dict[str, str]:
    """Return the xxh128 of each still that the report shows, by path in the roll's folder."""
    hashes = {}
    for path in (path for clip in roll.clips for path in clip.pictures):
        with delivering(folder / path):
            if (folder / path).is_file():
                hashes[path] = hash_bytes("xxh128", (folder / path).read_bytes())
            else:
                get().warning("still.missing", roll=roll.name, path=path)
    return hashes


def roll_of(production: Production, card: Card, clips: list[Clip], now: Moment) -> Roll:
    """Return the roll as it stands."""
    delivered = [clip for clip in clips if clip.essence and production.store.proxies(clip.id)]
    recordings = production.store.recordings()
    stopped = [clip for clip in clips if clip.state in SETTLED_STATES - {ClipState.DELIVERED, ClipState.FILED}]
    return Roll(
        production=production.config.production.code,
        title=production.config.production.title,
        shoot_day=card.shoot_day,
        name=card.roll,
        card_path=card.path,
        vendor=Vendor(card.vendor),
        clips=tuple(clip_of(production, card, clip, recordings) for clip in delivered),
        undelivered=tuple(UndeliveredClip(clip.name, clip.state, clip.trouble) for clip in stopped),
        missing=card.missing,
        written_at=now.iso,
        version=__version__,
        root=(root := _root(production)),
        signed_by=fingerprint(root) if root else "",
    )


def _root(production: Production) -> bytes:
    """Return the certificate that stands behind signatures; none where the production never signed."""
    certificates = Certificates(production.config.certificates)
    return certificates.root if certificates.are_there else b""


def _beside(production: Production, card: Card, proxy: Proxy | None, path_of: Callable[[Proxy], str]) -> str:
    """Return the path of what lies in the report beside a current proxy; empty where there is none."""
    if proxy is None or not (roll_folder(production, card) / path_of(proxy)).is_file():
        return ""
    return path_of(proxy)


def clip_of(production: Production, card: Card, clip: Clip, recordings: dict[int, Recording]) -> TurnoverClip:
    """Return a clip that was probed, with what was delivered of it."""
    store = production.store
    proxies = store.proxies(clip.id)
    assert clip.essence is not None
    latest = {proxy.facts.twin: proxy for proxy in proxies}
    parts = store.parts(clip.id)
    return TurnoverClip(
        name=clip.name,
        essence=clip.essence,
        custody=clip.custody,
        identity=clip.identity,
        files=tuple(file for part in parts for file in _files(production, part, away=part.card != card.id)),
        published=tuple(proxy.facts for proxy in proxies),
        stills={twin: still_path(proxy) for twin, proxy in latest.items() if proxy.still and twin in set(Twin)},
        words=tuple(production.recipes.explain(clip=clip.name, roll=card.roll)),
        sheet=_beside(production, card, latest.get(Twin.PLAIN), sheet_path),
        unlit=_beside(production, card, latest.get(Twin.ENHANCED), before_path),
        let_go=tuple(proxy.facts for state in _REMOVED for proxy in store.proxies(clip.id, state=state)),
        sound=_sound(production, clip, recordings),
        held_back=restraint_of(production, clip),
        parts=tuple(f"{store.card(part.card).roll}/{part.name}" for part in parts) if len(parts) > 1 else (),
        assists=asked_for(production.recipes.words(clip=clip.name, roll=card.roll)),
        layers=_layers(production, card, latest.get(Twin.ENHANCED)),
        undone=production.undone.get(clip.id, ()),
    )


def _layers(production: Production, card: Card, enhanced: Proxy | None) -> tuple[tuple[str, str], ...]:
    """Return name and path of the still after each assist of the current enhanced twin."""
    paths = [(suffix.split(".")[1], layer_path(enhanced, suffix)) for suffix in LAYERS] if enhanced else []
    return tuple((name, path) for name, path in paths if (roll_folder(production, card) / path).is_file())


def _files(production: Production, part: Clip, *, away: bool) -> Iterator[VerifiedFile]:
    """Yield what is known of a part's camera files; those of another roll have its name before their path."""
    known, roll = production.store.files(part.card), production.store.card(part.card).roll
    for path in (*part.found.files, *part.found.sidecars):
        if path in known:
            yield replace_fields(known[path], path=f"{roll}/{path}") if away else known[path]


def _sound(production: Production, clip: Clip, recordings: dict[int, Recording]) -> ClipSound | None:
    """Return production sound of a clip as it is handed over; None where it was not looked for."""
    store = production.store
    if (known := store.sync(clip.id)) is None:
        return None
    synced = known[1]

    def placed(pair: Pair) -> PlacedSound:
        sound = store.clip(pair.recording)
        files = tuple(
            TakeFile(one.name, path, store.files(one.card)[path].hashes["xxh128"], recordings[one.id])
            for one in take_files(store, sound, recordings)
            for path in one.found.files[:1]
        )
        return PlacedSound(pair, sound.name, store.card(sound.card).roll, recordings[pair.recording], files)

    rivals = tuple(placed(pair) for pair in synced.rivals)
    return ClipSound(tuple(placed(pair) for pair in synced.pairs), synced.held, rivals, synced.waveform)
