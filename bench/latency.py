"""From the last byte of a card to its files, with the service running and default settings.

    python -m bench.latency

One minute of 1080p24 in four clips with an ASC MHL is copied into a watched root. Goals: READY within settle time +
bytes / hash rate + 2 s; first plain proxy within 20 s of READY, all plain within 60 s, all enhanced within 240 s.
"""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.media import movie, seal
from daemon.hashing import hash_file

_CONFIG = """\
production: {code: BENCH}
offload: {roots: [offload]}
delivery: {root: delivery}
state: {root: state}
"""
_SETTLE_SECONDS = 10.0
_CLIPS, _FRAMES = 4, 360
_LIMIT_SECONDS = 480.0


@dataclass
class Seen:
    """When things were first seen, in seconds since the last byte, and the peak of memory in bytes."""

    ready: dict[str, float] = field(default_factory=dict)
    plain: dict[str, float] = field(default_factory=dict)
    enhanced: dict[str, float] = field(default_factory=dict)
    peak_bytes: int = 0


def watch(folder: Path, process: subprocess.Popen[bytes], began: float) -> Seen:
    """Watch database and delivery until every enhanced proxy is there."""
    seen = Seen()
    delivered = folder / "delivery" / "BENCH"
    while len(seen.enhanced) < _CLIPS and time.monotonic() - began < _LIMIT_SECONDS and process.poll() is None:
        now = time.monotonic() - began
        for name in _ready(folder / "state" / "BENCH" / "nearset.sqlite"):
            seen.ready.setdefault(name, now)
        for kind, times in (("proxy", seen.plain), ("enhanced", seen.enhanced)):
            for path in delivered.glob(f"*/*/{kind}/*.mov"):
                times.setdefault(path.name, now)
        seen.peak_bytes = max(seen.peak_bytes, _memory(process.pid))
        time.sleep(0.2)
    return seen


def _ready(database: Path) -> list[str]:
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=1)
        rows = connection.execute("select name from clips where ready_at != ''").fetchall()
        connection.close()
    except sqlite3.OperationalError:
        return []
    return [row[0] for row in rows]


def _memory(parent: int) -> int:
    """Return the resident bytes of a process and its children, what they share counted in each, so an upper bound."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
            pid = int(path.parent.name)
            if pid == parent or int(fields[1]) == parent:
                total += int((path.parent / "statm").read_text().split()[1]) * 4096
        except OSError:
            continue
    return total


def _hash_rate(path: Path) -> float:
    with path.open("rb", buffering=0) as file:
        began = time.perf_counter()
        hash_file(file, (), progress=lambda _: None)
        return path.stat().st_size / (time.perf_counter() - began)


def main() -> int:
    """Run it, print the table, and tell whether the goals are met."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        card = folder / "card" / "A001"
        card.mkdir(parents=True)
        for number in range(1, _CLIPS + 1):
            movie(
                card / f"A001C00{number}_261124_R1BN.mov",
                frames=_FRAMES,
                width=1920,
                height=1080,
                seed=number,
                encoder="libx264",
                distinct=24,
            )
        seal(card, "2026-11-24T18:00:00+00:00")
        (folder / "offload").mkdir()
        (folder / "config.yaml").write_text(_CONFIG)
        nearset = Path(sys.executable).with_name("nearset")
        process = subprocess.Popen(
            [nearset, "run", "--no-page", "-c", folder / "config.yaml"], stderr=subprocess.DEVNULL
        )
        time.sleep(5)  # the service is up and has looked once, as on a cart
        shutil.copytree(card, folder / "offload" / "20261124" / "Camera Media" / "A001")
        seen = watch(folder, process, time.monotonic())
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        clips = sorted(card.glob("*.mov"))
        size, rate = sum(path.stat().st_size for path in clips), _hash_rate(clips[0])
    return _verdict(seen, size, rate)


def _verdict(seen: Seen, size: int, rate: float) -> int:
    ready = max(seen.ready.values(), default=float("inf"))
    first_ready = min(seen.ready.values(), default=float("inf"))
    rows = [
        ("all READY", ready, _SETTLE_SECONDS + size / rate + 2),
        ("first plain after its READY", min(seen.plain.values(), default=float("inf")) - first_ready, 20.0),
        ("all plain", max(seen.plain.values(), default=float("inf")) - first_ready, 60.0),
        ("all enhanced", max(seen.enhanced.values(), default=float("inf")) - first_ready, 240.0),
    ]
    whole = len(seen.plain) == len(seen.enhanced) == _CLIPS
    for label, seconds, goal in rows:
        print(f"{label:30} {seconds:7.1f} s   goal {goal:6.1f} s   {'met' if seconds <= goal else 'MISSED'}")
    print(f"peak memory {seen.peak_bytes / 2**20:.0f} MiB over service and children; card {size / 1e6:.0f} MB")
    return 0 if whole and all(seconds <= goal for _, seconds, goal in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
