from __future__ import annotations

import os
import resource
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from cart import DELIVERED, HELD, Cart, Shift, seal
from footage import footage

from engines.media.essence import Essence, FieldOrder
from engines.media.probe import probe
from engines.media.source import MediaFile


def probed(path: Path) -> Essence:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return probe([MediaFile(path.name, descriptor)])
    finally:
        os.close(descriptor)


def pictures(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]


def offload(cart: Cart, **files: bytes) -> Path:
    roll = cart.roll()
    cart.put(roll, {f"{name}.mov": data for name, data in files.items()})
    seal(roll)
    cart.remember(roll)
    return roll


def twins(cart: Cart, name: str = "A001C001") -> tuple[Path, Path]:
    return cart.delivered() / "proxy" / f"{name}.mov", cart.delivered() / "enhanced" / f"{name}.mov"


def delivered(shift: Shift) -> bool:
    return set(shift.clip_states()) == {DELIVERED}


def test_the_twins_share_frames_timecode_and_reel_with_the_source(cart: Cart) -> None:
    roll = offload(cart, A001C001=footage(1, start="10:20:30:12"))
    cart.serve()
    source = probed(roll / "A001C001.mov")
    for twin in twins(cart):
        made = probed(twin)
        assert (made.frames, made.rate, made.start_frame) == (source.frames, source.rate, source.start_frame)
        assert (made.width, made.height) == (128, 96)
        assert made.reel == "A001C001"
    (clip,) = cart.record()["clips"]
    assert (clip["start"], clip["frames"]) == ("10:20:30:12", 6)
    cart.assert_honest()


def test_an_edit_list_is_presented_as_the_camera_meant_it(cart: Cart) -> None:
    data = footage(1, codec="libx264", frames=9, sound=False)
    assert b"elst" in data
    roll = offload(cart, A001C001=data)
    cart.serve()
    for twin in twins(cart):
        assert len(pictures(twin)) == 9 == probed(roll / "A001C001.mov").frames
    cart.assert_honest()


def test_interlaced_stays_interlaced_and_is_not_enhanced(cart: Cart) -> None:
    offload(cart, A001C001=footage(1, interlaced=True, codec="v210", rate=Fraction(25)))
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
        assert shift.revisions("A001C001") == [("plain", 1)]
    plain, enhanced = twins(cart)
    assert probed(plain).field_order is not FieldOrder.PROGRESSIVE
    assert not enhanced.exists()
    (clip,) = cart.record()["clips"]
    assert any("not enhanced: interlaced" in mark for mark in clip["proxies"][0]["marks"])
    cart.assert_honest()


def test_a_rotated_clip_carries_its_rotation_as_a_tag_and_bakes_it_when_the_recipe_says_so(cart: Cart) -> None:
    offload(cart, A001C001=footage(1, rotation=90))
    cart.recipe.write_text("defaults: {}\n")
    with cart.shift() as shift:
        shift.drive()
        assert delivered(shift)
        plain, _ = twins(cart)
        assert (probed(plain).width, probed(plain).height) == (128, 96)
        assert probed(plain).rotation_degrees == 90
        cart.recipe.write_text("clips: {A001C001: {source: {rotation: bake}}}\n")
        shift.drive()
        assert ("plain", 2) in shift.revisions("A001C001")
        baked = probed(plain.with_name("A001C001_r2.mov"))
        assert (baked.width, baked.height, baked.rotation_degrees) == (96, 128, 0)
    cart.assert_honest()


def test_a_variable_rate_is_held_until_the_recipe_names_a_rate(cart: Cart) -> None:
    offload(
        cart,
        A001C001=footage(1, ticks=(0, 33, 70, 101, 160, 171, 230, 251), frames=8, sound=False, start="", codec="mpeg4"),
        A001C002=footage(2),
    )
    cart.recipe.write_text("defaults: {}\n")
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": HELD, "A001C002": DELIVERED}
        assert shift.clip("A001C001").trouble.code == "media.variable_rate"
        cart.recipe.write_text("clips: {A001C001: {source: {rate: 25}}}\n")
        shift.drive()
        assert delivered(shift)
        assert probed(twins(cart)[0]).rate == 25
        assert shift.revisions("A001C002") == [("enhanced", 1), ("plain", 1)]
    cart.assert_honest()


