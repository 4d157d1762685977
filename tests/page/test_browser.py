"""Each page's main path in a browser: keys, buttons, scopes, what moves by itself, a console without a complaint."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from cart import Cart
from premises import QUOTES, TOKENS, Browser, asked, clip_id, copied, served

from daemon.store import Store
from daemon.web.access import Access, Role

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def url(dressed_cart: Cart) -> Iterator[str]:
    with served(dressed_cart) as address:
        yield address


@pytest.fixture(autouse=True)
def calm(browser: Browser) -> Iterator[None]:
    """No test leaves a word in the console, be it of an error or of something that the policy refused."""
    yield
    assert [line for line in browser.complaints() if "/events" not in line] == []


def path_of(browser: Browser) -> str:
    return str(browser.runs("location.pathname + location.search"))


def test_cards_are_gone_through_and_opened_by_keys(browser: Browser, url: str) -> None:
    browser.opens(f"{url}/")
    browser.types("jjk")
    assert browser.runs("document.querySelectorAll('.selected').length") == 1
    first = browser.runs("document.querySelector('.selected a.roll').getAttribute('href')")
    browser.types("?")
    assert browser.runs("document.getElementById('help').open")
    browser.types("?")
    browser.types("\ue007")
    browser.waits("location.pathname === '/clips'")
    assert path_of(browser) == first
    browser.types("1")
    browser.waits("location.pathname === '/'")


def test_a_clip_is_found_by_its_name(browser: Browser, url: str) -> None:
    browser.opens(f"{url}/clips")
    browser.types("/")
    browser.types("C002\ue007")
    browser.waits("location.search.includes('text=C002')")
    assert browser.runs("[...document.querySelectorAll('a.name')].map(it => it.textContent).join()") == "A001C002"


def test_a_held_clip_is_asked_for_again_by_a_key_and_the_page_says_so(
    dressed_cart: Cart, browser: Browser, url: str
) -> None:
    browser.opens(f"{url}/clips?show=stopped")
    browser.waits("document.querySelector('[data-row]')")
    # a browser that has just begun may lose a key where the machine is busy: a person presses it again
    browser.until(lambda: browser.types("j") or browser.runs("document.querySelector('.selected') !== null"))
    browser.types("r")
    said = browser.waits("document.querySelector('#said p')?.textContent")
    assert QUOTES in said
    assert [wish for wish, _ in asked(dressed_cart)] == ["retry"]


def test_names_from_a_card_stay_words(browser: Browser, url: str) -> None:
    browser.opens(f"{url}/clips")
    browser.waits("[...document.querySelectorAll('a.name')].some(it => it.textContent.startsWith('<img'))")
    assert browser.runs("document.querySelectorAll('img, [onerror], [onmouseover]').length") == 0


def test_a_clip_has_a_slider_and_scopes_of_both_twins(dressed_cart: Cart, browser: Browser, url: str) -> None:
    browser.opens(f"{url}/clips/{clip_id(dressed_cart, 'A001C001')}")
    browser.waits("document.querySelector('img-comparison-slider')?.shadowRoot")
    assert browser.waits("document.getElementById('scopes').dataset.drawn") == "enhanced"
    lit = (
        "[...document.getElementById('{}').getContext('2d').getImageData(0, 0, 300, 280).data].filter(it => it).length"
    )
    assert all(browser.runs(lit.format(name)) > 1000 for name in ("waveform", "vectorscope", "histogram"))
    browser.types("x")
    assert browser.waits("document.getElementById('scopes').dataset.drawn === 'plain'")
    browser.types("u")
    browser.waits("location.pathname === '/clips'")


def test_a_model_is_rolled_back_at_its_own_page(dressed_cart: Cart, browser: Browser, url: str) -> None:
    browser.opens(f"{url}/model")
    browser.runs("document.querySelector('[hx-post$=rollback]').click()")
    assert "roll back the lite model" in browser.waits("document.querySelector('#said p')?.textContent")
    assert asked(dressed_cart) == [("rollback", "lite")]


def test_an_editor_logs_in_and_finds_nothing_to_press(dressed_cart: Cart, browser: Browser, tmp_path: Path) -> None:
    with served(copied(dressed_cart, tmp_path / "copy"), Access(TOKENS)) as address:
        browser.opens(f"{address}/queue")
        browser.waits("location.pathname === '/login'")
        browser.runs("document.querySelector('input').focus()")
        browser.types(f"{TOKENS[Role.VIEWER].decode()}\ue007")
        browser.waits("location.pathname === '/'")
        assert browser.runs("document.querySelectorAll('[hx-post]:not([hx-post=\"/logout\"])').length") == 0
        assert "read only" in browser.runs("document.querySelector('header').textContent")
        browser.runs("document.querySelector('[hx-post=\"/logout\"]').click()")
        browser.waits("location.pathname === '/login'")


def test_a_page_moves_by_itself_and_goes_on_after_its_server_was_begun_again(
    dressed_cart: Cart, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart = copied(dressed_cart, tmp_path / "copy")
    store = Store(cart.config.production_state / "nearset.sqlite")
    with served(cart) as address:
        browser.opens(f"{address}/queue")
        browser.types("jj")
        chosen = browser.runs("document.querySelector('.selected').dataset.row")
        store.pause("render", "2026-03-02T18:00:00+00:00")
        browser.waits("document.querySelector('.banner').textContent.includes('render since')")
        assert browser.runs("document.querySelector('.selected').dataset.row") == chosen, "the chosen line stays chosen"
        with monkeypatch.context() as patch:
            busy: list[object] = []

            def locked(*_: object) -> None:
                busy.append(1)
                raise sqlite3.OperationalError("database is locked")

            patch.setattr(Store, "clip_counts", locked)
            store.pause("mix", "2026-03-02T18:00:00+00:00")
            browser.until(lambda: bool(busy))
            assert browser.runs("!!document.querySelector('header')"), "what cannot be read anew stays as it is"
        browser.waits("document.querySelector('.banner').textContent.includes('mix since')")
    browser.waits("!document.getElementById('lost').hidden")
    store.resume("render")
    with served(cart):
        browser.waits("!document.querySelector('.banner').textContent.includes('render since')")
        browser.waits("document.getElementById('lost').hidden")
        browser.opens("about:blank")
    store.close()
    browser.complaints()  # of the connection that was lost
