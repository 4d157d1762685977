"""Landing: a finished proxy is put in place. Intent first, then the file, then the fact.

The intent is committed before the file gets its name, so that a crash anywhere in between is taken up where it
stood: the file is staged still, or it is in place already, or it is made again.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from daemon.errors import DeliveryError, NameTaken
from daemon.log import get
from daemon.production import Moment, Production
from daemon.publish import make_folder, publish_new
from daemon.slate import Twin
from daemon.states import ClipEvent, JobEvent
from daemon.store import Proxy
from daemon.turnover.naming import safe_name

_EVENTS = {Twin.PLAIN: ClipEvent.PLAIN_PUBLISHED, Twin.ENHANCED: ClipEvent.ENHANCED_PUBLISHED}


def land(production: Production, proxy: Proxy, now: Moment) -> None:
    """Put an intended proxy in place and say so; its job ends with it.

    Raises:
        DeliveryError: the volume refuses; the intent stays and is taken up again. NameTaken: a file that is not
            ours has the name; the intent is dropped.
    """
    roll = roll_folder(production, proxy.clip)
    staged = production.staging / proxy.staged
    target = roll / proxy.facts.path
    still = production.staging / proxy.still
    make_folder(target.parent, production.config.delivery.root)
    make_folder(roll / "report", production.config.delivery.root)
    try:
        publish_new(staged, target)
        if still.exists():
            publish_new(still, roll / still_path(proxy))
    except NameTaken:
        production.store.forget_intent(proxy.id)
        raise
    with production.store.transaction():
        production.store.landed(proxy.id)
        production.store.happen(proxy.clip, _EVENTS[proxy.facts.twin], now.iso)
        production.store.finish_by_key(proxy.want, JobEvent.SUCCEEDED)
    get().info("proxy.published", path=str(target), revision=proxy.facts.revision, bytes=proxy.facts.size_bytes)


def take_up(production: Production, now: Moment) -> None:
    """Bring every intent that a crash left behind to its end; runs once, at the start."""
    for proxy in production.store.intended():
        target = roll_folder(production, proxy.clip) / proxy.facts.path
        if (production.staging / proxy.staged).exists() or target.exists():
            try:
                land(production, proxy, now)
            except DeliveryError as error:
                get().warning("proxy.not_published", path=str(target), code=error.code, why=error.why)
                production.store.forget_intent(proxy.id)
        else:
            production.store.forget_intent(proxy.id)


def roll_folder(production: Production, clip: int) -> Path:
    """Return the delivery folder of a clip's roll."""
    card = production.store.card(production.store.clip(clip).card)
    return production.config.production_delivery / card.shoot_day / safe_name(card.roll)


def still_path(proxy: Proxy) -> str:
    """Return where a proxy's still lies in its roll's folder."""
    return f"report/{PurePosixPath(proxy.facts.path).stem}_{proxy.facts.twin}.jpg"
