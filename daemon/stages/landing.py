"""Landing: a finished proxy is put in place. Intent first, then the file, then the fact.

The intent is committed before the file gets its name, so that a crash anywhere in between is taken up where it
stood: the file is staged still, or it is in place already, or it is made again.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from daemon.errors import DeliveryError, NameTaken
from daemon.log import get
from daemon.production import Moment, Production
from daemon.publish import delivering, holds, make_folder, publish_folder, publish_new, replace, withdraw
from daemon.slate import BESIDE, DeliveredFile, Twin
from daemon.states import CLIP_TABLE, ClipEvent, JobEvent
from daemon.store import Card, Job, Proxy
from daemon.turnover.naming import safe_name

SHEET = ".look.jpg"
"""What the staged contact sheet of a look is called, behind its proxy's name."""
BEFORE = ".before.jpg"
"""What the staged still from before a clip was relit is called, behind its proxy's name."""
LAYERS = (".removal.jpg", ".steady.jpg")
"""What the staged stills after each assist of the enhanced twin are called, likewise."""
_EVENTS = {Twin.PLAIN: ClipEvent.PLAIN_PUBLISHED, Twin.ENHANCED: ClipEvent.ENHANCED_PUBLISHED}


def land(production: Production, proxy: Proxy, now: Moment) -> None:
    """Put an intended proxy in place and say so; its job ends with it.

    Raises:
        DeliveryError: the volume refuses; the intent stays and is taken up again. NameTaken: a file that is not
            ours has the name; the intent is dropped.
    """
    roll = _roll_folder_of(production, proxy)
    paths = (proxy.facts.folder,) if proxy.facts.folder else tuple(file.path for file in proxy.facts.files)
    for folder in {(roll / path).parent for path in paths}:
        make_folder(folder, production.config.delivery.root)
    make_folder(roll / "report", production.config.delivery.root)
    still = production.staging / proxy.still
    with delivering(still):
        if proxy.still and still.exists():
            replace(still.read_bytes(), roll / still_path(proxy), production.staging)
            still.unlink()
    beside = {
        SHEET: sheet_path(proxy),
        BEFORE: before_path(proxy),
        **{suffix: layer_path(proxy, suffix) for suffix in LAYERS},
    }
    for suffix, path in beside.items():
        still = production.staging / f"{proxy.staged}{suffix}"
        with delivering(still):
            if still.exists():
                replace(still.read_bytes(), roll / path, production.staging)
                still.unlink()
    try:
        _publish(production, proxy, roll)
    except NameTaken:
        _forget(production, proxy)
        raise
    with production.store.transaction():
        production.store.landed(proxy.id)
        if proxy.facts.twin in BESIDE:  # no clip waits for it, and the roll is written anew
            production.store.set_card(production.store.clip(proxy.clip).card, turnover_due=1)
        else:
            production.store.happen(proxy.clip, _EVENTS[proxy.facts.twin], now.iso)
        production.store.finish_by_key(proxy.want, JobEvent.SUCCEEDED)
    clip = production.store.clip(proxy.clip)
    get().info(
        "proxy.published",
        clip=clip.name,
        roll=production.store.card(clip.card).roll,
        path=str(roll / proxy.facts.path),
        revision=proxy.facts.revision,
        bytes=proxy.facts.size_bytes,
    )


def _publish(production: Production, proxy: Proxy, roll: Path) -> None:
    if folder := proxy.facts.folder:
        hashes = {PurePosixPath(file.path).name: file.xxh128 for file in proxy.facts.files}
        publish_folder(production.staging / proxy.staged, roll / folder, hashes)
        return
    for file, staged in reversed(_files(production, proxy)):  # the one that sidecars name comes last
        publish_new(staged, roll / file.path, file.xxh128)


def take_up(production: Production, now: Moment) -> None:
    """Bring every intent that a crash left behind to its end; runs once, at the start."""
    for proxy in production.store.intended():
        try:
            _take_up(production, proxy, now)
        except DeliveryError as error:
            get().warning("proxy.not_published", path=proxy.facts.path, code=error.code, why=error.why)


def _take_up(production: Production, proxy: Proxy, now: Moment) -> None:
    clip = production.store.clip(proxy.clip)
    roll = _roll_folder_of(production, proxy)
    is_due = proxy.facts.twin in BESIDE or _EVENTS[proxy.facts.twin] in CLIP_TABLE[clip.state]
    files = _files(production, proxy)
    if is_due and all(holds(staged, file.xxh128) or holds(roll / file.path, file.xxh128) for file, staged in files):
        land(production, proxy, now)
    else:
        _settle_intent(production, proxy)


def has_landed(production: Production, job: Job, twin: Twin) -> bool:
    """Bring what earlier tries intended to an end; return whether one got further than it could tell, the job done."""
    for proxy in production.store.intended():
        if proxy.clip == job.clip and proxy.facts.twin is twin:
            _settle_intent(production, proxy)
    landed = production.store.proxies(job.clip, twin)
    if not landed or landed[-1].want != job.key:
        return False
    production.store.finish(job.id, JobEvent.SUCCEEDED)
    return True


def _settle_intent(production: Production, proxy: Proxy) -> None:
    if _is_in_place(production, proxy):
        production.store.landed(proxy.id)
    else:
        _forget(production, proxy)


def _forget(production: Production, proxy: Proxy) -> None:
    """Drop an intent, and what was put in place of it: part of a proxy is none."""
    roll = _roll_folder_of(production, proxy)
    for file, staged in () if proxy.facts.folder else _files(production, proxy)[1:]:
        if not staged.exists() and holds(roll / file.path, file.xxh128):
            withdraw(roll / file.path)
    production.store.forget_intent(proxy.id)


def _files(production: Production, proxy: Proxy) -> list[tuple[DeliveredFile, Path]]:
    """Return a proxy's files, each with where it is staged."""
    return [
        (file, production.staging / staged) for file, staged in zip(proxy.facts.files, proxy.staged_files, strict=True)
    ]


def _is_in_place(production: Production, proxy: Proxy) -> bool:
    roll = _roll_folder_of(production, proxy)
    return all(holds(roll / file.path, file.xxh128) for file in proxy.facts.files)


def _roll_folder_of(production: Production, proxy: Proxy) -> Path:
    return roll_folder(production, production.store.card(production.store.clip(proxy.clip).card))


def roll_folder(production: Production, card: Card) -> Path:
    """Return the delivery folder of a card's roll."""
    return production.config.production_delivery / card.shoot_day / safe_name(card.roll)


def sheet_path(proxy: Proxy) -> str:
    """Return where the contact sheet of a proxy's look lies in its roll's folder."""
    return f"report/{proxy.facts.stem}_look.jpg"


def before_path(proxy: Proxy) -> str:
    """Return where the still from before a proxy was relit lies in its roll's folder."""
    return f"report/{proxy.facts.stem}_before_relight.jpg"


def still_path(proxy: Proxy) -> str:
    """Return where a proxy's still lies in its roll's folder."""
    return f"report/{proxy.facts.stem}_{proxy.facts.twin}.jpg"


def layer_path(proxy: Proxy, suffix: str) -> str:
    """Return where the still after one assist of a proxy lies in its roll's folder; `suffix` as in LAYERS."""
    return f"report/{proxy.facts.stem}{suffix.replace('.', '_', 1)}"
