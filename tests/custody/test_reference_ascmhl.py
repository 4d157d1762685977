"""What the reference tool seals, nearset reads alike; what it refuses, nearset refuses.

The tool runs in a process of its own: at import its command line looks for updates on the network, so its
commands are called as a library.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from custody_card import differing, manifest_of, put

from daemon.errors import BadManifest
from daemon.hashing import hash_bytes

pytest.importorskip("ascmhl", reason="the reference tool is a development extra")

COMMANDS = "import sys, warnings; from ascmhl import commands; getattr(commands, sys.argv[1])(sys.argv[2:])"
HISTORY = """
import json, os, sys
from ascmhl.history import MHLHistory

history, root = MHLHistory.load_from_path(sys.argv[1]), sys.argv[1]
said = {}
for path in history.set_of_file_paths():
    owner, inner = history.find_history_for_path(os.path.relpath(path, root))
    formats = owner.find_existing_hash_formats_for_path(inner)
    found = [owner.find_first_hash_entry_for_path(inner, name) for name in formats]
    if os.path.isfile(path):
        said[os.path.relpath(path, root)] = {entry.hash_format: entry.hash_string for entry in found}
print(json.dumps(said))
"""
HASHES = """
import json, sys
from ascmhl.hasher import hash_data
print(json.dumps({name: hash_data(bytes.fromhex(sys.argv[1]), name) for name in sys.argv[2:]}))
"""
CARD = {
    "Clips/A002C001_260302_R2EC.mov": b"one take" * 100,
    "Clips/A002C002_260302_R2EC.mov": b"another take" * 77,
    "Clips/Ärger & <co>.mov": b"odd name",
    "Sidecar.txt": b"notes",
}
FORMATS = ("c4", "md5", "sha1", "xxh128", "xxh3", "xxh64")


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    clean = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    return subprocess.run(run, capture_output=True, text=True, timeout=30, check=False, env=clean)


def sealed_by_reference(folder: Path, *formats: str) -> None:
    flags = [word for name in formats for word in ("-h", name)]
    done = python(COMMANDS, "create", str(folder), *flags)
    assert done.returncode == 0, done.stderr


def told_by_reference(folder: Path) -> dict[str, dict[str, str]]:
    return json.loads(python(HISTORY, str(folder)).stdout)


def test_every_format_hashes_as_the_reference_does():
    for data in (b"", b"a", bytes(range(256)) * 9):
        theirs = json.loads(python(HASHES, data.hex(), *FORMATS).stdout)
        assert theirs == {name: hash_bytes(name, data) for name in FORMATS}


def test_a_card_sealed_twice_by_the_reference_is_expected_alike(tmp_path):
    roll = tmp_path / "A002R2EC"
    put(roll, CARD)
    sealed_by_reference(roll, *FORMATS[:3])
    put(roll, {"Clips/A002C003_260302_R2EC.mov": b"resumed"})
    sealed_by_reference(roll, *FORMATS[3:])
    manifest = manifest_of(tmp_path, "A002R2EC")
    assert manifest.names() == {*CARD, "Clips/A002C003_260302_R2EC.mov"}
    assert {path: manifest.expected(path) for path in manifest.names()} == told_by_reference(roll)
    assert not differing(tmp_path, manifest, "A002R2EC")
    assert python(COMMANDS, "verify", str(roll)).returncode == 0


def test_nested_histories_sealed_by_the_reference_are_expected_alike(tmp_path):
    put(tmp_path, {f"day/A002R2EC/{path}": data for path, data in CARD.items()} | {"day/notes.txt": b"day"})
    sealed_by_reference(tmp_path / "day" / "A002R2EC", "xxh64")
    sealed_by_reference(tmp_path / "day", "xxh128")
    whole, roll = manifest_of(tmp_path, "day"), manifest_of(tmp_path, "day/A002R2EC")
    told = told_by_reference(tmp_path / "day")
    assert {path: whole.expected(path) for path in whole.names()} == told
    assert roll.names() == set(CARD)
    assert not differing(tmp_path, roll, "day/A002R2EC")
    nested = next((tmp_path / "day" / "A002R2EC" / "ascmhl").glob("*.mhl"))
    nested.write_bytes(nested.read_bytes() + b"\n")
    with pytest.raises(BadManifest):
        manifest_of(tmp_path, "day")


def test_a_changed_clip_fails_in_both(tmp_path):
    put(tmp_path, CARD)
    sealed_by_reference(tmp_path, "xxh64")
    put(tmp_path, {"Sidecar.txt": b"n0tes"})
    assert differing(tmp_path, manifest_of(tmp_path)) == {("Sidecar.txt", "xxh64")}
    assert python(COMMANDS, "verify", str(tmp_path)).returncode == 11
    assert python(COMMANDS, "create", str(tmp_path), "-h", "xxh64").returncode == 11
    manifest = manifest_of(tmp_path)
    assert manifest.failed == {"Sidecar.txt"}
    assert differing(tmp_path, manifest) == {("Sidecar.txt", "xxh64")}


@pytest.mark.parametrize(("name", "code"), [("0001_*.mhl", 31), ("ascmhl_chain.xml", 32)])
def test_a_history_with_a_part_gone_or_changed_fails_in_both(tmp_path, name, code):
    put(tmp_path, CARD)
    sealed_by_reference(tmp_path, "xxh64")
    victim = next((tmp_path / "ascmhl").glob(name))
    data = victim.read_bytes()
    if name.startswith("0001"):
        victim.write_bytes(data.replace(b"notes", b"Notes") + b"\n")
    else:
        victim.unlink()
    assert python(COMMANDS, "verify", str(tmp_path)).returncode == code
    with pytest.raises(BadManifest):
        manifest_of(tmp_path)


def test_a_renamed_clip_sealed_by_the_reference_keeps_its_hash(tmp_path):
    put(tmp_path, CARD)
    sealed_by_reference(tmp_path, "xxh64")
    (tmp_path / "Sidecar.txt").rename(tmp_path / "Notes.txt")
    done = python(COMMANDS, "create", str(tmp_path), "-h", "xxh64", "-dr")
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = manifest_of(tmp_path)
    assert "Sidecar.txt" not in manifest.names()
    assert manifest.expected("Notes.txt") == {"xxh64": hash_bytes("xxh64", CARD["Sidecar.txt"])}


def test_a_star_in_the_references_ignore_patterns_leaves_nothing_vouched_for(tmp_path):
    put(tmp_path, CARD)
    done = python(COMMANDS, "create", str(tmp_path), "-h", "xxh64", "-i", "*")
    assert done.returncode == 0, done.stderr
    assert python(COMMANDS, "diff", str(tmp_path)).returncode == 0
    manifest = manifest_of(tmp_path)
    assert manifest.expected("Sidecar.txt") == {}
    assert manifest.ignored("Sidecar.txt")
