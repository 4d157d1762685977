"""A matte as EXR stills: the folder appears whole, each still is vouched for, and it goes where movies go."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from cart import Cart
from screened import NAME, ask, current, offload, recorded, screened
from test_stories_verify import at_hand as at_hand  # noqa: PLC0414 - a fixture

from daemon.errors import NameTaken
from daemon.hashing import hash_bytes
from daemon.inspection import inspect
from daemon.publish import publish_folder
from daemon.targets.folder import FolderTarget
from daemon.targets.shipping import Shipment, ship

FRAMES = 4
FIRST = f"mattes/{NAME}/{NAME}.00086400.exr"


@pytest.fixture
def stills(cart: Cart) -> Cart:
    """A roll whose matte is delivered as stills."""
    ask(cart, matte={"key": "green", "form": "exr"})
    offload(cart, screened(frames=FRAMES))
    cart.serve()
    return cart


@pytest.mark.usefixtures("at_hand")
def test_a_matte_is_delivered_as_stills_with_timecode_and_vouched_for_to_the_last(stills: Cart) -> None:
    cart, folder = stills, stills.delivered()
    assert current(cart)["matte"] == FIRST
    names = [f"{NAME}.{86400 + number:08d}.exr" for number in range(FRAMES)]
    there = sorted(path.name for path in (folder / "mattes" / NAME).iterdir())
    assert there == sorted([*names, f"{NAME}.sha256"])
    for number, name in enumerate(names):
        still = OpenEXR.File(str(folder / "mattes" / NAME / name))
        header, pixels = still.header(), still.channels()["RGBA"].pixels
        assert header["nearset/timecode"] == f"01:00:00:{number:02d}"
        counted = header["timeCode"]
        assert (counted.hours, counted.minutes, counted.seconds, counted.frame) == (1, 0, 0, number)
        assert (header["framesPerSecond"], header["reelName"]) == (24, recorded(cart)["reel"])
        assert "not multiplied by alpha" in header["comments"]
        assert pixels.dtype == np.float16
        assert pixels[40:80, 40:60, 3].mean() > 0.97, "the actor is covered"
        assert pixels[5:25, 5:25, 3].mean() < 0.03
        assert pixels[40:80, 45:60, :3].mean() == pytest.approx(145 / 255, abs=0.03), "in his own colour"
        assert pixels[5:25, 5:25, 1].mean() < 150 / 255 - 0.1, "no screen is left where he is not"
    listed = (folder / "mattes" / NAME / f"{NAME}.sha256").read_text().splitlines()
    assert [line.split("  ") for line in listed] == [
        [hashlib.sha256((folder / "mattes" / NAME / name).read_bytes()).hexdigest(), name] for name in names
    ]
    assert f"mattes/{NAME}\tmattes/{NAME}\n" in (folder / "current.txt").read_text()
    assert f"{NAME}_matte.jpg" in (folder / "report" / "index.html").read_text()
    assert not [check for check in inspect(cart.delivery) if check.faults]
    last = folder / "mattes" / NAME / names[-1]
    last.write_bytes(last.read_bytes()[:-1] + b"?")
    found = {check.check: check.faults for check in inspect(folder) if check.faults}
    assert found.keys() == {"complete", "media", "signatures", "ASC MHL"}
    assert f"{names[-1]} is not the one that was signed" in found["signatures"][0]


def test_stills_go_to_a_nas_as_movies_do(stills: Cart, tmp_path: Path) -> None:
    seal = hash_bytes("xxh128", (stills.delivered() / ".complete").read_bytes())
    target = FolderTarget("nas", tmp_path, "TEST")
    ship(Shipment(stills.delivery, "20260302/A001", seal), target, lambda *_: None)
    (there,) = tmp_path.rglob(f"{NAME}.00086403.exr")
    assert there.read_bytes() == (stills.delivered() / "mattes" / NAME / there.name).read_bytes()


def test_another_form_is_a_new_revision_and_the_replaced_stills_go_with_their_folder(stills: Cart) -> None:
    stills.words["delivery"] = {"keep_revisions": 1}
    ask(stills, matte={"key": "green"})
    with stills.shift() as shift:
        shift.drive()
        assert current(stills)["matte"] == f"mattes/{NAME}_r2.mov"
        stills.clock.advance(timedelta(days=8).total_seconds())
        shift.drive()
        ask(stills, matte={"key": "green", "form": "exr"})
        shift.drive()
    assert sorted(path.name for path in (stills.delivered() / "mattes").iterdir()) == [f"{NAME}_r2.mov", f"{NAME}_r3"]
    assert current(stills)["matte"] == f"mattes/{NAME}_r3/{NAME}.00086400.exr"
    assert {gone["path"] for gone in recorded(stills)["let_go"]} >= {FIRST, f"mattes/{NAME}/{NAME}.sha256"}
    sealed = json.loads((stills.delivered() / ".complete").read_text())["xxh128"]
    assert FIRST not in sealed
    assert not list(stills.staging.iterdir())


class PowerCut(BaseException):
    """The cart loses power."""


@pytest.mark.parametrize("where", ["daemon.stages.landing.publish_folder", "daemon.store.Store.landed"])
def test_a_power_cut_before_or_behind_the_rename_leaves_one_whole_folder(
    cart: Cart, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    ask(cart)
    offload(cart, screened(frames=FRAMES))
    cart.serve()
    ask(cart, matte={"key": "green", "form": "exr"})

    def cut(*_: object) -> None:
        raise PowerCut

    with monkeypatch.context() as power:
        power.setattr(where, cut)
        with pytest.raises(PowerCut), cart.shift() as shift:
            shift.drive()
    cart.serve()
    assert current(cart)["matte"] == FIRST
    assert [path.name for path in (cart.delivered() / "mattes").iterdir()] == [NAME]
    assert not list(cart.staging.iterdir())
    assert cart.hands.done.count("assist") == 1, "it is not made again"


def test_a_folder_gets_its_name_whole_and_once_and_never_in_place_of_another(tmp_path: Path) -> None:
    staged, target = tmp_path / "staged", tmp_path / "mattes"
    hashes = {"a.exr": hash_bytes("xxh128", b"a"), "b.exr": hash_bytes("xxh128", b"b")}

    def stage() -> None:
        staged.mkdir()
        for name in hashes:
            (staged / name).write_bytes(name[:1].encode())

    stage()
    publish_folder(staged, target, hashes)
    publish_folder(staged, target, hashes)  # the power went before it was noted
    assert sorted(path.name for path in target.iterdir()) == ["a.exr", "b.exr"]
    (target / "b.exr").write_bytes(b"somebody else's")
    stage()
    with pytest.raises(NameTaken):
        publish_folder(staged, target, hashes)
    assert (target / "b.exr").read_bytes() == b"somebody else's"
    assert len(list(staged.iterdir())) == 2
