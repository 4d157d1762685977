"""What it costs to look after a production: `python -m bench.looking [--clips N]`, 1000 by default; processor time."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from bench.points import Inline
from daemon import config as configuration
from daemon import wire
from daemon.capacity import Capacity
from daemon.metrics import Tally, exposition
from daemon.notices import composed, news_of
from daemon.opening import opened
from daemon.pace import Pace
from daemon.production import Moment, Production
from daemon.slate import ClipKind, DeliveredFile, FoundCard, FoundClip, Published, Rendition, Twin, Vendor
from daemon.states import ClipEvent
from daemon.status import CardStatus, ClipStatus, Snapshot, snapshot
from engines.media.essence import CodeRange, Essence, FieldOrder, TimecodeSource

_HELD_CARDS, _A_CARD = 20, 50
_NOW = Moment(0.0, datetime(2026, 11, 27, 12, tzinfo=UTC))
_CONFIG = """\
production: {code: BENCH}
offload: {roots: [offload]}
delivery: {root: delivery}
state: {root: state}
"""
UHD = Essence(
    container="mov",
    codec="prores",
    profile="",
    width=3840,
    height=2160,
    pixel_aspect=Fraction(1),
    pixel_format="yuv422p10le",
    bits=10,
    frames=1000,
    rate=Fraction(24),
    variable_rate=False,
    field_order=FieldOrder.PROGRESSIVE,
    rotation_degrees=0,
    code_range=CodeRange.LEGAL,
    matrix="bt709",
    primaries="bt709",
    transfer="bt709",
    start_frame=86400,
    drop_frame=False,
    timecode_source=TimecodeSource.TMCD,
    reel="A001",
    camera="",
    created="",
    audio=(),
    notes=(),
)


def main() -> None:
    """Print a line for each thing that is looked at."""
    parser = argparse.ArgumentParser(prog="python -m bench.looking")
    parser.add_argument("--clips", type=int, default=1000)
    clips = parser.parse_args().clips
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.yaml")
        path.write_text(_CONFIG, encoding="utf-8")
        with opened(configuration.load(path)) as production:
            _probe(production, clips)
            capacity = Capacity()
            for number, word in enumerate(("first", "then")):
                later = Moment(60.0 * number, _NOW.utc)
                print(f"room, {word}: {_cost(lambda later=later: capacity.look(production, later), 1):.1f} ms")
            print(f"status, probed: {_status_ms(production):.1f} ms")
            _deliver(production)
            print(f"status, delivered: {_status_ms(production):.1f} ms")
    seen = _held()
    print(f"figures: {_cost(lambda: exposition(seen, Tally(), _NOW), 20):.2f} ms")
    print(f"news: {_cost(lambda: composed('BENCH', news_of(seen)), 20):.2f} ms")


def _status_ms(production: Production) -> float:
    pace, capacity = Pace(), Capacity()
    return _cost(lambda: snapshot(production, Inline(), _NOW, pace, capacity, ""), 5)


def _probe(production: Production, clips: int) -> None:
    """Give a production cards of fifty clips that were probed."""
    store = production.store
    way = (ClipEvent.SETTLED, ClipEvent.LISTED, ClipEvent.HASHED, ClipEvent.ADMITTED, ClipEvent.PROBED)
    with store.transaction():
        for number in range(clips):
            roll = f"A{number // _A_CARD:03}"
            if number % _A_CARD == 0:
                card = store.add_card("offload", FoundCard(roll, roll, Vendor.PLAIN, ()), roll, _NOW.iso)
            name = f"{roll}C{number % _A_CARD:03}"
            clip = store.add_clip(card, FoundClip(name, ClipKind.MOVIE, (f"{name}.mov",)), _NOW.iso)
            store.set_clip(clip, essence=wire.dump(Essence, UHD), reel="A001")
            for event in way:
                store.happen(clip, event, _NOW.iso)


def _deliver(production: Production) -> None:
    """Put both twins of every clip in place."""
    store = production.store
    with store.transaction():
        for clip in store.clips():
            for twin, event in ((Twin.PLAIN, ClipEvent.PLAIN_PUBLISHED), (Twin.ENHANCED, ClipEvent.ENHANCED_PUBLISHED)):
                path = f"{twin}/{clip.name}.mov"
                file = DeliveredFile(path, "0" * 32, 1 << 20, "c2pa")
                made = Rendition("prores-proxy-mov", "prores", "mov", 1920, 1080, Fraction(1), (), (file,))
                facts = Published(
                    *(twin, 1, path, file.xxh128, file.size_bytes, 1920, 1080, "prores", "", "identity", "0" * 64),
                    *(_NOW.iso, {"shot": 1e-4, "read": 1e-5}),
                    renditions=(made,),
                )
                store.landed(store.intend(clip.id, "", "", facts, ""))
                store.happen(clip.id, event, _NOW.iso)


def _held() -> Snapshot:
    """Return a status of twenty cards of fifty clips, five of each held for one reason."""
    held = (ClipStatus(f"C{n}", "held", "", "", f"C{n}.mov is not what was copied", "copy it") for n in range(5))
    good = (ClipStatus(f"D{n}", "delivered", "proxy", "enhanced", "", "") for n in range(_A_CARD - 5))
    clips = (*held, *good)
    cards = tuple(
        CardStatus(f"A{n:03}", f"day/A{n:03}", "20261127", complete=True, clips=clips) for n in range(_HELD_CARDS)
    )
    return Snapshot("BENCH", _NOW.iso, cards, (), 0, {})


def _cost(work: Callable[[], object], times: int) -> float:
    """Return milliseconds of processor time that it takes once."""
    began = time.process_time()
    for _ in range(times):
        work()
    return 1000 * (time.process_time() - began) / times


if __name__ == "__main__":
    main()
