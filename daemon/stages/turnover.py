"""Turnover: what is handed to editorial for a roll and for a shoot day, written anew whenever something changed.

Media is in place before this runs; sidecars come next and `.complete` last, only once nothing of the card is
on its way any more. Timelines are of whole rolls: they are written with `.complete`. All of it is written by the
control process, since it is small.
"""

from __future__ import annotations

import json
from pathlib import Path
from socket import gethostname

from daemon import __version__
from daemon.errors import DeliveryError
from daemon.hashing import hash_bytes
from daemon.log import get
from daemon.production import Moment, Production
from daemon.publish import delivering, drop_stale, make_folder, replace, replace_all, withdraw
from daemon.sidecars.ascmhl import FOLDER
from daemon.slate import Twin, Vendor
from daemon.sounds import ClipSound, Pair, PlacedSound
from daemon.stages.landing import roll_folder, sheet_path, still_path
from daemon.states import SETTLED_STATES, ClipState, ProxyState
from daemon.store import Card, Clip, Proxy, trouble_of
from daemon.turnover.editorial import ales
from daemon.turnover.looks import FOLDER as LOOKS
from daemon.turnover.looks import look_files, transforms_of
from daemon.turnover.naming import safe_name
from daemon.turnover.record import complete, day_complete, day_record, record, sidecars_of
from daemon.turnover.report import report
from daemon.turnover.roll import Roll, TurnoverClip, UndeliveredClip
from daemon.turnover.sealing import sealed
from daemon.turnover.timelines import left_out, stringouts, timelines

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

    def plan(self, production: Production, now: Moment) -> None:
        """Write rolls that changed, then their days; one that cannot be written stops no other and is tried again."""
        if self._days_due is None:  # a run before may have ended between a roll and its day
            self._days_due = {card.shoot_day: 0.0 for card in production.store.cards() if card.complete}
        sought = production.store.under_way("sync") | production.store.under_way("mix")
        for card in production.store.cards():
            self._plan_roll(production, card, sought, now)
        for day in [day for day, not_before in self._days_due.items() if not_before <= now.monotonic]:
            try:
                _write_day(production, day, now)
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
        self._written[card.id] = now.monotonic
        try:
            _write(production, card, clips, now, done=done)
            production.unwritten.pop(card.id, None)
            if done and self._days_due is not None:
                self._days_due[card.shoot_day] = 0.0
        except DeliveryError as error:
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


def _write(production: Production, card: Card, clips: list[Clip], now: Moment, *, done: bool) -> None:
    """Write sidecars, then `.complete`; what changes meanwhile makes the roll due again."""
    folder, staging = roll_folder(production, card), production.staging
    make_folder(folder / "report", production.config.delivery.root)
    roll, name = roll_of(production, card, clips, now), safe_name(card.roll)
    sidecars = {path: text.encode() for path, text in ales(name, [roll]).items()}
    transforms = _transforms(production, roll)
    if looks := look_files(roll, transforms):
        make_folder(folder / LOOKS, production.config.delivery.root)
    sidecars |= looks
    sidecars["report/index.html"] = report(roll).encode()
    cuts = stringouts(name, [roll])
    if done:
        sidecars |= timelines(cuts, now.iso)
    withdraw(folder.parent / ".complete")  # it vouches for the roll's own
    withdraw(folder / ".complete")  # it vouches for the sidecars of before
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


