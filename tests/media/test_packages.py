"""MXF packages: what Avid groups by, read back by ourselves and by pyaaf2, which knows nothing of us."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import aaf2
import pytest
from aaf2.mxf import MXFFile
from shots import Delivered, Sound, deliver, opened, probed
from test_presets import shot

from engines.errors import ContractBroken
from engines.media.contract import check
from engines.media.decode import decoder_for
from engines.media.encode import Output
from engines.media.packages import packages_of, ungrouped
from engines.media.preset import PRESETS
from engines.media.proxy import Wanted, spec_of, working_of
from engines.render import render

ATOM, OP1A = PRESETS["avid-dnxhr-lb-opatom"], PRESETS["avid-dnxhr-lb-op1a"]
SOUNDS = (Sound(), Sound("pcm_s16le", "s16", "stereo"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    made = shot(rate=Fraction(30000, 1001), timecode="23:59:59;28", sounds=SOUNDS, size=(320, 192))
    return made.write(tmp_path / "A001C001.mov")


def written(clip: Path, folder: Path, revision: str, tape: str = "SHOW") -> list[Path]:
    """The OP-Atom files of a clip, rendered under a revision's name."""
    essence = probed(clip)
    spec = spec_of(essence, ATOM, Wanted(clip.stem, essence.reel))
    folder.mkdir()
    paths = tuple(folder / f"{number}.mxf" for number in range(4))
    output = Output(spec, paths, revision, tape)
    with opened(clip) as files:
        decoder, working = decoder_for(files, essence), working_of(essence, [spec])
        render(decoder, essence, working, [output], enhance=None, progress=lambda *_: None)
    return list(paths)


def told(paths: list[Path]) -> list[tuple[bytes, bytes, bytes]]:
    with opened(*paths) as files:
        return [(it.material, it.file, it.tape) for it in map(packages_of, files)]


def test_pyaaf2_makes_one_clip_on_one_tape_of_op_atom_files(clip: Path, tmp_path: Path) -> None:
    paths = written(clip, tmp_path / "r1", "r1")
    with aaf2.open(str(tmp_path / "bin.aaf"), "w") as file:
        for path in paths:
            mxf = MXFFile(str(path))
            assert mxf.operation_pattern == "OPAtom"
            mxf.link(file)
        masters = [mob for mob in file.content.mobs if type(mob).__name__ == "MasterMob"]
        tapes = [mob for mob in file.content.sourcemobs() if type(mob.descriptor).__name__ == "TapeDescriptor"]
        assert [mob.name for mob in masters] == ["A001C001"]
        assert [mob.name for mob in tapes] == ["A001REEL"]
        kinds = [slot.segment.media_kind for slot in masters[0].slots]
        assert kinds == ["Timecode", "Picture", "Sound", "Sound", "Sound"]
        movies = [mob for mob in file.content.sourcemobs() if mob not in tapes]
        assert len(movies) == 4
        sources = [slot.segment.components[0].mob for slot in list(masters[0].slots)[1:]]
        assert {mob.mob_id for mob in sources} == {mob.mob_id for mob in movies}


def test_an_op1a_file_and_op_atom_files_of_one_reel_lie_on_the_same_tape(clip: Path, tmp_path: Path) -> None:
    atom = told(written(clip, tmp_path / "r1", "r1"))
    whole = deliver(clip, out=tmp_path / "op1a", preset=OP1A)
    assert MXFFile(str(whole.path)).operation_pattern == "OP1a"
    ((_, _, tape),) = told([whole.path])
    assert {one[2] for one in atom} == {tape}


def test_a_new_revision_has_new_identities_on_the_same_tape(clip: Path, tmp_path: Path) -> None:
    first, again, second = (told(written(clip, tmp_path / name, name[:2])) for name in ("r1", "r1 again", "r2"))
    assert first == again
    assert not {it for one in first for it in one[:2]} & {it for one in second for it in one[:2]}
    assert {one[2] for one in first} == {one[2] for one in second}
    other_show = told(written(clip, tmp_path / "other", "r1", tape="OTHER"))
    assert not {one[2] for one in first} & {one[2] for one in other_show}


def test_files_of_two_revisions_do_not_pass_for_one_clip(clip: Path, tmp_path: Path) -> None:
    first, second = written(clip, tmp_path / "r1", "r1"), written(clip, tmp_path / "r2", "r2")
    essence = probed(clip)
    spec = spec_of(essence, ATOM, Wanted(clip.stem, essence.reel))
    with opened(*first) as files:
        assert ungrouped(files, essence, spec) == []
        wrong = ungrouped(files, replace(essence, start_frame=essence.start_frame - 1), replace(spec, reel="B001"))
        assert wrong == ["another tape than the reel's", "another place on the tape than the timecode's"]
    with opened(*first[:2], *second[2:]) as files:
        assert ungrouped(files, essence, spec)[:2] == [
            "more than one material package",
            "tracks that lead to other files",
        ]
    with opened(*second) as files, pytest.raises(ContractBroken, match="bit for bit"):
        check(files, essence, spec, ())


def test_a_clip_of_24_tracks_has_room_for_its_packages(tmp_path: Path) -> None:
    done: Delivered = deliver(
        shot(sounds=(Sound("pcm_s16le", "s16"),) * 24).write(tmp_path / "A001.mov"), out=tmp_path / "p", preset=ATOM
    )
    assert len(done.proxy.audio) == 24
    with opened(done.path) as (file,):
        assert len(packages_of(file).clips) == 25


def test_a_file_that_was_written_over_is_told(clip: Path, tmp_path: Path) -> None:
    (path, *_) = written(clip, tmp_path / "r1", "r1")
    data = bytearray(path.read_bytes())
    data[600:6000] = bytes(5400)
    path.write_bytes(data)
    essence = probed(clip)
    with opened(path) as files:
        (why,) = ungrouped(files, essence, spec_of(essence, ATOM, Wanted(clip.stem, essence.reel)))
    assert why.startswith("packages that cannot be read")
