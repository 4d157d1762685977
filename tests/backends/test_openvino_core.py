"""OpenVINO tells nobody that it is used, and leaves the process it runs in as it was."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_COMES_AND_GOES = """
import ctypes, faulthandler, gc, signal, sys
faulthandler.enable()
from engines.backends.openvino import OpenVinoBackend
from engines.model.weights import base_weights

class Stack(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]

def stack():
    found = Stack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found)) == 0
    return found.address

engines = [OpenVinoBackend(), OpenVinoBackend()]
while_running = stack()
for engine in list(engines):
    engine.open(base_weights("lite"), 36, 48)
    del engine, engines[0]
    gc.collect()
seen = []
signal.signal(signal.SIGUSR1, lambda *_: seen.append(bytes(50_000)))
for _ in range(200):
    signal.raise_signal(signal.SIGUSR1)
print(len(seen), stack() == while_running, sys.modules["openvino_telemetry"])
"""


def test_engines_come_and_go_nobody_is_told_and_signals_are_taken(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _COMES_AND_GOES],
        cwd=ROOT,
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "200 True None\n"), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_one_file_alone_imports_openvino() -> None:
    imports = re.compile(r"^\s*(import|from) openvino\b", re.MULTILINE)
    paths = [path for folder in ("daemon", "engines", "bench") for path in (ROOT / folder).rglob("*.py")]
    found = [path.name for path in paths if imports.search(path.read_text(encoding="utf-8"))]
    assert found == ["openvino_core.py"]
