"""Which folders of sound files are sound rolls, by names alone."""

from __future__ import annotations

from daemon import cards
from daemon.slate import ClipKind, FoundCard, Vendor


def found(*paths: str) -> dict[str, FoundCard]:
    def unreadable(path: str) -> bytes:
        raise AssertionError(f"{path} was opened")

    return {card.path: card for card in cards.recognise(paths, unreadable, "root")}


def test_sound_media_holds_sound_rolls() -> None:
    rolls = found(
        "20260302/Sound Media/SR001/12A-T001.wav",
        "20260302/Sound Media/SR001/12A-T002.TAKE/12A-T002_Tr1.WAV",
        "20260302/Sound Media/SR001/report.csv",
        "20260302/Sound Media/SR001/ascmhl/0001_SR001.mhl",
        "20260302/Sound Media/ZOOM/Z1.W64",
        "20260302/Camera Media/A001/A001C001.mov",
        "20260302/Camera Media/A001/voice.wav",
    )
    assert {path: card.vendor for path, card in rolls.items()} == {
        "20260302/Camera Media/A001": Vendor.PLAIN,
        "20260302/Sound Media/SR001": Vendor.SOUND,
        "20260302/Sound Media/ZOOM": Vendor.SOUND,
    }
    roll = rolls["20260302/Sound Media/SR001"]
    assert [clip.name for clip in roll.clips] == ["12A-T001", "12A-T002_Tr1"]
    assert {clip.kind for clip in roll.clips} == {ClipKind.SOUND}
    assert (roll.roll, roll.day_folder, roll.others) == ("SR001", "20260302", ("report.csv",))
    assert rolls["20260302/Camera Media/A001"].others == ("voice.wav",)


def test_any_folder_of_sound_files_is_a_roll_and_a_seal_says_how_far_it_goes() -> None:
    assert [*found("20260302/702T/A1.wav", "20260302/702T/takes/A2.wav")] == ["20260302/702T", "20260302/702T/takes"]
    sealed = found("20260302/702T/A/A1.wav", "20260302/702T/B/A1.wav", "20260302/702T/ascmhl/0001.mhl")
    assert [clip.name for clip in sealed["20260302/702T"].clips] == ["A1_A", "A1_B"]


def test_sound_files_where_only_rolls_lie_or_no_sound_does_are_none() -> None:
    assert found("A1.wav", "20260302/A2.wav", "20260302/Looks/l.wav", "Proxy and Mezzanine Media/x.wav") == {}


def test_sound_beside_a_card_in_the_root_is_found() -> None:
    rolls = found("A001C001.mov", "Sound Media/SR001/T1.wav")
    assert {path: card.vendor for path, card in rolls.items()} == {".": Vendor.PLAIN, "Sound Media/SR001": Vendor.SOUND}
