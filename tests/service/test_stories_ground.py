"""A child that hostile media took over: what it reaches of the disk, of other processes, of the service's secrets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cart import Cart

from daemon import landlock
from daemon.children import _environment, spawned
from daemon.executor import LocalExecutor
from daemon.ground import Ground
from daemon.lanes import lay_ground, limits_of
from daemon.worker import Limits

has_landlock = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")

TAKEN_OVER = """
import ctypes, json, os, signal, sys
from pathlib import Path
from daemon import wire
from daemon.worker import Limits, _kept
limits, *tries = json.loads(sys.argv[1])
def write(path): Path(path).write_bytes(b"x")
def read(path): Path(path).read_bytes()
def listing(path): os.listdir(path)
def link(path): os.symlink("/etc/shadow", path); read(path)
def rename(path): os.rename(path, path + ".moved")
def truncate(path): os.truncate(path, 0)
def unlink(path): os.unlink(path)
def signalled(pid): os.kill(int(pid), 0)
def device(path): os.mknod(path, 0o20666, os.makedev(1, 3))
def environment(pid): read(f"/proc/{pid}/environ")
def traced(pid): assert ctypes.CDLL(None).ptrace(16, int(pid), 0, 0) == 0, "refused"
with _kept(wire.load(Limits, limits)) as refused:
    assert refused is None, refused
    for verb, thing in tries:
        try:
            globals()[verb](thing); print(verb, thing, "done")
        except (OSError, AssertionError) as error:
            print(verb, thing, "refused")
"""


@pytest.fixture
def away() -> Iterator[Path]:
    """A folder that is nobody's ground; scratch is."""
    folder = Path(tempfile.mkdtemp(prefix="elsewhere-", dir="/var/tmp"))
    yield folder
    shutil.rmtree(folder)


def tried(limits: Limits, scratch: Path, *tries: tuple[str, Any]) -> list[str]:
    """What became of each try in a child of these limits."""
    from daemon import wire

    words = json.dumps([wire.dump(Limits, limits), *[(verb, str(thing)) for verb, thing in tries]])
    done = subprocess.run(
        [sys.executable, "-c", TAKEN_OVER, words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=_environment(limits) | {"TMPDIR": str(scratch)},
    )
    assert done.returncode == 0, done.stderr
    return [line.rpartition(" ")[2] for line in done.stdout.splitlines()]


@has_landlock
def test_a_child_reads_the_card_writes_what_it_is_for_and_reaches_nothing_else(
    cart: Cart, away: Path, tmp_path: Path
) -> None:
    roll = cart.card("A001C001.mov")
    cart.serve()
    lay_ground(cart.config)
    state, clip = cart.config.production_state, roll / "A001C001.mov"
    secret = away / "id_ed25519"
    secret.write_text("of somebody")
    proxy = next(cart.delivered().glob("proxy/*"))
    other = state.parent / "OTHER"
    other.mkdir()
    (other / "models.safetensors").write_text("another production's")
    everything = [
        ("read", clip),
        ("write", cart.staging / "job.mov"),
        ("write", cart.config.models / "new"),
        ("write", tmp_path / "scratch"),
        ("rename", cart.staging / "job.mov"),
    ]
    nothing = [
        *(("write", path) for path in (clip, roll / "new", proxy, state / "nearset.sqlite", away / "x", "/dev/shm/x")),
        *(("truncate", path) for path in (clip, proxy, state / "nearset.sqlite")),
        *(("unlink", path) for path in (clip, proxy)),
        *(("read", path) for path in (secret, state / "nearset.sqlite", other / "models.safetensors", "/etc/shadow")),
        *(("listing", path) for path in (state, "/root", "/home", "/var", "/")),
        ("link", tmp_path / "link"),
        ("device", tmp_path / "null"),
        ("rename", clip),
    ]
    limits = limits_of(cart.config)["render"]
    assert tried(limits, tmp_path, *everything, *nothing) == ["done"] * len(everything) + ["refused"] * len(nothing)
    (cart.staging / "job.mov.moved").unlink()
    cart.assert_honest()


@has_landlock
def test_a_child_neither_signals_nor_traces_nor_reads_its_parent(cart: Cart, tmp_path: Path) -> None:
    limits = limits_of(cart.config)["custody"]
    assert tried(limits, tmp_path, ("traced", os.getpid())) == ["refused"]
    if os.geteuid():  # root may look into any process for the sake of its performance
        assert tried(limits, tmp_path, ("environment", os.getpid())) == ["refused"]
    if landlock.version() >= 6:
        assert tried(limits, tmp_path, ("signalled", os.getpid())) == ["refused"]


@has_landlock
def test_the_child_that_delivers_reads_deliveries_and_writes_its_targets_alone(cart: Cart, tmp_path: Path) -> None:
    nas = cart.folder / "nas"
    nas.mkdir()
    cart.words["delivery"] = {"targets": [{"name": "nas", "path": str(nas)}]}
    roll = cart.card("A001C001.mov")
    limits = limits_of(cart.config)["deliver"]
    cart.config.staging.mkdir(parents=True)
    tries = [("write", nas / "x"), ("read", roll / "A001C001.mov"), ("write", cart.staging / "x")]
    assert tried(replace(limits, destinations=()), tmp_path, *tries) == ["done", "refused", "refused"]


def test_secrets_of_the_environment_are_not_a_childs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "NOTIFY_SOCKET", "NEARSET_CONFIG", "CREDENTIALS_DIRECTORY"):
        monkeypatch.setenv(name, "secret")
    assert "secret" not in _environment(Limits(1 << 30)).values()
    assert _environment(Limits(1 << 30, destinations=("s3.example.com",)))["AWS_SECRET_ACCESS_KEY"] == "secret"


@has_landlock
def test_a_volume_that_is_mounted_later_is_reached_by_a_fresh_child(cart: Cart) -> None:
    """The folder of the root is another then: what the child was given is what lay under it."""
    root = cart.offload
    executor = LocalExecutor({"custody": 1}, {"custody": limits_of(cart.config)["custody"]}, 60.0)
    executor.open()
    before = executor._posts["custody"][0].child
    executor.start("custody", 1, "", "probe", "no task", 0.0)
    executor.poll(0.0, 30)
    assert executor._posts["custody"][0].child is before
    root.rmdir()
    root.with_name("volume").mkdir()
    root.with_name("volume").rename(root)
    executor.start("custody", 2, "", "probe", "no task", 0.0)
    assert executor._posts["custody"][0].child is not before
    executor.close()


def test_a_kernel_without_landlock_confines_nothing_and_a_process_with_threads_is_refused(
    cart: Cart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert not landlock.confine([tmp_path], [])
    code = (
        "import threading, sys; from pathlib import Path; from daemon import landlock\n"
        "from daemon.errors import ConfinementError\n"
        "there = threading.Event(); threading.Thread(target=there.wait, daemon=True).start()\n"
        "try: landlock.confine([Path('/')], [])\n"
        "except ConfinementError as error: print(error.code)\n"
    )
    monkeypatch.undo()
    if landlock.version():
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "confinement\n"


def test_what_a_child_left_in_its_scratch_goes_with_it(tmp_path: Path) -> None:
    child = spawned("custody", Limits(16 << 30, ground=Ground()))
    assert child._scratch.is_dir()
    (child._scratch / "left").write_text("by a library")
    child.end()
    assert not child._scratch.exists()
