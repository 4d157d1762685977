"""An enhancement that goes too far from its source: it is never published, and everybody is told."""

from __future__ import annotations

import numpy as np
import pytest
from cart import DELIVERED, Cart

from engines.enhance.restore import Restore
from engines.media.frames import Picture


@pytest.fixture
def brighter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that went astray: it makes every picture 20 code values brighter."""

    def astray(_self: Restore, picture: Picture, _coming: object = ()) -> Picture:
        return Picture(picture.number, picture.y + np.uint16(20), picture.cb, picture.cr)

    monkeypatch.setattr(Restore, "__call__", astray)


def luma(cart: Cart, path: str) -> float:
    import av

    with av.open(str(cart.delivered() / path)) as file:
        planes = [np.frombuffer(frame.planes[0], np.uint16) for frame in file.decode(video=0)]
        return float(np.mean(planes))  # padding and all: it is the same in both twins


def test_every_enhanced_proxy_says_how_far_it_went(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    plain, enhanced = sorted(cart.record()["clips"][0]["proxies"], key=lambda it: it["twin"], reverse=True)
    assert plain["fidelity"] is None
    assert enhanced["fidelity"]["worst"] == dict.fromkeys(("luma", "chroma", "structure", "edge", "temporal"), 0.0)
    assert (enhanced["fidelity"]["frames"], enhanced["fidelity"]["changed"]) == (6, 0)
    assert "Went from the source by" in (cart.delivered() / "report" / "index.html").read_text()


@pytest.mark.usefixtures("brighter")
def test_over_a_limit_the_clip_is_blended_back_and_says_so(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    (clip,) = cart.record()["clips"]
    assert clip["held_back"]["share"] == 0.27
    assert clip["held_back"]["over"] == ["luma 20 (limit 6)"]
    (enhanced,) = [proxy for proxy in clip["proxies"] if proxy["twin"] == "enhanced"]
    assert enhanced["revision"] == 1
    assert enhanced["fidelity"]["worst"]["luma"] == 5.0
    note = "blended back to 27% of the enhancement: it went luma 20 (limit 6) from the source"
    assert note in enhanced["marks"]
    assert luma(cart, "enhanced/A001C001.mov") - luma(cart, "proxy/A001C001.mov") == pytest.approx(5, abs=0.5)
    assert note in (cart.delivered() / "A001.ale").read_text()
    assert note in (cart.delivered() / "report" / "index.html").read_text()
    cart.assert_honest()


@pytest.mark.usefixtures("brighter")
def test_where_the_recipe_says_so_it_is_delivered_plain(cart: Cart) -> None:
    cart.recipe.write_text("defaults: {limits: {over: plain}}\n")
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        assert shift.clip("A001C001").state == DELIVERED
        assert shift.revisions("A001C001") == [("plain", 1)]
    (clip,) = cart.record()["clips"]
    assert clip["current"] == {"plain": "proxy/A001C001.mov"}
    assert "delivered plain: it went luma 20 (limit 6) from the source" in (cart.delivered() / "A001.ale").read_text()
    cart.assert_honest()


@pytest.mark.usefixtures("brighter")
def test_a_limit_that_is_raised_brings_the_whole_enhancement_and_a_lowered_one_takes_it_back(cart: Cart) -> None:
    cart.recipe.write_text("defaults: {limits: {luma: 6.0}}\n")
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        cart.recipe.write_text("defaults: {limits: {luma: 30.0}}\n")
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("enhanced", 2), ("plain", 1)]
        assert cart.record()["clips"][0]["held_back"] is None
        cart.recipe.write_text("defaults: {limits: {luma: 2.0, over: plain}}\n")
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("enhanced", 2), ("plain", 1)]
    (clip,) = cart.record()["clips"]
    assert clip["held_back"]["share"] == 0
    assert clip["current"] == {"plain": "proxy/A001C001.mov"}
    assert "enhanced" not in (cart.delivered() / "A001.otio").read_text()
    cart.assert_honest()
