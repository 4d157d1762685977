"""Weights, LUTs and the signing key travel by what a task names, and none arrives other than it left."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from daemon.cluster import freight
from daemon.cluster.freight import Store
from daemon.errors import BadFreight


@pytest.fixture
def head(tmp_path: Path) -> Path:
    """A production's state on the head: two models of which one is active, two LUTs, a key."""
    state = tmp_path / "head" / "SHOW"
    for folder in ("models", "luts", "certificates", "replay"):
        (state / folder).mkdir(parents=True)
    (state / "models" / "aa11.safetensors").write_bytes(b"active weights")
    (state / "models" / "aa11.json").write_text("{}")
    (state / "models" / "bb22.safetensors").write_bytes(b"retired weights")
    (state / "models" / "active.json").write_text(json.dumps({"lite": "aa11"}))
    (state / "luts" / "show.cube").write_bytes(b"the show's")
    (state / "luts" / "other.cube").write_bytes(b"another look's")
    (state / "certificates" / "key.pem").write_bytes(b"key")
    (state / "replay" / "sample.safetensors").write_bytes(b"footage")
    return state


def task(head: Path, *folders: str, look: str = "") -> str:
    return json.dumps({folder: str(head / folder) for folder in folders} | {"look": look})


def carried(head: Path, node: Path, said: str) -> int:
    store = Store(head)
    needed = store.freight_of(said)
    data = {digest: store.data(path, digest) for path, digest in needed.items()}
    return freight.lay(node, needed, lambda digest: data[digest])


def test_a_render_takes_the_active_weights_its_look_and_the_key(head, tmp_path):
    node = tmp_path / "node" / "SHOW"
    assert carried(head, node, task(head, "models", "luts", "certificates", look="show.cube")) == 4
    there = sorted(path.relative_to(node).as_posix() for path in node.rglob("*") if path.is_file())
    assert there == ["certificates/key.pem", "luts/show.cube", "models/aa11.safetensors", "models/active.json"]
    assert (node / "models" / "aa11.safetensors").read_bytes() == b"active weights"
    assert (node / "certificates" / "key.pem").stat().st_mode & 0o077 == 0


def test_a_part_takes_the_weights_that_its_clip_was_begun_with(head, tmp_path):
    node = tmp_path / "node"
    said = json.dumps({"models": str(head / "models"), "weights": "bb22"})
    assert carried(head, node, said) == 3
    assert (node / "models" / "bb22.safetensors").read_bytes() == b"retired weights"


def test_a_probe_takes_nothing(head, tmp_path):
    assert carried(head, tmp_path / "node", json.dumps({"root": "/media/offload"})) == 0


def test_what_is_there_does_not_come_again_and_new_weights_do(head, tmp_path):
    node = tmp_path / "node"
    said = task(head, "models")
    assert carried(head, node, said) == 2
    assert carried(head, node, said) == 0
    (head / "models" / "cc33.safetensors").write_bytes(b"better weights")
    (head / "models" / "active.json").write_text(json.dumps({"lite": "cc33"}))
    assert carried(head, node, said) == 2
    assert json.loads((node / "models" / "active.json").read_text()) == {"lite": "cc33"}


def test_bytes_that_are_others_on_arrival_are_refused(head, tmp_path):
    needed = Store(head).freight_of(task(head, "models"))
    with pytest.raises(BadFreight, match="did not arrive whole"):
        freight.lay(tmp_path / "node", needed, lambda _: b"something else")
    assert not (tmp_path / "node" / "models" / "active.json").exists()


def test_a_file_that_changed_on_the_way_is_not_told_under_its_old_digest(head):
    store = Store(head)
    needed = store.freight_of(task(head, "models"))
    (head / "models" / "active.json").write_text("{}")
    assert store.data("models/active.json", needed["models/active.json"]) is None


@pytest.mark.parametrize("path", ["../evil.cube", "luts/../../evil", "replay/x", "luts", "/etc/passwd", "luts/a/b"])
def test_no_path_leads_out_of_the_folders(path, tmp_path):
    data = b"x"
    with pytest.raises(BadFreight):
        freight.lay(tmp_path / "node", {path: hashlib.sha256(data).hexdigest()}, lambda _: data)
    with pytest.raises(BadFreight):
        freight.take(tmp_path / "head", path, data)
    assert not list(tmp_path.rglob("*evil*"))


def test_a_lut_that_a_node_made_comes_back_and_weights_do_not(head, tmp_path):
    node = tmp_path / "node"
    carried(head, node, task(head, "luts", look="show.cube"))
    before = freight.made_here(node)
    (node / "luts" / "handed.clf").write_bytes(b"made there")
    for path, data in freight.made_since(node, before).items():
        freight.take(head, path, data)
    assert (head / "luts" / "handed.clf").read_bytes() == b"made there"
    with pytest.raises(BadFreight):
        freight.take(head, "models/evil.safetensors", b"weights")


def test_a_lut_that_is_there_stays_as_it_is(head):
    freight.take(head, "luts/show.cube", b"other bytes")
    assert (head / "luts" / "show.cube").read_bytes() == b"the show's"
