"""Whatever names lie under a root: each file lands once, in any order, and clips have names of their own."""

import random
import time

from hypothesis import given
from hypothesis import strategies as st
from rolls_in_hand import everything, found

from daemon import cards
from daemon.errors import FileMissing

_FOLDERS = st.sampled_from(
    [
        *("XDROOT", "Clip", "Sub", "M4ROOT", "PRIVATE", "CONTENTS", "VIDEO", "AUDIO", "CLIP", "CLIPS001", "PROXY"),
        *("AVCHD", "BDMV", "STREAM", "DCIM", "100GOPRO", "A007.RDM", "A007_C001.RDC", "Proxy", "20261124", "Straße"),
        *("Camera Media", "Sound Media", "A001", "A002", "ascmhl", "A001C001_261124_R1JL", "A001_C001"),
    ]
)
_STEMS = st.sampled_from(
    [
        *(
            "C0001",
            "C0001M01",
            "C0001S03",
            "c0001",
            "GX010123",
            "GX020123",
            "GL010123",
            "GOPR0124",
            "GP010124",
            "0001AB",
        ),
        *("0001AB00", "A001C001_261124_R1JL", "A001C001_CANON_01", "A001C001_CANON_02", "A007_C001_001", "f.0998"),
        *("f.1000", "A001_C001_000001", "A001_C001_000002", "MEDIAPRO"),
    ]
)
_ENDINGS = st.sampled_from(
    [
        *(".MXF", ".mp4", ".MP4", ".mov", ".xml", ".XML", ".R3D", ".braw", ".ari", ".dng", ".exr", ".MTS", ".LRV"),
        *(".THM", ".RMD", ".wav", ".mhl", ".ale", ".JPG", ""),
    ]
)
_PATHS = st.builds(
    lambda folders, stem, ending: "/".join([*folders, stem + ending]), st.lists(_FOLDERS, max_size=5), _STEMS, _ENDINGS
)


def _unreadable(path: str) -> bytes:
    raise FileMissing(path, why="nothing is read here", fix="none")


@given(st.sets(_PATHS, max_size=40))
def test_every_file_of_a_card_lands_exactly_once(paths: set[str]) -> None:
    landed: list[str] = []
    for card in cards.recognise(paths, _unreadable, "root"):
        prefix = "" if card.path == "." else card.path + "/"
        assert card.clips or card.missing
        landed += [prefix + path for path in everything(card)]
    assert len(landed) == len(set(landed))
    assert set(landed) <= {path for path in paths if not cards.is_manifest(path)}


@given(st.sets(_PATHS, max_size=40))
def test_a_roll_leaves_out_none_of_its_files(paths: set[str]) -> None:
    inside = {path for path in paths if "Sound Media/" not in path}
    for card in cards.recognise({f"Camera Media/A001/{path}" for path in inside}, _unreadable, "root"):
        assert card.path == "Camera Media/A001"
        assert everything(card) == sorted(path for path in inside if not cards.is_manifest(path))


@given(st.sets(_PATHS, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_the_names_changes_nothing(paths: set[str], shuffle: random.Random) -> None:
    shuffled = sorted(paths)
    shuffle.shuffle(shuffled)
    assert cards.recognise(shuffled, _unreadable, "r") == cards.recognise(paths, _unreadable, "r")


@given(st.sets(_PATHS, max_size=40))
def test_clips_of_a_card_have_names_of_their_own(paths: set[str]) -> None:
    for card in cards.recognise(paths, _unreadable, "root"):
        names = [clip.name.lower() for clip in card.clips]
        assert len(names) == len(set(names))
        assert all(clip.files for clip in card.clips)


def test_thirty_thousand_names_are_recognised_in_time_that_grows_with_their_number() -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        (card,) = found(*(f"A001/c{number:05d}.mov" for number in range(count)))
        assert len(card.clips) == count
        return time.process_time() - began

    seconds(300)
    assert seconds(30_000) < 40 * max(seconds(3_000), 0.02)
