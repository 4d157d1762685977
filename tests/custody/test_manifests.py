from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from custody_card import (
    Line,
    Seal,
    chain_xml,
    differing,
    generation_xml,
    legacy_xml,
    manifest_of,
    put,
    reader,
    seal,
    tree,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.errors import BadManifest, SidecarError
from daemon.hashing import hash_bytes
from daemon.manifests import Manifest, ManifestKind, find, load, merge
from daemon.sidecars import ascmhl

CLIPS = {"Clip/A001C001.mov": b"first take", "Clip/A001C002.mov": b"second take"}


def x(data: bytes) -> str:
    return hash_bytes("xxh128", data)


def sealed(folder: Path, files: dict[str, bytes] = CLIPS) -> None:
    put(folder, files)
    seal(folder, Seal([Line(path, x(data)) for path, data in files.items()]))


# Real offloads


def test_every_real_offload_matches_its_history_except_the_one_that_failed(samples):
    folders = sorted((samples / "sidecars" / "ascmhl").glob("scenario_*/*/"))
    assert len(folders) == 7
    for root in folders:
        manifest = manifest_of(root, "A002R2EC")
        clips = {"Clips/A002C006_141024_R2EC.mov", "Clips/A002C007_141024_R2EC.mov", "Sidecar.txt"}
        assert manifest.names() == clips
        assert not manifest.troubles
        failing = root.parent.name == "scenario_04" and root.name == "file_server"
        bad = {("Sidecar.txt", "xxh64")} if failing else set()
        assert differing(root, manifest, "A002R2EC") == bad
        assert manifest.failed == {path for path, _ in bad}


def test_a_file_recorded_as_failed_is_still_expected_as_it_was_sealed(samples):
    root = samples / "sidecars" / "ascmhl" / "scenario_04" / "file_server"
    manifest = manifest_of(root, "A002R2EC")
    assert manifest.expected("Sidecar.txt") == {"xxh64": "3ab5a4166b9bde44"}


def test_a_second_hash_format_in_a_later_generation_is_demanded_too(samples):
    manifest = manifest_of(samples / "sidecars" / "ascmhl" / "scenario_03" / "file_server", "A002R2EC")
    assert set(manifest.expected("Sidecar.txt")) == {"xxh64", "md5"}


def test_every_real_legacy_list_matches_except_the_two_wrong_md5(samples):
    bad = {}
    folders = sorted((samples / "sidecars" / "mhl_legacy").glob("mhl_verify_*/"))
    assert len(folders) == 7
    for root in folders:
        manifest = manifest_of(root)
        assert len(manifest.names()) in {3, 6}
        bad[root.name] = differing(root, manifest)
    assert bad.pop("mhl_verify_multiple") == {("file1.txt", "md5"), ("file2.txt", "md5")}
    assert not any(bad.values())


# What applies to a roll


def test_manifests_in_above_and_beneath_a_roll_apply_and_a_neighbours_do_not():
    there = [
        "show.mhl",
        "20260302/ascmhl/0001_d.mhl",
        "20260302/ascmhl/ascmhl_chain.xml",
        "20260302/A001/A001.MHL",
        "20260302/A001/Clip/ascmhl/0001_c.mhl",
        "20260302/A001/Clip/ascmhl/ascmhl_chain.xml",
        "20260302/A001/._A001.mhl",
        "20260302/A0012/A0012.mhl",
        "20260303/ascmhl/0001_d.mhl",
        "20260302/A001/Clip/A001C001.mov",
    ]
    found = find(there, "20260302/A001")
    assert {source.path() for source in found} == {
        "show.mhl",
        "20260302/ascmhl",
        "20260302/A001/A001.MHL",
        "20260302/A001/Clip/ascmhl",
    }
    assert [source.kind for source in found].count(ManifestKind.HISTORY) == 2


def test_a_list_above_the_roll_is_read_from_the_rolls_point_of_view(tmp_path):
    files = {f"20260302/Camera Media/A001/{path}": data for path, data in CLIPS.items()}
    other = {"20260302/Camera Media/A002/A002C001.mov": b"elsewhere"}
    put(tmp_path, files | other)
    lines = [(path, "xxhash128", x(data)) for path, data in (files | other).items()]
    put(tmp_path, {"offload.mhl": legacy_xml(*lines)})
    manifest = manifest_of(tmp_path, "20260302/Camera Media/A001")
    assert manifest.names() == set(CLIPS)
    assert manifest.sources == ("offload.mhl",)
    assert not differing(tmp_path, manifest, "20260302/Camera Media/A001")


def test_a_roll_without_manifests_expects_nothing(tmp_path):
    put(tmp_path, CLIPS)
    assert manifest_of(tmp_path).digest() == Manifest().digest()
    assert manifest_of(tmp_path).expected("Clip/A001C001.mov") == {}


# Several manifests


def test_resumed_offload_with_a_second_mhl_knows_all_clips(tmp_path):
    put(tmp_path, {f"A001/{path}": data for path, data in CLIPS.items()})
    (first, one), (second, two) = CLIPS.items()
    put(tmp_path, {"A001/A001_1800.mhl": legacy_xml((first, "md5", hash_bytes("md5", one)))})
    before = manifest_of(tmp_path, "A001")
    assert before.names() == {first}
    put(tmp_path, {"A001/A001_1830.mhl": legacy_xml((second, "xxhash64be", hash_bytes("xxh64", two)))})
    after = manifest_of(tmp_path, "A001")
    assert after.names() == set(CLIPS)
    assert after.expected(first) == {"md5": hash_bytes("md5", one)}
    assert not differing(tmp_path, after, "A001")
    assert after.digest() != before.digest()
    assert after.digest() == manifest_of(tmp_path, "A001").digest()


def test_a_history_and_a_list_about_the_same_clip_are_both_demanded(tmp_path):
    sealed(tmp_path / "A001")
    put(tmp_path, {"A001.mhl": legacy_xml(("A001/Clip/A001C001.mov", "sha1", "0" * 40))})
    manifest = manifest_of(tmp_path, "A001")
    assert set(manifest.expected("Clip/A001C001.mov")) == {"sha1", "xxh128"}
    assert differing(tmp_path, manifest, "A001") == {("Clip/A001C001.mov", "sha1")}


def test_two_lists_that_contradict_each_other_vouch_for_nothing(tmp_path):
    put(tmp_path, CLIPS)
    put(tmp_path, {"a.mhl": legacy_xml(("Clip/A001C001.mov", "md5", "1" * 32))})
    put(tmp_path, {"b.mhl": legacy_xml(("Clip/A001C001.mov", "md5", "2" * 32))})
    manifest = manifest_of(tmp_path)
    assert manifest.expected("Clip/A001C001.mov") == {}
    trouble = manifest.trouble("Clip/A001C001.mov")
    assert isinstance(trouble, BadManifest)
    assert "a.mhl" in trouble.why
    assert "b.mhl" in trouble.why
    assert manifest.trouble("Clip/A001C002.mov") is None
    assert manifest.names() == {"Clip/A001C001.mov"}


def test_a_later_generation_cannot_quietly_bless_other_bytes(tmp_path):
    put(tmp_path, CLIPS)
    path = "Clip/A001C001.mov"
    seal(tmp_path, Seal([Line(path, "1" * 32)]), Seal([Line(path, x(CLIPS[path]), action="verified")]))
    manifest = manifest_of(tmp_path)
    assert manifest.expected(path) == {}
    assert "generation 2" in manifest.trouble(path).why


def test_a_nested_history_owns_its_clips_and_the_outer_one_vouches_for_it(tmp_path):
    sealed(tmp_path / "day" / "A001")
    nested = next((tmp_path / "day" / "A001" / "ascmhl").glob("*.mhl"))
    reference = (f"A001/ascmhl/{nested.name}", hash_bytes("c4", nested.read_bytes()))
    put(tmp_path / "day", {"notes.txt": b"notes"})
    seal(tmp_path / "day", Seal([Line("notes.txt", x(b"notes"))], references=[reference]))
    manifest = manifest_of(tmp_path, "day/A001")
    assert manifest.names() == set(CLIPS)
    assert manifest_of(tmp_path, "day").names() == {"notes.txt", *(f"A001/{path}" for path in CLIPS)}
    # Somebody resealed the nested folder, chain and all: only the outer history can tell.
    put(tmp_path / "day" / "A001", {"Clip/A001C001.mov": b"other bytes"})
    lines = [Line("Clip/A001C001.mov", x(b"other bytes"))]
    seal(tmp_path / "day" / "A001", Seal(lines))
    with pytest.raises(BadManifest, match="was changed"):
        manifest_of(tmp_path, "day/A001")


def test_an_outer_history_vouches_for_the_one_between_it_and_the_roll(tmp_path):
    sealed(tmp_path / "day", {"A001/Clip/A001C001.mov": b"first take"})
    between = next((tmp_path / "day" / "ascmhl").glob("*.mhl"))
    seal(tmp_path, Seal([Line("n.txt", x(b""))], references=[(f"day/ascmhl/{between.name}", "c4" + "1" * 88)]))
    with pytest.raises(BadManifest, match="was changed"):
        manifest_of(tmp_path, "day/A001")


def test_a_nested_manifest_that_is_gone_is_missed(tmp_path):
    put(tmp_path, {"A001/a.mov": b"a"})
    seal(tmp_path, Seal([Line("n.txt", x(b""))], references=[("A001/ascmhl/0001_A001.mhl", "c4" + "1" * 88)]))
    with pytest.raises(BadManifest, match="is missing"):
        manifest_of(tmp_path, "A001")
    put(tmp_path, {"A002/a.mov": b"a"})
    assert manifest_of(tmp_path, "A002").names() == set()


def test_a_renamed_clip_keeps_what_was_vouched_for_under_its_old_name(tmp_path):
    put(tmp_path, {"A001C001_fixed.mov": b"take"})
    seal(
        tmp_path,
        Seal([Line("A001C001.mov", x(b"take"))]),
        Seal([Line("A001C001_fixed.mov", hash_bytes("md5", b"take"), "md5", "verified", "A001C001.mov")]),
    )
    manifest = manifest_of(tmp_path)
    assert manifest.names() == {"A001C001_fixed.mov"}
    assert set(manifest.expected("A001C001_fixed.mov")) == {"xxh128", "md5"}


def test_a_clip_copied_again_after_a_failure_is_no_longer_failed(tmp_path):
    put(tmp_path, {"a.mov": b"take"})
    bad, good = Line("a.mov", "1" * 32, action="failed"), Line("a.mov", x(b"take"), action="verified")
    seal(tmp_path, Seal([Line("a.mov", x(b"take"))]), Seal([bad]))
    assert manifest_of(tmp_path).failed == {"a.mov"}
    seal(tmp_path, Seal([Line("a.mov", x(b"take"))]), Seal([bad]), Seal([good]))
    manifest = manifest_of(tmp_path)
    assert manifest.failed == set()
    assert not differing(tmp_path, manifest)


def test_a_clip_that_was_only_ever_seen_failing_has_nothing_to_hold_it(tmp_path):
    put(tmp_path, {"a.mov": b"take"})
    seal(tmp_path, Seal([Line("a.mov", x(b"take"), action="failed")]))
    manifest = manifest_of(tmp_path)
    assert manifest.expected("a.mov") == {}
    assert (manifest.names(), manifest.failed) == ({"a.mov"}, {"a.mov"})


# Ignore patterns


def test_an_ignore_pattern_of_everything_proves_nothing(tmp_path):
    put(tmp_path, CLIPS)
    seal(tmp_path, Seal([], ignore=["*"]))
    manifest = manifest_of(tmp_path)
    assert manifest.expected("Clip/A001C001.mov") == {}
    assert manifest.ignored("Clip/A001C001.mov")


def test_an_ignore_pattern_takes_nothing_away_that_was_sealed(tmp_path):
    sealed(tmp_path)
    lines = [Line(path, x(data)) for path, data in CLIPS.items()]
    seal(tmp_path, Seal(lines), Seal([], ignore=["*"]))
    manifest = manifest_of(tmp_path)
    assert manifest.names() == set(CLIPS)
    assert not manifest.ignored("Clip/A001C001.mov")
    assert set(manifest.expected("Clip/A001C001.mov")) == {"xxh128"}


def test_ignore_patterns_are_gitignores_and_start_at_their_history(tmp_path):
    put(tmp_path, {"day/A001/a.mov": b"a"})
    seal(tmp_path / "day", Seal([Line("A001/a.mov", x(b"a"))], ignore=["*.tmp", "!keep.tmp", "/A001/cache/"]))
    manifest = manifest_of(tmp_path, "day/A001")
    ignored = ["x.tmp", "deep/x.tmp", "cache/index", "keep.tmp", "other/cache/index", "a.mov"]
    assert [manifest.ignored(path) for path in ignored] == [True, True, True, False, False, False]


# Tampering


def test_a_changed_generation_is_named(tmp_path):
    lines = [Line(path, x(data)) for path, data in CLIPS.items()]
    seal(tmp_path, Seal(lines), Seal(lines))
    second = next((tmp_path / "ascmhl").glob("0002*"))
    second.write_bytes(second.read_bytes().replace(b"18:00:00", b"18:00:01"))
    with pytest.raises(BadManifest, match=r"generation 2 .* was changed"):
        manifest_of(tmp_path)


def test_a_removed_generation_is_named(tmp_path):
    lines = [Line(path, x(data)) for path, data in CLIPS.items()]
    seal(tmp_path, Seal(lines), Seal(lines))
    next((tmp_path / "ascmhl").glob("0001*")).unlink()
    with pytest.raises(BadManifest, match=r"generation 1 .* is missing"):
        manifest_of(tmp_path)


def test_a_generation_that_the_chain_does_not_know_is_refused(tmp_path):
    sealed(tmp_path)
    put(tmp_path, {"ascmhl/0002_new.mhl": generation_xml(Seal([]))})
    with pytest.raises(BadManifest, match="0002_new"):
        manifest_of(tmp_path)


def test_a_history_without_its_chain_is_refused(tmp_path):
    sealed(tmp_path)
    (tmp_path / "ascmhl" / "ascmhl_chain.xml").unlink()
    with pytest.raises(BadManifest, match="chain"):
        manifest_of(tmp_path)


def test_a_chain_that_skips_a_generation_is_refused(tmp_path):
    sealed(tmp_path)
    name = next((tmp_path / "ascmhl").glob("0001*")).name
    c4 = hash_bytes("c4", (tmp_path / "ascmhl" / name).read_bytes())
    put(tmp_path, {"ascmhl/ascmhl_chain.xml": chain_xml([(2, name, c4)])})
    with pytest.raises(BadManifest, match="generation 2 where 1 is due"):
        manifest_of(tmp_path)
    put(tmp_path, {"ascmhl/ascmhl_chain.xml": chain_xml([])})
    with pytest.raises(BadManifest):
        manifest_of(tmp_path)


def test_a_chain_cannot_point_out_of_its_folder(tmp_path):
    sealed(tmp_path)
    put(tmp_path, {"ascmhl/ascmhl_chain.xml": chain_xml([(1, "../../x.mhl", "c4" + "1" * 88)])})
    with pytest.raises(SidecarError):
        manifest_of(tmp_path)


def test_a_finder_shadow_file_in_the_history_is_no_generation(tmp_path):
    sealed(tmp_path)
    put(tmp_path, {"ascmhl/._0001_A001.mhl": b"\0\5\x16\7", "ascmhl/.DS_Store": b"Bud1"})
    assert manifest_of(tmp_path).names() == set(CLIPS)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choice=st.integers(min_value=0), position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit_in_a_sealed_roll_is_noticed(tmp_path, choice, position, bit):
    """In a clip or in a generation. The chain itself is not signed: there only what it says matters."""
    sealed(tmp_path)
    intact = manifest_of(tmp_path)
    paths = [path for path in sorted(tree(tmp_path)) if not path.endswith(ascmhl.CHAIN)]
    victim = tmp_path / paths[choice % len(paths)]
    data = bytearray(victim.read_bytes())
    data[position % len(data)] ^= 1 << bit
    victim.write_bytes(data)
    try:
        manifest = manifest_of(tmp_path)
    except BadManifest:
        return
    assert manifest.digest() == intact.digest()
    assert differing(tmp_path, manifest)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_flipped_bit_in_the_chain_never_changes_what_is_expected(tmp_path, position, bit):
    sealed(tmp_path)
    intact = manifest_of(tmp_path)
    chain = tmp_path / "ascmhl" / ascmhl.CHAIN
    data = bytearray(chain.read_bytes())
    data[position % len(data)] ^= 1 << bit
    chain.write_bytes(data)
    try:
        assert manifest_of(tmp_path).digest() == intact.digest()
    except (BadManifest, SidecarError):
        return


# Names and kinds


def test_an_accent_taken_apart_by_another_file_system_is_the_same_clip(tmp_path):
    composed, apart = (unicodedata.normalize(form, "Ärger_001.mov") for form in ("NFC", "NFD"))
    put(tmp_path, {apart: b"take", "ascii.mov": b"a"})
    seal(tmp_path, Seal([Line(composed, x(b"take")), Line("ascii.mov", x(b"a"))]))
    manifest = manifest_of(tmp_path)
    assert manifest.names() == {apart, "ascii.mov"}
    assert not differing(tmp_path, manifest)


def test_two_clips_that_differ_only_in_their_accents_form_stay_two(tmp_path):
    composed, apart = (unicodedata.normalize(form, "CAFÉ.mov") for form in ("NFC", "NFD"))
    put(tmp_path, {composed: b"one", apart: b"two"})
    seal(tmp_path, Seal([Line(composed, x(b"one")), Line(apart, x(b"two"))]))
    manifest = manifest_of(tmp_path)
    assert manifest.names() == {composed, apart}
    assert not differing(tmp_path, manifest)


def test_a_packing_list_travels_without_a_chain(tmp_path):
    put(tmp_path, {"a.mov": b"a", "packinglist.mhl": generation_xml(Seal([Line("a.mov", x(b"a"))]))})
    assert manifest_of(tmp_path).expected("a.mov") == {"xxh128": x(b"a")}


def test_a_list_of_nonsense_is_refused(tmp_path):
    put(tmp_path, {"a.mov": b"a", "a.mhl": b"half a list"})
    with pytest.raises(SidecarError, match=r"a\.mhl"):
        load(tree(tmp_path), ".", reader(tmp_path))


def test_nothing_merged_is_nothing_expected():
    assert merge([]) == Manifest()
