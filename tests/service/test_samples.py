"""Real cards and hostile files through the whole line: what can be is delivered, the rest is told by name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from cart import DELIVERED, HELD, Cart, seal

SAMPLES = Path(os.environ.get("NEARSET_SAMPLES", Path(__file__).parents[3] / "shared" / "samples"))
pytestmark = [
    pytest.mark.samples,
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared samples are not here"),
    pytest.mark.timeout(300),
]


def offload(cart: Cart, roll: str, files: dict[str, str]) -> Path:
    folder = cart.roll(roll)
    for target, source in files.items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SAMPLES / source, folder / target)
    seal(folder)
    cart.remember(folder)
    return folder


@pytest.mark.long
def test_cameras_cards_are_known_by_their_structure_and_delivered(cart: Cart) -> None:
    offload(cart, "G001", {"DCIM/100GOPRO/GX010001.MP4": "cards/gopro/karma.mp4"})
    offload(cart, "V001", {"PRIVATE/AVCHD/BDMV/STREAM/00000.MTS": "cards/avchd/Sony ILCE-7M3 (A7M3).mts"})
    offload(
        cart,
        "S001",
        {
            "XDROOT/Clip/C0001.MXF": "cards/mxf_imf/Meridian-Apple_ProResProxy-HDR10.mxf",
            "XDROOT/Clip/C0002.MXF": "cards/mxf_sony/SonyXAVC_LongGOP_green_pixelation_early_Frames.MXF",
        },
    )
    offload(cart, "P001", {"iphone.mov": "cards/iphone/with-gps.mov", "canon.avi": "cards/canon/MVI_4823.AVI"})
    with cart.shift() as shift:
        shift.drive(4000)
        states = shift.states()
        assert states == {
            "GX010001": DELIVERED,
            "00000": DELIVERED,
            "C0001": DELIVERED,
            "C0002": HELD,
            "iphone": DELIVERED,
            "canon": DELIVERED,
        }
        assert "cut short" in shift.clip("C0002").trouble.what
        assert "the recording itself" in shift.clip("C0002").trouble.fix, (
            "its bytes are the manifest's: no new copy mends it"
        )
        assert shift.revisions("GX010001") == [("enhanced", 1), ("plain", 1)]
        assert shift.revisions("00000") == [("plain", 1)], "interlaced stays interlaced, and is not enhanced"
    record = cart.record("G001")["clips"][0]
    assert (record["start"], record["frames"], record["rate"]) == ("19:26:48:04", 362, "30000/1001")
    assert cart.record("S001")["clips"][0]["start"] == "00:01:15;26"
    cart.assert_honest()


def test_hostile_files_stop_themselves_and_nothing_else(cart: Cart) -> None:
    names = sorted(path.name for path in (SAMPLES / "hostile" / "media").iterdir() if path.is_file())
    files = {name: f"hostile/media/{name}" for name in names}
    files["good.avi"] = "cards/canon/MVI_4823.AVI"
    folder = cart.roll("H001")
    (folder / "list.mov").write_bytes(b"ffconcat version 1.0\nfile /etc/passwd\n")
    offload(cart, "H001", files)
    with cart.shift() as shift:
        shift.drive(4000)
        states = shift.states()
        assert set(states.values()) <= {DELIVERED, HELD, "undecodable", "filed"}, states
        assert states["good"] == DELIVERED
        assert states["list"] == HELD
        for clip in shift.clips():
            if clip.state in {HELD, "undecodable"}:
                assert clip.trouble.code
                assert clip.trouble.why
                assert clip.trouble.fix
    told = {left["clip"] for left in cart.complete("H001")["undelivered"]}
    assert told == {name for name, state in states.items() if state in {HELD, "undecodable"}}
    cart.assert_honest()
