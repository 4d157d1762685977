"""Turnover: what is handed to editorial for a roll, written anew whenever something of it changed.

Media is in place before this runs; sidecars come next and `.complete` last, only once nothing of the card is
on its way any more. All of it is written by the control process, since it is small text.
"""

from __future__ import annotations

import re
from pathlib import Path

from daemon import __version__
from daemon.errors import DeliveryError
from daemon.hashing import hash_bytes
from daemon.log import get
from daemon.production import Moment, Production
from daemon.publish import delivering, make_folder, replace, withdraw
from daemon.slate import Twin, Vendor
from daemon.sounds import ClipSound, Pair, PlacedSound
from daemon.stages.landing import roll_folder, still_path
from daemon.states import SETTLED_STATES, ClipState
from daemon.store import Card, Clip, trouble_of
from daemon.turnover.editorial import ales, is_ours
from daemon.turnover.naming import safe_name
from daemon.turnover.record import complete, record
from daemon.turnover.report import report
from daemon.turnover.roll import Roll, TurnoverClip, UndeliveredClip

_REST_SECONDS = 5.0
"""Between two writings of a roll that is still on its way; a roll that is done is written at once."""


class Turnover:
    """The plan side; there is no work side."""

    name = "turnover"

    def __init__(self) -> None:
        self._written: dict[int, float] = {}

    def plan(self, production: Production, now: Moment) -> None:
        """Write the rolls that changed; one that cannot be written keeps no other, and is tried again."""
        for card in production.store.cards():
            clips = production.store.clips(card=card.id)
            done = is_done(production, card, clips)
            if not (card.turnover_due or (done and not card.complete)) or not card.shoot_day:
                continue
            refused = card.id in production.unwritten
            rest = production.config.workers.retry_seconds if refused else 0.0 if done else _REST_SECONDS
            rested = now.monotonic - self._written.get(card.id, float("-inf")) >= rest
            if rested and any(production.store.proxies(clip.id) for clip in clips):
                self._written[card.id] = now.monotonic
                try:
                    _write(production, card, clips, now, done=done)
                    production.unwritten.pop(card.id, None)
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
    store = production.store
    folder = roll_folder(production, card)
    staging = production.staging
    make_folder(folder / "report", production.config.delivery.root)
    roll = roll_of(production, card, clips, now)
    sidecars = {name: text.encode() for name, text in ales(roll).items()}
    sidecars["nearset.json"] = record(roll).encode()
    sidecars["report/index.html"] = report(roll).encode()
    withdraw(folder / ".complete")  # it vouches for the sidecars of before
    for path, data in sidecars.items():
        replace(data, folder / path, staging)
    _drop_stale(folder, safe_name(card.roll), set(sidecars))
    if done:
        hashes = {path: hash_bytes("xxh128", data) for path, data in sidecars.items()}
        replace(complete(roll, hashes | _stills(roll, folder)).encode(), folder / ".complete", staging)
        get().info("roll.complete", roll=card.roll, clips=len(roll.clips), undelivered=len(roll.undelivered))
    store.set_card(card.id, turnover_due=0, complete=int(done))


def _stills(roll: Roll, folder: Path) -> dict[str, str]:
    """Return the xxh128 of each still that the report shows, by path in the roll's folder."""
    hashes = {}
    for path in (path for clip in roll.clips for path in clip.stills.values()):
        with delivering(folder / path):
            if (folder / path).is_file():
                hashes[path] = hash_bytes("xxh128", (folder / path).read_bytes())
            else:
                get().warning("still.missing", roll=roll.name, path=path)
    return hashes


def _drop_stale(folder: Path, roll: str, current: set[str]) -> None:
    """Remove ALEs of ours that a revision no longer has (a rate that went away); an editor's own stay."""
    ours = re.compile(rf"{re.escape(roll)}(_\d+)?\.ale")
    with delivering(folder):
        for path in folder.glob("*.ale"):
            if path.name not in current and ours.fullmatch(path.name) and is_ours(path.read_bytes()):
                withdraw(path)


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
