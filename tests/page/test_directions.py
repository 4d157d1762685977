"""Names that are written from right to left, beside the numbers and words of a page that goes from left to right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from cart import Cart, seal
from footage import footage
from premises import Browser, Reader, clip_id, desk_of, served

from daemon.statusfile import write_status

ROLL, CLIP, WAITS = "גיבוי 12", "סצנה 3", "לקט 7"


@pytest.fixture
def hebrew_cart(empty_cart: Cart) -> Cart:
    """A card with a Hebrew name: a clip of it is delivered, one is damaged; a second card waits for its manifest."""
    good = {f"{CLIP}.mov": footage(1), f"{CLIP} טייק 4.mov": footage(2)}
    roll = empty_cart.roll(ROLL)
    empty_cart.put(roll, good)
    seal(roll, good)
    empty_cart.put(roll, {f"{CLIP} טייק 4.mov": footage(3)})
    empty_cart.put(empty_cart.roll(WAITS), {f"{WAITS}.mov": footage(4)})
    with empty_cart.shift() as shift:
        shift.drive()
        write_status(empty_cart.config.production_state, shift.service.snapshot(shift.now()))
    return empty_cart


class Beside(HTMLParser):
    """What of a page's Hebrew is in one line with what stands around it: its texts outside `bdi`."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.apart = 0
        self.found: list[str] = []
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if any("א" <= letter <= "ת" for letter in data):
            if "bdi" in self._open:
                self.apart += 1
            elif "title" not in self._open:
                self.found.append(data)


def pages_of(cart: Cart) -> Iterator[tuple[str, str]]:
    reader = Reader(desk_of(cart))
    for path in ("/", "/clips", "/queue", *(f"/clips/{clip_id(cart, name)}" for name in (CLIP, WAITS))):
        yield path, reader.reads(path)
    yield "report", next(cart.delivery.rglob("index.html")).read_text(encoding="utf-8")


def test_a_hebrew_name_stands_apart_from_what_is_beside_it(hebrew_cart: Cart) -> None:
    for path, page in pages_of(hebrew_cart):
        beside = Beside(page)
        assert beside.apart >= 2, path
        for said in beside.found:
            assert len(re.findall(r"[a-z]+", said)) > 5, f"{path}: {said!r} is no sentence of ours"


@pytest.mark.browser
def test_roll_and_clip_stand_in_their_order_although_both_are_hebrew(hebrew_cart: Cart, browser: Browser) -> None:
    with served(hebrew_cart) as address:
        browser.opens(f"{address}/clips/{clip_id(hebrew_cart, CLIP)}")
        lefts = "[...document.querySelectorAll('.title bdi')].map(it => it.getBoundingClientRect().left)"
        roll, clip = browser.waits(lefts)
        assert roll < clip
        steps = "[...document.querySelectorAll('.chain .mono bdi')].map(it => it.getBoundingClientRect().left)"
        lefts_of_path = browser.runs(steps)
        assert lefts_of_path == sorted(lefts_of_path)