def _write_day(production: Production, day: str, now: Moment) -> None:
    """Write a shoot day's sidecars and `.complete`, once all of its rolls are complete and one of them is another."""
    store = production.store
    cards = [card for card in store.cards() if card.shoot_day == day and delivers(production, card)]
    folder, staging = production.config.production_delivery / day, production.staging
    if not cards or not all(card.complete for card in cards):
        return
    places = [f"{safe_name(card.roll)}/.complete" for card in cards]
    seals = {place: hash_bytes("xxh128", _read(folder / place)) for place in places}
    if _vouched(folder).items() >= seals.items():
        return
    rolls = [roll_of(production, card, store.clips(card=card.id), now) for card in cards]
    name = f"{safe_name(production.config.production.code)}_{day}"
    cuts = stringouts(name, rolls, of_day=True)
    sidecars = {path: text.encode() for path, text in ales(name, rolls).items()} | timelines(cuts, now.iso)
    withdraw(folder / ".complete")
    before = _listed(folder)
    hashes = replace_all(sidecars, folder, staging)
    drop_stale(folder, before, hashes)
    text = day_record(rolls, seals, hashes, left_out(cuts))
    hashes |= replace_all({_RECORD: text.encode()}, folder, staging)
    replace(day_complete(rolls, hashes | seals).encode(), folder / ".complete", staging)
    get().info("day.complete", day=day, rolls=len(rolls))


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
    for path in (path for clip in roll.clips for path in (*clip.stills.values(), clip.sheet) if path):
        with delivering(folder / path):
            if (folder / path).is_file():
                hashes[path] = hash_bytes("xxh128", (folder / path).read_bytes())
            else:
                get().warning("still.missing", roll=roll.name, path=path)
    return hashes


def roll_of(production: Production, card: Card, clips: list[Clip], now: Moment) -> Roll:
    """Return the roll as it stands."""
    delivered = [clip for clip in clips if clip.essence and production.store.proxies(clip.id)]
    stopped = [clip for clip in clips if clip.state in SETTLED_STATES - {ClipState.DELIVERED, ClipState.FILED}]
    return Roll(
        production=production.config.production.code,
        title=production.config.production.title,
        shoot_day=card.shoot_day,
        name=card.roll,
        card_path=card.path,
        vendor=Vendor(card.vendor),
        clips=tuple(_clip(production, card, clip) for clip in delivered),
        undelivered=tuple(UndeliveredClip(clip.name, clip.state, clip.trouble) for clip in stopped),
        missing=card.missing,
        written_at=now.iso,
        version=__version__,
    )


def _sheet(production: Production, card: Card, plain: Proxy | None) -> str:
    """Return the path of a current proxy's contact sheet; empty where there is none."""
    if plain is None or not (roll_folder(production, card) / sheet_path(plain)).is_file():
        return ""
    return sheet_path(plain)


def _clip(production: Production, card: Card, clip: Clip) -> TurnoverClip:
    store = production.store
    proxies = store.proxies(clip.id)
    assert clip.essence is not None
    latest = {proxy.facts.twin: proxy for proxy in proxies}
    known = store.files(card.id)
    return TurnoverClip(
        name=clip.name,
        essence=clip.essence,
        custody=clip.custody,
        identity=clip.identity,
        files=tuple(known[path] for path in (*clip.found.files, *clip.found.sidecars) if path in known),
        published=tuple(proxy.facts for proxy in proxies),
        stills={twin: still_path(proxy) for twin, proxy in latest.items() if proxy.still and twin in set(Twin)},
        words=tuple(production.recipes.explain(clip=clip.name, roll=card.roll)),
        sheet=_sheet(production, card, latest.get(Twin.PLAIN)),
        let_go=tuple(proxy.facts for state in _REMOVED for proxy in store.proxies(clip.id, state=state)),
        sound=_sound(production, clip),
    )


def _sound(production: Production, clip: Clip) -> ClipSound | None:
    """Return production sound of a clip as it is handed over; None where it was not looked for."""
    store = production.store
    if (known := store.sync(clip.id)) is None:
        return None
    synced, recordings = known[1], store.recordings()

    def placed(pair: Pair) -> PlacedSound:
        sound = store.clip(pair.recording)
        return PlacedSound(pair, sound.name, store.card(sound.card).roll, recordings[pair.recording])

    rivals = tuple(placed(pair) for pair in synced.rivals)
    return ClipSound(tuple(placed(pair) for pair in synced.pairs), synced.held, rivals, synced.waveform)