def test_strength_zero_is_the_plain_picture_bit_for_bit(cart: Cart) -> None:
    cart.recipe.write_text("defaults: {restore: {strength: 0}}\n")
    offload(cart, A001C001=footage(1, codec="prores_ks"))
    cart.serve()
    plain, enhanced = twins(cart)
    assert pictures(plain) == pictures(enhanced)
    cart.assert_honest()


def test_a_recipe_that_changes_revises_only_what_it_touches(cart: Cart) -> None:
    offload(cart, A001C001=footage(1), A001C002=footage(2))
    cart.recipe.write_text("defaults: {}\n")
    with cart.shift() as shift:
        shift.drive()
        before = {path: (cart.delivery / path).read_bytes() for path in cart.movies()}
        cart.recipe.write_text("clips: {A001C002: {proxy: {codec: prores_lt}}}\n")
        shift.drive()
        assert delivered(shift)
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
        assert shift.revisions("A001C002") == [("enhanced", 1), ("enhanced", 2), ("plain", 1), ("plain", 2)]
        assert {path: (cart.delivery / path).read_bytes() for path in before} == before
    assert "proxy/A001C002_r2.mov" in cart.complete()["xxh128"]
    cart.assert_honest()


def test_a_strength_that_changes_remakes_the_enhanced_twin_alone(cart: Cart) -> None:
    offload(cart, A001C001=footage(1))
    cart.recipe.write_text("defaults: {}\n")
    with cart.shift() as shift:
        shift.drive()
        cart.recipe.write_text("defaults: {restore: {strength: 0.5}}\n")
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("enhanced", 2), ("plain", 1)]
    cart.assert_honest()


def test_a_recipe_that_changes_while_the_service_is_off_is_heeded_at_its_start(cart: Cart) -> None:
    offload(cart, A001C001=footage(1))
    cart.recipe.write_text("defaults: {}\n")
    cart.serve()
    cart.recipe.write_text("rolls: {A001: {proxy: {codec: prores_lt}}}\n")
    with cart.shift() as shift:
        shift.drive()
        assert ("plain", 2) in shift.revisions("A001C001")
    cart.assert_honest()


def test_a_recipe_with_a_fault_leaves_the_last_good_one_in_force(
    cart: Cart, capsys: pytest.CaptureFixture[str]
) -> None:
    offload(cart, A001C001=footage(1))
    cart.recipe.write_text("defaults: {}\n")
    with cart.shift() as shift:
        shift.drive()
        cart.recipe.write_text("clips: {A001C001: {proxy: {codec: betacam}}}\n")
        shift.drive()
        assert delivered(shift)
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    assert "recipe.refused" in capsys.readouterr().out
    cart.assert_honest()


def test_a_recipe_that_goes_back_to_what_was_makes_a_revision_again_and_never_writes_over(cart: Cart) -> None:
    offload(cart, A001C001=footage(1))
    cart.recipe.write_text("defaults: {}\n")
    with cart.shift() as shift:
        shift.drive()
        cart.recipe.write_text("defaults: {proxy: {codec: prores_lt}}\n")
        shift.drive()
        cart.recipe.write_text("defaults: {proxy: {codec: prores_proxy}}\n")
        shift.drive()
        assert delivered(shift)
        assert [number for twin, number in shift.revisions("A001C001") if twin == "plain"] == [1, 2, 3]
    cart.assert_honest()


