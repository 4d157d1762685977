"""Presets: what lies where when several are delivered, and that part of a proxy is none."""

from __future__ import annotations

import json
from pathlib import Path

import aaf2
import pytest
from aaf2.mxf import MXFFile
from cart import DELIVERED, HELD, Cart, seal
from footage import footage
from jsonschema import Draft202012Validator
from test_stories_turnover import SCHEMA
from test_stories_verify import at_hand, faults

from daemon import publish

__all__ = ["at_hand"]

SHEET = ["avid-dnxhr-lb-opatom", "prores-proxy-mov", "h264-review"]


@pytest.fixture
def sheet(cart: Cart) -> Cart:
    cart.words["delivery"] = {"presets": SHEET}
    shot(cart, footage(1, size=(256, 144)))
    return cart


def shot(cart: Cart, movie: bytes) -> None:
    """Offload a card of one clip."""
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": movie})
    seal(roll)
    cart.remember(roll)


def paths(cart: Cart) -> list[str]:
    roll = "20260302/A001/"
    return [path.removeprefix(roll) for path in cart.movies() if path.startswith(roll)]


@pytest.mark.usefixtures("at_hand")
def test_the_first_preset_is_the_delivery_and_each_further_one_has_its_folder(sheet: Cart) -> None:
    sheet.serve()
    assert paths(sheet) == sorted(
        f"{folder}{name}"
        for folder, names in {
            "": ["A001C001.mxf", "A001C001.A1.mxf"],
            "prores-proxy-mov/": ["A001C001.mov"],
            "h264-review/": ["A001C001.mov"],
        }.items()
        for twin in ("proxy", "enhanced")
        for name in [f"{twin}/{name}" for name in names]
    )
    assert faults(sheet) == {}
    sheet.assert_honest()
    (clip,) = sheet.record()["clips"]
    plain = next(proxy for proxy in clip["proxies"] if proxy["twin"] == "plain")
    assert plain["path"] == "proxy/A001C001.mxf"
    assert [rendition["preset"] for rendition in plain["renditions"]] == SHEET
    assert set(paths(sheet)) < set(sheet.complete()["xxh128"])
    Draft202012Validator(SCHEMA).validate(sheet.record())


def test_a_crash_after_any_file_of_a_proxy_is_taken_up_whole(sheet: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    for files_placed in range(1, 4):
        placed: list[Path] = []
        real = publish.publish_new

        def crashing(staged: Path, target: Path, xxh128: str) -> None:
            if len(placed) == files_placed:  # noqa: B023 - one round of the loop
                raise SystemExit
            placed.append(target)  # noqa: B023
            real(staged, target, xxh128)  # noqa: B023

        monkeypatch.setattr("daemon.stages.landing.publish_new", crashing)
        with pytest.raises(SystemExit), sheet.shift() as shift:
            shift.drive()
        monkeypatch.undo()
        sheet.hands.close()
    with sheet.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    sheet.assert_honest()


def test_part_of_a_proxy_whose_rest_is_gone_is_taken_away_and_made_again(
    sheet: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed: list[Path] = []
    real = publish.publish_new

    def crashing(staged: Path, target: Path, xxh128: str) -> None:
        if len(placed) == 2:
            raise SystemExit
        placed.append(target)
        real(staged, target, xxh128)

    monkeypatch.setattr("daemon.stages.landing.publish_new", crashing)
    with pytest.raises(SystemExit), sheet.shift() as shift:
        shift.drive()
    monkeypatch.undo()
    sheet.hands.close()
    for staged in sheet.staging.glob("*.proxy*"):
        staged.unlink()
    with sheet.shift() as shift:
        assert not any(path.exists() for path in placed), "part of a proxy is none"
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    sheet.assert_honest()


def test_a_further_preset_that_cannot_carry_a_clip_is_left_out_and_said(cart: Cart) -> None:
    cart.words["delivery"] = {"presets": ["prores-proxy-mov", "avid-dnxhr-lb-op1a"]}
    shot(cart, footage(1, codec="prores_ks", interlaced=True))
    cart.serve()
    (clip,) = cart.record()["clips"]
    assert paths(cart) == ["proxy/A001C001.mov"]
    assert any(mark.startswith("no avid-dnxhr-lb-op1a") for mark in clip["proxies"][0]["marks"])


def test_a_clip_that_the_first_preset_cannot_carry_is_held_until_the_recipe_names_another(cart: Cart) -> None:
    cart.words["delivery"] = {"presets": ["avid-dnxhr-lb-op1a"]}
    shot(cart, footage(1, codec="prores_ks", interlaced=True))
    cart.recipe.write_text("{}")
    with cart.shift() as shift:
        shift.drive()
        held = shift.clip("A001C001")
        assert (held.state, held.trouble.code) == (HELD, "media.encode_failed")
        assert "source.deinterlace" in held.trouble.fix
        cart.recipe.write_text(json.dumps({"clips": {"A001C001": {"proxy": {"presets": ["prores-proxy-mov"]}}}}))
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}


@pytest.mark.usefixtures("real_aaf")
@pytest.mark.parametrize("preset", ["avid-dnxhr-lb-opatom", "avid-dnxhr-lb-op1a"])
def test_the_aaf_names_the_mobs_that_the_media_has(cart: Cart, preset: str, tmp_path: Path) -> None:
    cart.words["delivery"] = {"presets": [preset]}
    shot(cart, footage(1, size=(256, 144)))
    cart.serve()
    media = [MXFFile(str(path)) for path in sorted((cart.delivered() / "proxy").glob("*.mxf"))]
    packages = [package for file in media for package in file.packages()]
    with aaf2.open(str(cart.delivered() / "A001.aaf")) as file:
        mobs = {mob.mob_id: mob for mob in file.content.mobs}
        assert {package.mob_id for package in packages} < set(mobs)
        (sequence,) = file.content.toplevel()
        assert {*mobs} == {package.mob_id for package in packages} | {sequence.mob_id}
        for package in packages:
            mob = mobs[package.mob_id]
            told = {track.data["SlotID"] for track in package.iter_strong_refs("Slots")}
            assert {slot.slot_id for slot in mob.slots} | {1} == told
        (master,) = file.content.mastermobs()
        assert [slot.segment.start for slot in master.slots if slot.media_kind != "Timecode"] == [0, 0]
