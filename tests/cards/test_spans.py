"""Recordings of several parts: joined where the card says so, apart where a part is missing."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rolls_in_hand import by_name, everything, only

from daemon.cards.base import runs
from daemon.errors import SidecarError
from daemon.sidecars import mpls, p2
from daemon.slate import Span

P2_CARD = "P001/CONTENTS"


def shot(name: str, before: str = "", after: str = "") -> bytes:
    """A P2 clip's XML; ids are its name and `ID`."""
    named = "".join(
        f"<{what}><GlobalClipID>ID{clip}</GlobalClipID></{what}>"
        for what, clip in (("Top", name), ("Previous", before), ("Next", after))
        if clip
    )
    return (
        '<?xml version="1.0"?><P2Main xmlns="urn:schemas-Professional-Plug-in:P2:ClipMetadata:v3.0"><ClipContent>'
        f"<ClipName>{name}</ClipName><GlobalClipID>ID{name}</GlobalClipID><Relation><OffsetInShot>0</OffsetInShot>"
        f"<GlobalShotID>S</GlobalShotID><Connection>{named}</Connection></Relation></ClipContent></P2Main>"
    ).encode()


def p2_card(*clips: tuple[str, str, str]) -> object:
    names = [f"{P2_CARD}/VIDEO/{name}.MXF" for name, _, _ in clips]
    names += [f"{P2_CARD}/AUDIO/{name}{track:02}.MXF" for name, _, _ in clips for track in range(2)]
    return only(*names, texts={f"{P2_CARD}/CLIP/{name}.XML": shot(name, *around) for name, *around in clips})


def test_the_clips_of_a_p2_shot_are_one_clip_in_order() -> None:
    card = p2_card(
        ("0002CD", "0001AB", "0003EF"), ("0003EF", "0002CD", ""), ("0001AB", "", "0002CD"), ("0009ZZ", "", "")
    )
    assert [*by_name(card)] == ["0001AB", "0009ZZ"]
    clip = by_name(card)["0001AB"]
    assert [path.rpartition("/")[2] for path in clip.files] == [
        f"{name}{ending}.MXF" for name in ("0001AB", "0002CD", "0003EF") for ending in ("", "00", "01")
    ]
    assert len(clip.sidecars) == 3
    assert by_name(card)["0009ZZ"].span is None
    assert len(set(everything(card))) == len(everything(card))


def test_a_p2_shot_that_goes_on_on_another_card_says_so() -> None:
    assert by_name(p2_card(("0001AB", "", "0002CD")))["0001AB"].span == Span("ID0001AB", "", "ID0002CD")
    assert by_name(p2_card(("0002CD", "0001AB", "")))["0002CD"].span == Span("ID0002CD", "ID0001AB", "")


def test_p2_clips_that_name_each_other_in_a_circle_or_one_sidedly_stay_apart() -> None:
    circle = p2_card(("0001AB", "0002CD", "0002CD"), ("0002CD", "0001AB", "0001AB"), ("0003EF", "", ""))
    assert "0003EF" in by_name(circle)
    one_sided = p2_card(("0001AB", "", "0002CD"), ("0002CD", "", ""))
    assert [*by_name(one_sided)] == ["0001AB", "0002CD"]


def test_a_p2_xml_that_lies_or_is_half_there_joins_nothing() -> None:
    texts = {f"{P2_CARD}/CLIP/0001AB.XML": shot("0001AB", "", "0002CD")[:80]}
    card = only(f"{P2_CARD}/VIDEO/0001AB.MXF", f"{P2_CARD}/VIDEO/0002CD.MXF", texts=texts)
    assert [*by_name(card)] == ["0001AB", "0002CD"]
    assert p2.parse(b"<P2Main/>", "it").global_id == ""


def playlist(*items: tuple[str, int]) -> bytes:
    body = b"".join(struct.pack(">H5s4sHBII", 20, name.encode(), b"M2TS", how, 0, 0, 1) for name, how in items)
    return (
        b"MPLS0100" + struct.pack(">II", 40, 0) + bytes(24) + struct.pack(">IHHH", len(body), 0, len(items), 0) + body
    )


AVCHD = "H001/PRIVATE/AVCHD/BDMV"


