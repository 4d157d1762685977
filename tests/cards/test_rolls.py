"""Where a roll begins and ends in the folders of a job."""

import pytest
from rolls_in_hand import by_name, everything, found, only

from daemon.slate import FoundCard, Vendor


def _rolls(cards: list[FoundCard]) -> dict[str, Vendor]:
    return {card.path: card.vendor for card in cards}


def test_camera_media_makes_a_roll_of_each_folder_right_beneath_it() -> None:
    base = "Show/2026-11-24/Camera Media"
    rolls = found(f"{base}/A001/morning/a.mov", f"{base}/A001/noon/b.mov", f"{base}/A002/c.mov", f"{base}/A002/x/d.mov")
    assert [(card.roll, len(card.clips), card.day_folder) for card in rolls] == [
        ("A001", 2, "20261124"),
        ("A002", 2, "20261124"),
    ]


def test_sound_looks_and_mezzanine_are_no_rolls() -> None:
    day = "20261124"
    (card,) = found(
        f"{day}/Camera Media/A001/a.mov",
        f"{day}/Sound Media/S001/video ref.mov",
        f"{day}/Looks/test.mov",
        f"{day}/Proxy and Mezzanine media/A001/a.mov",
    )
    assert card.path == f"{day}/Camera Media/A001"


def test_a_root_that_is_the_card_takes_its_label_from_the_root() -> None:
    card = only("XDROOT/Clip/C0001.MXF", "DCIM/100MSDCF/DSC0001.MP4", "notes.txt", root="A002")
    assert (card.path, card.roll, card.vendor, len(card.clips)) == (".", "A002", Vendor.SONY_XDROOT, 2)
    assert card.others == ("notes.txt",)


@pytest.mark.parametrize("where", ["", "20261124/", "20261124/Camera Media/"])
@pytest.mark.parametrize("stray", ["x.braw", "A009C001_261124_R1JL.mov", "x.mov"])
def test_a_stray_clip_beside_the_rolls_makes_no_roll_of_all(where: str, stray: str) -> None:
    rolls = found(where + stray, f"{where}A001/XDROOT/Clip/C0001.MXF", f"{where}A002/b.mov", f"{where}A003/c.braw")
    assert {card.roll for card in rolls} >= {"A001", "A002", "A003"}
    assert all(len(card.clips) == 1 for card in rolls)


def test_a_second_card_beneath_a_root_that_is_a_card_stays_a_card() -> None:
    assert _rolls(found("XDROOT/Clip/C0001.MXF", "A002/PRIVATE/M4ROOT/CLIP/C0001.MP4")) == {
        ".": Vendor.SONY_XDROOT,
        "A002": Vendor.SONY_M4ROOT,
    }


def test_a_structure_deeper_in_a_roll_is_still_the_vendors() -> None:
    base = "Camera Media/A001/FX6"
    card = only(f"{base}/XDROOT/Clip/C0001.MXF", f"{base}/XDROOT/Sub/C0001S03.MP4")
    assert card.vendor is Vendor.SONY_XDROOT
    assert by_name(card)["C0001"].stand_ins == ("FX6/XDROOT/Sub/C0001S03.MP4",)


def test_two_cards_wrapped_in_one_roll_keep_names_of_their_own() -> None:
    card = only(*(f"Camera Media/A001/{side}/XDROOT/Clip/C0001.MXF" for side in ("left", "right")))
    assert sorted(by_name(card)) == ["C0001_left_XDROOT_Clip", "C0001_right_XDROOT_Clip"]


def test_folder_names_with_letters_that_grow_in_capitals_are_cut_right() -> None:
    card = only("Straße/XDROOT/Clip/C0001.MXF")
    assert (card.path, card.roll) == ("Straße", "Straße")


@pytest.mark.parametrize("seal", ["ascmhl/0001_A001.mhl", "A001_20261124.mhl"])
def test_a_sealed_folder_is_one_roll_whatever_lies_in_it(seal: str) -> None:
    card = only(f"Show/A001/{seal}", "Show/A001/a.mov", "Show/A001/extra/b.mov", "Show/A001/extra/c.braw")
    assert (card.path, len(card.clips), card.others) == ("Show/A001", 3, ())


def test_a_show_sealed_as_a_whole_keeps_its_rolls_apart() -> None:
    rolls = found("Show/ascmhl/0001.mhl", "Show/tests/x.mov", "Show/A001/XDROOT/Clip/C0001.MXF", "Show/A002/b.braw")
    assert {card.path for card in rolls} == {"Show", "Show/A001", "Show/A002"}


@pytest.mark.parametrize("over", ["", "20261124/", "20261124/Camera Media/"])
def test_a_manifest_over_a_day_seals_no_single_roll(over: str) -> None:
    rolls = found(f"{over}all.mhl", f"{over}A001/a.mov", f"{over}A002/b.mov")
    assert [card.roll for card in rolls] == ["A001", "A002"]


def test_two_recordings_of_one_name_share_no_sidecar() -> None:
    card = only("A001/c.mov", "A001/c.mp4", "A001/c.xml")
    assert everything(card) == ["c.mov", "c.mp4", "c.xml"]


@pytest.mark.parametrize(
    ("roll", "day"),
    [
        ("20261124/A001", "20261124"),
        ("2026-11-24/x/A001", "20261124"),
        ("20260101/20261124/A001", "20261124"),
        ("Day 3 20261124/A001", "20261124"),
        ("20269924/A001", ""),
        ("120261124/A001", ""),
        ("20261124", ""),
    ],
)
def test_the_shoot_day_is_the_nearest_folder_named_like_one(roll: str, day: str) -> None:
    assert only(f"{roll}/XDROOT/Clip/C0001.MXF").day_folder == day
