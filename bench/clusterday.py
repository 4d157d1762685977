"""A shoot day of 200 cards and 4,000 clips on 1 to 64 GPUs, simulated from measured costs: how long, and why not less.

    python -m bench.clusterday [PICTURE.svg]

Each cost below names its section of docs/performance.md and its date; what is assumed says so. In the way is what would
shorten the day most if there were twice as much of it; beside it stands the next, and how busy each was: busy alone
says little, for a head that is asked often works all the time and still keeps nobody waiting. Nothing here ran on a
cluster; `bench/cluster.py` measures one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.curve import Curve, Panel, figure
from bench.simday import Costs, Day, Outcome, Work, filmed, simulate

GPUS = (1, 2, 4, 8, 16, 32, 64)

FRAMES_A_SECOND = 24.0
CAMERA_BYTES_A_FRAME = 176e6 / 8 / FRAMES_A_SECOND
"""Assumed: 1080p24 ProRes 422 HQ, 176 Mbit/s by Apple's white paper."""
STORAGE = {"1 GbE": 0.11e9, "10 GbE": 1.1e9, "25 GbE": 2.75e9}
"""Assumed: bytes a second of one link that all nodes share, reading and writing."""
CORES = 16
"""Of a node with one GPU: the machines of "Engines, On a GPU", 2026-11-27."""

HASH_BYTES_A_SECOND = 13.8e9
""""Hashing", 2026-11-24: xxh128, warm; cold bytes are the storage's to give."""
PROBE_SECONDS = 0.5e-3
"""A frame. "A day on a cluster, simulated", 2026-11-27: 0.50 to 0.57 CPU ms, 1080p24 H.264."""
CHECK_SECONDS = 6e-3 - PROBE_SECONDS
"""A frame. "Plain proxy", 2026-11-25: probe and contract check add 6 ms; on 16 cores it was not measured."""
PLAIN_SECONDS = max(39.9e-3 / CORES, 1 / 271) + CHECK_SECONDS
"""A frame. "Plain proxy", 2026-11-25: 39.9 CPU ms; "Engines", 2026-11-27: the encoder gives 271 fps there."""
ENHANCED_SECONDS = 1 / 40.2 + CHECK_SECONDS
"""A frame. "Engines", 2026-11-27: eager CUDA, whole render of 1080p H.264 to 960x540, lite, on an H200: 40.2 fps."""
PROXY_BYTES_A_FRAME = 71e6 / (60 * FRAMES_A_SECOND)
""""Fidelity and signing", 2026-11-27: a minute of DNxHR LB at 960x540 is 71 MB, and signing writes it a second time."""
SIGN_SECONDS = 4e-9 * PROXY_BYTES_A_FRAME
"""A frame. "Fidelity and signing", 2026-11-27: 4 ms a MB."""
DISPATCH_SECONDS = 23.0e-3
"""A job. "Cluster", 2026-11-27, `python -m bench.cluster`: median from its claim to its end; the goal is 50 ms."""
TURN_SECONDS, TURN_SECONDS_A_CLIP, TURN_SECONDS_A_JOB = 69e-3, 0.675e-3, 6.1e-3
"""The head. "A day on a cluster, simulated", 2026-11-27, `bench.headday`: with up to 800 clips."""
SETTLE_SECONDS = 10.0
"""`offload.settle_seconds`, between a card's last byte and the first look at it."""


def costs(storage: float) -> Costs:
    """Return what work takes on storage of so many bytes a second."""
    return Costs(
        hash_bytes_a_second=HASH_BYTES_A_SECOND,
        probe_seconds=PROBE_SECONDS,
        plain_seconds=PLAIN_SECONDS + SIGN_SECONDS,
        enhanced_seconds=ENHANCED_SECONDS + SIGN_SECONDS,
        proxy_bytes_a_frame=2 * PROXY_BYTES_A_FRAME,
        storage_bytes_a_second=storage,
        dispatch_seconds=DISPATCH_SECONDS,
        turn_seconds=TURN_SECONDS,
        turn_seconds_a_clip=TURN_SECONDS_A_CLIP,
        turn_seconds_a_job=TURN_SECONDS_A_JOB,
    )


def shoot_day() -> Day:
    """Return the day: 200 cards of 20 clips of 40 s on the mean come over ten hours, the last eight of them at wrap."""
    return filmed(
        cards=200,
        clips_a_card=20,
        hours=10,
        at_wrap=8,
        mean_seconds=40,
        rate=FRAMES_A_SECOND,
        bytes_a_frame=CAMERA_BYTES_A_FRAME,
        circled=0.25,
        seed=1,
    )


Case = tuple[Day, int, Costs]

RELIEF: dict[str, Callable[[Day, int, Costs], Case]] = {
    "GPUs": lambda day, gpus, cost: (
        day, gpus, replace(cost, plain_seconds=cost.plain_seconds / 2, enhanced_seconds=cost.enhanced_seconds / 2)
    ),
    "storage": lambda day, gpus, cost: (
        day, gpus, replace(cost, storage_bytes_a_second=2 * cost.storage_bytes_a_second)
    ),
    "head": lambda day, gpus, cost: (
        day,
        gpus,
        replace(
            cost,
            turn_seconds=cost.turn_seconds / 2,
            turn_seconds_a_clip=cost.turn_seconds_a_clip / 2,
            turn_seconds_a_job=cost.turn_seconds_a_job / 2,
        ),
    ),
    "dispatch": lambda day, gpus, cost: (day, gpus, replace(cost, dispatch_seconds=cost.dispatch_seconds / 2)),
    "cards": lambda day, gpus, cost: (day.within(0.5), gpus, cost),
    "one clip": lambda day, gpus, cost: (day.halved(), gpus, cost),
}  # fmt: skip
"""Twice as much of one thing: what makes the day again as it would be then."""


