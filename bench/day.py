"""A shoot day of tiny clips through the line: every sidecar whole, memory flat, `nearset verify` quick.

    python -m bench.day [CLIPS] [FOLDER]

Two rolls with 200 clips between them by default. Goals: every clip delivered, every sidecar names each of them, every
check good, memory in the last quarter of the day within a tenth of what it was in the middle, `nearset verify` within
5 s. What is timed is the command as a cutting room calls it, with the start of Python and of the children that probe.
The day is kept where a folder is named.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
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
_CLIPS, _GOAL_SECONDS, _FLAT = 200, 5.0, 1.1
_DAY = "20261124"
NEARSET = [sys.executable, "-c", "from daemon.cli import main; main()"]


def shoot(folder: Path, clips: int) -> dict[str, list[str]]:
    """Offload two sealed rolls, and return the clips of each."""
    rolls: dict[str, list[str]] = {}
    for roll, letter in enumerate("AB"):
        card = folder / "offload" / _DAY / "Camera Media" / f"{letter}001"
        card.mkdir(parents=True)
        for number in range(1, clips // 2 + 1):
            path = card / f"{letter}001C{number:03}_261124_R1BN.mov"
            movie(path, frames=6, width=128, height=96, seed=1000 * roll + number, encoder="libx264")
            rolls.setdefault(f"{letter}001", []).append(path.stem)
        seal(card, "2026-11-24T18:00:00+00:00")
    return rolls


@dataclass
class Watched:
    """What was seen of the service: MiB of it and its children over time, the longest time without a turn."""

    mib: list[float] = field(default_factory=list)
    standstill_seconds: float = 0.0

    def quarters(self) -> list[float]:
        """Return the highest memory of each quarter of the time."""
        step = max(len(self.mib) // 4, 1)
        return [max(self.mib[at : at + step], default=0.0) for at in range(0, 4 * step, step)]


def watch(service: subprocess.Popen[bytes], status: Path) -> Watched:
    """Look at a service until it ends; it writes its status at every turn."""
    seen, turned = Watched(), 0.0
    while service.poll() is None:
        time.sleep(0.1)
        seen.mib.append(sum(_mib(process) for process in _family(service.pid)))
        now = status.stat().st_mtime if status.exists() else 0.0
        if turned and now:
            seen.standstill_seconds = max(seen.standstill_seconds, now - turned)
        turned = now or turned
    return seen


def _family(process: int) -> Iterator[int]:
    yield process
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            yield from (int(child) for child in task.read_text().split())
        except OSError:
            continue


def _mib(process: int) -> float:
    """Return the memory that is a process's alone, with its share of what several use."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def sidecar_faults(folder: Path, name: str, clips: list[str]) -> Iterator[str]:
    """Yield every sidecar of a roll or a day that does not name each of its clips."""
    import aaf2
    import opentimelineio as otio

    forms = ("ale", "otio", "fcpxml", "xml", "aaf", "edl")
    if absent := [form for form in forms if not (folder / f"{name}.{form}").is_file()]:
        yield f"{name} has no {', '.join(absent)}"
        return

    def told(ending: str, found: list[str]) -> Iterator[str]:
        if sorted(found) != sorted(clips):
            yield f"{name}.{ending} names {len(found)} clips of {len(clips)}"

    ale = (folder / f"{name}.ale").read_text(encoding="utf-8").split("Data\n")[-1].split("\n")
    yield from told("ale", [line.split("\t")[0] for line in ale if line.strip()])
    for ending, adapter in (("otio", "otio_json"), ("fcpxml", "fcpx_xml"), ("xml", "fcp_xml")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = (folder / f"{name}.{ending}").read_text(encoding="utf-8")
            read = otio.adapters.read_from_string(text, adapter)
        timeline = read if isinstance(read, otio.schema.Timeline) else next(iter(read))
        yield from told(ending, [clip.name for clip in timeline.video_tracks()[0].find_clips()])
    with aaf2.open(str(folder / f"{name}.aaf"), "r") as file:
        yield from told("aaf", [mob.name for mob in file.content.mastermobs()])
    events = (folder / f"{name}.edl").read_text(encoding="utf-8").splitlines()
    yield from told("edl", [line.split(":", 1)[1].strip() for line in events if line.startswith("* FROM CLIP NAME")])


def day(folder: Path, clips: int) -> int:
    """Run it in a folder, print the figures, and tell whether the goals are met."""
    (folder / "config.yaml").write_text(_CONFIG)
    rolls = shoot(folder, clips)
    began = time.perf_counter()
    with (folder / "log.txt").open("wb") as log:
        service = subprocess.Popen([*NEARSET, "once", "-c", folder / "config.yaml"], stderr=log)
        seen = watch(service, folder / "state" / "BENCH" / "status.json")
    print(f"{clips} clips through the line in {time.perf_counter() - began:.0f} s, exit code {service.returncode}")
    quarters = seen.quarters()
    print(f"memory at its highest, MiB by quarters: {', '.join(f'{mib:.0f}' for mib in quarters)}")
    print(f"longest standstill of the control process {seen.standstill_seconds:.2f} s")
    delivered = folder / "delivery" / "BENCH" / _DAY
    faults = [fault for roll, names in rolls.items() for fault in sidecar_faults(delivered / roll, roll, names)]
    faults += sidecar_faults(delivered, f"BENCH_{_DAY}", [name for names in rolls.values() for name in names])
    seconds, code = verify(folder / "delivery" / "BENCH", faults)
    for fault in faults[:10]:
        print(f"  {fault}")
    is_flat = quarters[3] <= _FLAT * max(quarters[1], quarters[2])
    return int(bool(service.returncode or code or faults) or seconds > _GOAL_SECONDS or not is_flat)


def verify(delivery: Path, faults: list[str]) -> tuple[float, int]:
    """Time `nearset verify`, note its faults, and return seconds and its exit code."""
    began = time.perf_counter()
    told = subprocess.run([*NEARSET, "verify", delivery, "--json"], capture_output=True, check=False)
    seconds = time.perf_counter() - began
    checks = json.loads(told.stdout)
    faults += [fault for check in checks for fault in check["faults"]]
    looked = {check["check"]: 0 for check in checks}
    for check in checks:
        looked[check["check"]] += check["count"]
    load = os.getloadavg()[0]
    print(f"nearset verify {seconds:.2f} s at a load of {load:.1f}, exit code {told.returncode}; looked at {looked}")
    return seconds, told.returncode


def main() -> int:
    """Run a day, in a folder that is kept where one is named."""
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else _CLIPS
    if len(sys.argv) > 2:
        folder = Path(sys.argv[2])
        folder.mkdir(parents=True)
        return day(folder, clips)
    with tempfile.TemporaryDirectory() as name:
        return day(Path(name), clips)


if __name__ == "__main__":
    raise SystemExit(main())
