"""A shoot day of tiny clips through the line, and how long `nearset verify` takes over it.

    python -m bench.verify [CLIPS]

Two rolls with 200 clips between them by default. Goals: every clip delivered, every check good, `nearset verify` within
5 s. What is timed is the command as a cutting room calls it, with the start of Python and of the child that probes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.media import movie, seal

_CONFIG = """\
production: {code: BENCH}
offload: {roots: [offload], settle_seconds: 1}
delivery: {root: delivery}
state: {root: state}
proxy: {codec: prores_proxy}
engine: identity
"""
_CLIPS, _GOAL_SECONDS = 200, 5.0


def shoot(folder: Path, clips: int) -> None:
    """Offload two sealed rolls."""
    for roll, letter in enumerate("AB"):
        card = folder / "offload" / "20261124" / "Camera Media" / f"{letter}001"
        card.mkdir(parents=True)
        for number in range(1, clips // 2 + 1):
            path = card / f"{letter}001C{number:03}_261124_R1BN.mov"
            movie(path, frames=6, width=128, height=96, seed=1000 * roll + number, encoder="libx264")
        seal(card, "2026-11-24T18:00:00+00:00")


def main() -> int:
    """Run it, print the figures, and tell whether the goals are met."""
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else _CLIPS
    nearset = [sys.executable, "-c", "from daemon.cli import main; main()"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.yaml").write_text(_CONFIG)
        shoot(folder, clips)
        began = time.perf_counter()
        served = subprocess.run(
            [*nearset, "once", "-c", folder / "config.yaml"], stderr=subprocess.DEVNULL, check=False
        )
        line_seconds = time.perf_counter() - began
        began = time.perf_counter()
        verify = [*nearset, "verify", folder / "delivery" / "BENCH", "--json"]
        told = subprocess.run(verify, capture_output=True, check=False)
        seconds = time.perf_counter() - began
    checks = json.loads(told.stdout)
    faults = [fault for check in checks for fault in check["faults"]]
    looked = {check["check"]: 0 for check in checks}
    for check in checks:
        looked[check["check"]] += check["count"]
    print(f"{clips} clips through the line in {line_seconds:.0f} s, exit code {served.returncode}")
    print(f"nearset verify {seconds:.2f} s, exit code {told.returncode}; looked at {looked}")
    for fault in faults[:10]:
        print(f"  {fault}")
    return int(bool(served.returncode or told.returncode or seconds > _GOAL_SECONDS))


if __name__ == "__main__":
    raise SystemExit(main())
