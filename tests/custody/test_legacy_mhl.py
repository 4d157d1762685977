from __future__ import annotations

import pytest
import xxhash
from custody_card import legacy_xml
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import SidecarError
from daemon.sidecars import ascmhl, mhl

ENCODED = {
    "aux_files_euc-jp_macln_Japanese_2012-12-15_180223.mhl": "日本人_dir/俳句",
    "aux_files_iso-8859-15_unixln_Umlaute_2012-12-15_174005.mhl": "Umlaute_und_so_weiter_dir/Straße",
    "aux_files_windows-1251_winln_Russian_2012-12-14_170634.mhl": "русский_dir/матрёшка.txt",
    "aux_files_utf-16le_macln_mixed_2012-12-14_165427.mhl": "mixed_корейский_한국의_dir/Straße",
    "aux_files_utf-8_unixln_mixed_2012-12-14_165427.mhl": "mixed_корейский_한국의_dir/Straße",
}


@pytest.mark.parametrize(("name", "path"), ENCODED.items())
def test_a_list_in_its_own_alphabet_and_line_ends_is_read(samples, name, path):
    data = (samples / "sidecars" / "mhl_legacy" / "encodings" / name).read_bytes()
    found = mhl.parse(data)
    assert path in {entry.path for entry in found.entries}
    assert {entry.size_bytes for entry in found.entries} == {277}
    assert {entry.hashes["md5"] for entry in found.entries} == {"d29593e2cf81c621fb3c4089f9bbde4a"}
    assert (found.version, found.tool) == ("1.0", "mhlcreate v0.0")


@given(data=st.binary(max_size=64))
def test_both_byte_orders_of_xxhash64_mean_the_same_bytes(data):
    big = xxhash.xxh64_hexdigest(data)
    little = bytes.fromhex(big)[::-1].hex()
    found = mhl.parse(legacy_xml(("a.mov", "xxhash64be", big), ("b.mov", "xxhash64", little)))
    assert [entry.hashes for entry in found.entries] == [{"xxh64": big}, {"xxh64": big}]


def test_the_order_of_a_real_list_is_the_little_endian_one(samples):
    folder = samples / "sidecars" / "mhl_legacy" / "mhl_verify_generic"
    entry = mhl.parse((folder / "generic.mhl").read_bytes()).entries[0]
    assert entry.hashes == {"xxh64": xxhash.xxh64_hexdigest((folder / "file0.txt").read_bytes())}
    assert entry.hashes["xxh64"] == "f61411669ed938e3"


def test_a_32_bit_hash_is_decimal_with_or_without_its_zeros():
    found = mhl.parse(legacy_xml(("a", "xxhash", "998540622"), ("b", "xxhash", "0998540622")))
    assert {entry.hashes["xxhash"] for entry in found.entries} == {"0998540622"}


def test_a_null_hash_vouches_for_the_size_alone():
    assert mhl.parse(legacy_xml(("a", "null", ""))).entries[0].hashes == {"null": "1"}


def test_upper_case_digits_and_windows_slashes_are_read():
    found = mhl.parse(legacy_xml((r"Clip\A001C001.mov", "md5", "AB" * 16)))
    assert found.entries[0].path == "Clip/A001C001.mov"
    assert found.entries[0].hashes == {"md5": "ab" * 16}


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../a.mov", "Clip/../../a.mov", r"C:\a.mov", r"..\a.mov", "."])
def test_a_list_that_points_out_of_its_folder_is_refused(path):
    with pytest.raises(SidecarError):
        mhl.parse(legacy_xml((path, "md5", "0" * 32)))


@pytest.mark.parametrize(
    ("name", "value"),
    [("md5", "0" * 31), ("md5", ""), ("xxhash64", "xyz"), ("xxhash", "-1"), ("crc32", "00000000")],
)
def test_a_list_with_a_hash_that_is_none_is_refused(name, value):
    with pytest.raises(SidecarError, match="A001C001"):
        mhl.parse(legacy_xml(("A001C001.mov", name, value)))


def test_a_file_with_two_different_hashes_of_one_format_is_refused():
    data = legacy_xml(("a", "md5", "0" * 32)).replace(b"</md5>", b"</md5><md5>" + b"1" * 32 + b"</md5>")
    with pytest.raises(SidecarError, match="differ"):
        mhl.parse(data)


@pytest.mark.parametrize(
    "data",
    [
        b'<hashlist version="3.0"/>',
        b'<hashlist version="2.0" xmlns="urn:ASC:MHL:v2.0"/>',
        b'<playlist version="1.0"/>',
        legacy_xml(("a", "md5", "0" * 32)).replace(b"<size>1<", b"<size>many<"),
    ],
)
def test_what_is_no_legacy_list_is_refused(data):
    with pytest.raises(SidecarError):
        mhl.parse(data)


def test_the_schemas_own_example_is_read_with_its_failed_file_and_references(samples):
    data = (samples / "sidecars" / "ascmhl" / "xsd" / "0001_TEST01_2019-10-11_155603.mhl").read_bytes()
    found = ascmhl.parse_generation(data)
    assert found.created_at == "2019-10-11T15:56:03+02:00"
    assert found.ignore == ("*.DS_Store", "/tmp")
    assert [entry.path for entry in found.entries][-1] == "Sidecar.txt"
    assert found.entries[-1].hashes == (ascmhl.RecordedHash("xxh64", "3ab5a4166b9bde44", "failed"),)
    assert found.entries[0].size_bytes == 5
    assert [reference.path for reference in found.references] == [
        "A002R2EC/ascmhl/A002R2EC_2020-01-17_143000_0002.mhl",
        "A003R2EC/ascmhl/A003R2EC_2020-01-17_143000_0002.mhl",
    ]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("0ea03b369a463d9d", "0ea03b369a463d9"),
        ('action="original"', 'action="blessed"'),
        ("urn:ASC:MHL:v2.0", "urn:ASC:MHL:v9.0"),
        ("Clips/A002C006", "../A002C006"),
        ('size="5"', 'size="-5"'),
        ("xxh64", "crc32"),
    ],
)
def test_a_generation_of_nonsense_is_refused(samples, good, bad):
    data = (samples / "sidecars" / "ascmhl" / "xsd" / "0001_TEST01_2019-10-11_155603.mhl").read_bytes()
    assert good.encode() in data
    with pytest.raises(SidecarError):
        ascmhl.parse_generation(data.replace(good.encode(), bad.encode()))


@pytest.mark.parametrize(("good", "bad"), [('"1"', '"one"'), ("c43q", "c40q"), ("0001_", "x/0001_"), (".mhl", ".txt")])
def test_a_chain_of_nonsense_is_refused(samples, good, bad):
    folder = samples / "sidecars" / "ascmhl" / "scenario_01" / "travel_01" / "A002R2EC" / "ascmhl"
    data = (folder / ascmhl.CHAIN).read_bytes()
    assert len(ascmhl.parse_chain(data)) == 1
    assert good.encode() in data
    with pytest.raises(SidecarError):
        ascmhl.parse_chain(data.replace(good.encode(), bad.encode()))