@dataclass(frozen=True, slots=True)
class Line:
    """A day on so many GPUs from a time on, and how long it takes with twice as much of each."""

    outcome: Outcome
    since: float
    relieved: dict[str, float]

    @property
    def seconds(self) -> float:
        """How long it takes until all is enhanced."""
        return self.outcome.ends - self.since

    def gained(self, name: str) -> float:
        """Return by what share twice as much of something shortens it; below 0 where it gets longer."""
        return 1 - self.relieved[name] / self.seconds

    @property
    def bottlenecks(self) -> list[str]:
        """What is in the way, what twice as much of shortens it most first."""
        return sorted(self.relieved, key=self.gained, reverse=True)


def line(day: Day, gpus: int, cost: Costs, *, tail: bool) -> Line:
    """Return a day as a line of a table has it; with `tail` it is about the time after the last byte."""
    relieved = {}
    for name, relieve in RELIEF.items():
        case = relieve(day, gpus, cost)
        if name != "cards" or (day.last_byte and not tail):
            relieved[name] = simulate(*case).ends - (case[0].last_byte if tail else 0.0)
    return Line(simulate(day, gpus, cost), day.last_byte if tail else 0.0, relieved)


def lines(day: Day, storage: str, *, tail: bool) -> list[Line]:
    """Return a day on each number of GPUs."""
    return [line(day, gpus, costs(STORAGE[storage]), tail=tail) for gpus in GPUS]


def table(name: str, found: list[Line]) -> None:
    """Print a day on each number of GPUs."""
    columns = (
        "GPUs",
        "all plain, min",
        "all enhanced, min",
        "a clip's plain, 95 % within, min",
        "busy, %: GPUs, storage, head, dispatch",
        "in the way",
        "shorter with twice as much of that; of the next",
    )
    print(f"\n{name}:\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for seen in found:
        outcome, shares = seen.outcome, seen.outcome.shares(seen.since)
        busy = ", ".join(f"{100 * shares[name]:.0f}" for name in ("GPUs", "storage", "head", "dispatch"))
        last_byte = outcome.day.last_byte
        ends = [outcome.until(Work.PLAIN) - last_byte, outcome.ends - last_byte, outcome.wait(Work.PLAIN, 0.95)]
        minutes = " | ".join(f"{(seconds + SETTLE_SECONDS) / 60:.1f}" for seconds in ends)
        first, second, *_ = seen.bottlenecks
        proof = f"{100 * seen.gained(first):.0f} %; {second} {100 * seen.gained(second):.0f} %"
        print(f"| {outcome.gpus} | {minutes} | {busy} | {first} | {proof} |", flush=True)


def panel(title: str, unit: str, seconds: float, found: dict[str, list[Line]]) -> Panel:
    """Return one half of the picture: a day on each storage, in a unit of so many seconds."""
    colours = {"1 GbE": "#b3530c", "10 GbE": "#1a6fb5", "25 GbE": "#2c7a3f"}
    curves = []
    for name, seen in found.items():
        points = tuple((float(it.outcome.gpus), (it.seconds + SETTLE_SECONDS) / seconds) for it in seen)
        curves.append(Curve(name, colours[name], points, tuple(it.bottlenecks[0] for it in seen)))
    return Panel(title, f"{unit} from the last byte to all enhanced", tuple(curves))


def main() -> None:
    """Print the tables, and draw the picture where one is named."""
    day = shoot_day()
    hours = sum(clip.frames for clip in day.clips) / FRAMES_A_SECOND / 3600
    size = sum(clip.size_bytes for clip in day.clips) / 1e12
    print(f"{len(day.clips)} clips, {hours:.1f} hours, {size:.2f} TB")
    table("Cards over ten hours, 10 GbE, of the whole day", lines(day, "10 GbE", tail=False))
    come, once = ({name: lines(cards, name, tail=True) for name in STORAGE} for cards in (day, day.within(0)))
    for name in STORAGE:
        table(f"Cards over ten hours, {name}, of the time after the last byte", come[name])
        table(f"All cards at once, {name}", once[name])
    spared = replace(costs(STORAGE["25 GbE"]), turn_seconds_a_clip=0.0)
    found = [line(day.within(0), gpus, spared, tail=True) for gpus in GPUS]
    table("All cards at once, 25 GbE, were a turn of the head no longer for clips without news", found)
    if len(sys.argv) > 1:
        halves = (
            panel("Cards come over ten hours", "minutes", 60, come),
            panel("All cards come at once", "hours", 3600, once),
        )
        words = tuple(name for name in RELIEF if name != "cards")
        note = (
            "200 cards, 4,000 clips of 40 s, simulated from measured costs; dispatch is a goal and storage is assumed."
        )
        Path(sys.argv[1]).write_text(figure(halves, "GPUs, each in a node of its own", words, note), encoding="utf-8")


if __name__ == "__main__":
    main()