def test_a_picture_too_small_for_its_codec_is_held_alone_until_the_recipe_names_another(cart: Cart) -> None:
    offload(cart, A001C001=footage(1), A001C002=footage(2, size=(320, 192)))
    cart.recipe.write_text("defaults: {proxy: {codec: dnxhr_lb}}\n")
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": HELD, "A001C002": DELIVERED}
        assert "recipe" in shift.clip("A001C001").trouble.fix
        cart.recipe.write_text(
            "defaults: {proxy: {codec: dnxhr_lb}}\nclips: {A001C001: {proxy: {codec: prores_proxy}}}\n"
        )
        shift.drive()
        assert delivered(shift)
        assert shift.revisions("A001C002") == [("enhanced", 1), ("plain", 1)]
    cart.assert_honest()


def test_a_recipe_that_changes_while_a_clip_is_rendered_drops_the_old_picture(cart: Cart) -> None:
    offload(cart, A001C001=footage(1))
    cart.recipe.write_text("defaults: {}\n")

    def change() -> None:
        cart.recipe.write_text("defaults: {proxy: {codec: prores_lt}}\n")

    with cart.shift() as shift:
        while "render" not in [running.stage for running in cart.hands.running()]:
            shift.tick()
        change()
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
        assert {proxy.facts.codec for proxy in shift.proxies("A001C001")} == {"prores_lt"}
    cart.assert_honest()


def test_a_recipe_that_changes_before_the_probe_is_heeded_by_it(cart: Cart) -> None:
    offload(cart, A001C001=footage(1))
    cart.recipe.write_text("defaults: {}\n")
    with cart.shift() as shift:
        while "probe" not in [running.stage for running in cart.hands.running()]:
            shift.tick()
        cart.recipe.write_text("defaults: {source: {rate: 25, reel: A001R1AB}}\n")
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
        assert (probed(twins(cart)[0]).rate, probed(twins(cart)[0]).reel) == (25, "A001R1AB")
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    cart.assert_honest()


def test_a_reel_that_the_recipe_names_later_is_in_the_next_revision(cart: Cart) -> None:
    offload(cart, A001C001=footage(1))
    cart.recipe.write_text("defaults: {}\n")
    with cart.shift() as shift:
        shift.drive()
        cart.recipe.write_text("defaults: {source: {reel: A001R1AB}}\n")
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("enhanced", 2), ("plain", 1), ("plain", 2)]
        assert probed(twins(cart, "A001C001_r2")[0]).reel == "A001R1AB"
    cart.assert_honest()


def still(number: int) -> bytes:
    """An EXR of one grey."""
    context: Any = av.CodecContext.create("exr", "w")
    context.width, context.height, context.pix_fmt, context.time_base = 64, 48, "gbrpf32le", Fraction(1, 24)
    frame = VideoFrame(64, 48, "gbrpf32le")
    for plane in frame.planes:
        np.frombuffer(plane, np.float32)[:] = number / 60
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def test_a_sequence_of_more_stills_than_may_be_open_at_once_is_one_clip(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {f"VFX_{number:04}.exr": still(number) for number in range(60)})
    cart.recipe.write_text("clips: {VFX: {source: {rate: 24}}}\n")
    seal(roll)
    cart.remember(roll)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 40, hard))
    try:
        cart.serve()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert probed(twins(cart, "VFX")[0]).frames == 60
    cart.assert_honest()


def test_a_still_that_changes_while_its_sequence_is_rendered_sends_the_clip_back(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {f"VFX_{number:04}.exr": still(number) for number in range(3)})
    cart.recipe.write_text("clips: {VFX: {source: {rate: 24}}}\n")
    seal(roll)
    with cart.shift() as shift:
        while "render" not in [running.stage for running in cart.hands.running()]:
            shift.tick()
        (roll / "VFX_0001.exr").write_bytes(still(40))
        shift.drive()
        assert shift.states()["VFX"] == HELD
        assert shift.clip("VFX").trouble.code == "clip.bad_hash"
    assert cart.movies() == []
