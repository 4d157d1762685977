"""A long interview is enhanced in parts: what is delivered is what one job would have made of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from cart import DELIVERED, HELD, Cart, trouble
from footage import footage

from daemon.states import JobState

SECOND = {"split_minutes": 1 / 60, "retry_seconds": 0}


def interview(cart: Cart, frames: int = 60, name: str = "A001C001", **words: object) -> Path:
    """Offload a card with one long clip on it, two and a half times as long as a part may be."""
    folder = cart.roll()
    cart.put(folder, {f"{name}.mov": footage(1, frames=frames, **words)})  # type: ignore[arg-type]
    from cart import seal

    seal(folder)
    cart.remember(folder)
    return folder


def parts(cart: Cart) -> list[str]:
    """The parts in the staging folder that are whole."""
    return sorted(path.name.removesuffix(".json") for path in cart.staging.glob("*.part.json"))


@pytest.fixture
def whole(tmp_path: Path) -> Cart:
    """The same clip on another cart, which does not cut it."""
    other = Cart(tmp_path / "whole", {"provenance": {"sign": False}})
    interview(other)
    other.serve()
    return other


def test_a_clip_made_in_parts_is_byte_for_byte_what_it_is_made_at_once(cart: Cart, whole: Cart) -> None:
    cart.words |= {"workers": SECOND, "provenance": {"sign": False}}
    interview(cart)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    assert Counter(cart.hands.done) >= Counter({"part": 3, "render": 2})
    assert "part" not in whole.hands.done
    for name in ("proxy/A001C001.mov", "enhanced/A001C001.mov"):
        assert (cart.delivered() / name).read_bytes() == (whole.delivered() / name).read_bytes()
    cut, uncut = (it.record()["clips"][0]["proxies"] for it in (cart, whole))
    for one, other in zip(cut, uncut, strict=True):
        assert one["noise"] == other["noise"]
        assert one["fidelity"] == other["fidelity"]
        assert (one["model"], one["engine"]) == (other["model"], other["engine"])
    cart.assert_honest()