def avchd(index: bytes, streams: int = 4) -> object:
    paths = [f"{AVCHD}/STREAM/0000{number}.MTS" for number in range(streams)]
    return only(*paths, texts={f"{AVCHD}/PLAYLIST/00000.MPL": index})


def test_avchd_streams_that_the_playlist_plays_without_a_seam_are_one_clip() -> None:
    card = avchd(playlist(("00000", 1), ("00001", 6), ("00002", 5), ("00003", 1)))
    assert {name: len(clip.files) for name, clip in by_name(card).items()} == {"00000": 3, "00003": 1}
    assert [path[-9:] for path in by_name(card)["00000"].files] == ["00000.MTS", "00001.MTS", "00002.MTS"]
    assert len(set(everything(card))) == len(everything(card))


def test_a_playlist_says_which_streams_are_missing() -> None:
    card = avchd(playlist(("00000", 1), ("00001", 1), ("00007", 6)), streams=2)
    assert card.missing == ("00007",)  # type: ignore[attr-defined]
    assert [*by_name(card)] == ["00000", "00001"]


@pytest.mark.parametrize("data", [b"", b"MPLS0100", b"NOPE" + playlist(("00000", 1))[4:], playlist(("00000", 1))[:60]])
def test_a_playlist_that_is_none_says_nothing(data: bytes) -> None:
    with pytest.raises(SidecarError):
        mpls.parse(data, "00000.MPL")
    assert len(by_name(avchd(data))) == 4


@given(st.binary(max_size=200))
def test_no_bytes_make_a_playlist_raise_anything_else(data: bytes) -> None:
    for tried in (data, b"MPLS0100" + data):
        try:
            found = mpls.parse(tried, "00000.MPL")
        except SidecarError:
            continue
        assert all(len(item.stream) == 5 for item in found)


def test_a_canon_recording_is_not_spliced_over_a_missing_part() -> None:
    base = "C001/CONTENTS/CLIPS001/A001C001_221124_CANON"
    card = only(f"{base}_01.MXF", f"{base}_03.MXF", f"{base}_04.MXF", f"{base}.XML")
    clips = by_name(card)
    assert {name: len(clip.files) for name, clip in clips.items()} == {
        "A001C001_221124_CANON": 1,
        "A001C001_221124_CANON_03": 2,
    }
    assert card.missing == ("A001C001_221124_CANON part 2",)
    assert clips["A001C001_221124_CANON"].sidecars
    behind = clips["A001C001_221124_CANON_03"].span
    assert behind == Span("a001c001_221124_canon:4", "a001c001_221124_canon:2")


def test_an_xf305_keeps_its_parts_in_a_folder_a_clip() -> None:
    base = "C001/CONTENTS/CLIPS001/AA0001"
    card = only(f"{base}/AA000102.MXF", f"{base}/AA000101.MXF", f"{base}/AA0001.XML", f"{base}/AA000101.CIF")
    (clip,) = card.clips
    assert clip.name == "AA0001"
    assert [path[-6:] for path in clip.files] == ["01.MXF", "02.MXF"]
    assert len(clip.sidecars) == 2


def test_gopro_chapters_part_where_one_is_missing_and_say_which() -> None:
    base = "G001/DCIM/100GOPRO"
    card = only(f"{base}/GX010123.MP4", f"{base}/GX030123.MP4", f"{base}/GOPR0200.MP4", f"{base}/GP010200.MP4")
    assert {name: len(clip.files) for name, clip in by_name(card).items()} == {
        "GX010123": 1,
        "GX030123": 1,
        "GOPR0200": 2,
    }
    assert card.missing == ("GX0123 part 2",)
    assert by_name(card)["GX030123"].span == Span("gx0123:3", "gx0123:2")


def test_a_missing_part_of_r3d_is_told() -> None:
    base = "A007/A007.RDM/A007_C001.RDC/A007_C001"
    assert only(f"{base}_001.R3D", f"{base}_003.R3D").missing == ("A007_C001 part 2",)


@given(st.lists(st.integers(0, 40), unique=True, max_size=20))
def test_runs_leave_nothing_out_and_have_no_gap(numbers: list[int]) -> None:
    parts = [(number, str(number)) for number in sorted(numbers)]
    found = runs(parts)
    assert [part for run in found for part in run] == parts
    assert all(b[0] == a[0] + 1 for run in found for a, b in pairwise(run))
