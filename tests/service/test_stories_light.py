"""Light by the recipe: on the enhanced twin alone, undone by the recipe, marked in the record."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from cart import DELIVERED, Cart, seal
from footage import footage

PLAIN = "defaults: {restore: {strength: 0}}\n"


def offload(cart: Cart, **clips: bytes) -> None:
    roll = cart.roll()
    cart.put(roll, {f"{name}.mov": data for name, data in clips.items()})
    seal(roll)


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="yuv422p10le") for frame in container.decode(video=0)]


def luma(path: Path) -> float:
    return float(np.mean([picture[: picture.shape[0] // 2] for picture in pictures(path)]))


def record_of(cart: Cart, twin: str = "enhanced", clip: int = 0) -> dict:
    return [one for one in cart.record()["clips"][clip]["proxies"] if one["twin"] == twin][-1]


def test_at_zero_the_enhanced_twin_is_the_plain_proxy_bit_for_bit(cart: Cart) -> None:
    cart.recipe.write_text(
        PLAIN + "clips: {A001C001: {relight: {key_stops: 0, windows: [{at: [60, 40], size: [20, 20]}]}, "
        "flicker: {strength: 0}}}\n"
    )
    offload(cart, A001C001=footage(1))
    cart.serve()
    plain, enhanced = (pictures(cart.delivered() / folder / "A001C001.mov") for folder in ("proxy", "enhanced"))
    assert all(np.array_equal(one, other) for one, other in zip(plain, enhanced, strict=True))
    assert record_of(cart)["light"] == {}


def test_a_word_for_light_makes_a_new_revision_of_the_enhanced_twin_alone(cart: Cart) -> None:
    cart.recipe.write_text(PLAIN)
    offload(cart, A001C001=footage(1), A001C002=footage(2))
    cart.serve()
    cart.recipe.write_text(
        PLAIN
        + "clips:\n  A001C001:\n    relight: {exposure_stops: 0.5, warmth_kelvin: 300}\n    limits: {protect: []}\n"
    )
    with cart.shift() as shift:
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("enhanced", 2), ("plain", 1)]
        assert shift.revisions("A001C002") == [("enhanced", 1), ("plain", 1)]
    folder = cart.delivered() / "enhanced"
    first, second = folder / "A001C001.mov", cart.delivered() / record_of(cart)["path"]
    assert luma(second) > luma(first) + 20
    told = record_of(cart)
    assert told["light"]["most_stops"] == pytest.approx(0.5, abs=0.2)
    assert told["marks"] == ["relit: exposure_stops +0.5, tint warmth_kelvin 300"]
    page = next(cart.delivered().rglob("*.html")).read_text()
    assert "_before_relight.jpg" in page
    assert "relit: exposure_stops +0.5" in page
    sealed = json.loads((cart.delivered() / ".complete").read_text())["xxh128"]
    assert any(path.endswith("_before_relight.jpg") for path in sealed)


def test_a_flicker_that_is_not_there_is_not_said_to_be_taken_out(cart: Cart) -> None:
    cart.recipe.write_text("clips: {A001*: {restore: {strength: 0}, flicker: {strength: 1, mains_hz: 50}}}\n")
    offload(cart, A001C001=footage(1))
    cart.serve()
    assert record_of(cart)["marks"] == ["no flicker was found: nothing is taken out"]
    assert "flicker_hz" not in record_of(cart)["light"]


def test_undone_in_the_recipe_the_twin_is_what_it_was(cart: Cart) -> None:
    cart.recipe.write_text("clips: {A001*: {restore: {strength: 0}, relight: {key_stops: 1}}}\n")
    offload(cart, A001C001=footage(1))
    cart.serve()
    cart.recipe.write_text(PLAIN)
    cart.serve()
    plain = pictures(cart.delivered() / "proxy" / "A001C001.mov")
    last = pictures(cart.delivered() / record_of(cart)["path"])
    assert all(np.array_equal(one, other) for one, other in zip(plain, last, strict=True))


def test_a_clip_is_lit_as_its_hero_though_the_hero_comes_later(cart: Cart) -> None:
    cart.recipe.write_text(PLAIN + "clips: {A001C001: {relight: {match: A002C001}, limits: {protect: []}}}\n")
    offload(cart, A001C001=footage(1))
    cart.serve()
    assert record_of(cart)["marks"] == ["light not matched: A002C001 is no clip that was probed"]
    roll = cart.roll("A002")
    cart.put(roll, {"A002C001.mov": footage(5)})
    seal(roll)
    with cart.shift() as shift:
        shift.drive()
        assert set(shift.clip_states()) == {DELIVERED}
    told = record_of(cart)
    assert told["revision"] == 2
    assert told["marks"] == ["light matched to A002C001"]
    assert abs(told["light"]["match_stops"]) > 0
