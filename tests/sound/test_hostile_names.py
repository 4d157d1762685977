"""What a card, its sidecars and a recorder say of names: it never becomes a path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cart import Cart, legacy
from recorder import bwf
from shots import Shot

from daemon.sidecars import ixml

UP = "../../../../out of here"


def test_what_a_card_and_its_sidecars_say_never_becomes_a_path(cart: Cart, tmp_path: Path) -> None:
    """A reel, a grade's clip, a LUT, a list's entries and a take's scene, each a way out of the folder they lie in."""
    roll = cart.roll()
    shot = Shot(frames=4, codec="mpeg4", pixel_format="yuv420p", size=(128, 96), reel=UP, timecode="01:00:00:00")
    clip = shot.write(tmp_path / "clip.mov").read_bytes()
    cart.put(roll, {"A001C001.mov": clip})
    cart.put(roll, {"A001.mhl": legacy({"A001C001.mov": clip, UP: b"x", "/etc/passwd": b"y", "a/../../b": b"z"})})
    looks = cart.offload / "20260302" / "Looks"
    grade = f'<ColorCorrection id="{UP}"><SOPNode><Slope>1 1 1</Slope></SOPNode></ColorCorrection>'
    cart.put(looks, {"day.ccc": f"<ColorCorrectionCollection>{grade}</ColorCorrectionCollection>".encode()})
    cart.put(looks, {"..cube": b"LUT_3D_SIZE 2\n" + b"0 0 0\n" * 8})
    sound = cart.offload / "20260302" / "Sound Media" / "SR001"
    words = ixml.Ixml(scene=UP, take=UP, tape=UP)
    cart.put(sound, {"T01.wav": bwf(np.full(48000, 0.01, np.float32), 3600, words=words)})
    cart.words["offload"] = {"require_manifest": False}
    before = {path for path in cart.folder.rglob("*") if "state" not in path.parts and "delivery" not in path.parts}
    with cart.shift() as shift:
        shift.drive()
    after = {path for path in cart.folder.rglob("*") if "state" not in path.parts and "delivery" not in path.parts}
    assert after - before <= {cart.delivery.parent, cart.folder / "state", cart.folder / "config.yaml"}
    assert not list(cart.folder.parent.rglob("*out of here*"))
    assert all(path.resolve().is_relative_to(cart.delivery) for path in cart.delivery.rglob("*"))
