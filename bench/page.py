"""How fast the page answers over a production of many clips, and what its readers cost the service's writes.

    python -m bench.page [CLIPS]

10,000 clips on 50 cards by default, three quarters of them delivered, with their proxies, jobs and a status. The page
runs as it does on a cart, in a process of its own. Goals: every list of clips within 300 ms from the request to the
answer's last byte, by its median; four readers who never pause cost the service's writes half a second at worst.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from daemon import config as configuration
from daemon import wire
from daemon.slate import ClipKind, FoundCard, FoundClip, Published, Trouble, Twin, Vendor
from daemon.states import ClipState
from daemon.status import CardStatus, ClipStatus, Snapshot
from daemon.statusfile import write_status
from daemon.store import Store

_CONFIG = """\
production: {code: BENCH}
offload: {roots: [offload]}
delivery: {root: delivery}
state: {root: state}
page: {port: PORT}
"""
_GOAL_MS, _GOAL_WRITE_MS = 300.0, 500.0
_ROUNDS, _WRITES = 20, 100
_AT = "2026-11-27T12:00:00+00:00"
_PAGES = {
    "clips, first hundred": "/clips",
    "clips, last hundred": "/clips?from=LAST",
    "clips, by name": "/clips?text=C0199",
    "clips, what stopped": "/clips?show=stopped",
    "cards": "/",
    "queue": "/queue",
    "one clip": "/clips/1",
}
_STATES = (*[ClipState.DELIVERED] * 15, *[ClipState.PROBED] * 3, ClipState.HELD, ClipState.QUIET)


def fill(store: Store, clips: int) -> Snapshot:
    """Put a production of so many clips into a store, and return what its service would say."""
    cards = []
    with store.transaction():
        for number in range(clips // 200):
            roll = f"{'ABCDE'[number % 5]}{number // 5 + 1:03}"
            found = FoundCard(
                f"202611{number // 3 + 1:02}/Camera Media/{roll}", roll, Vendor.ARRI, (), f"202611{number // 3 + 1:02}"
            )
            card = store.add_card("/offload", found, roll, _AT)
            said = [_clip(store, card, roll, at) for at in range(200)]
            cards.append(CardStatus(roll, found.path, found.day_folder, complete=False, clips=tuple(said)))
    return Snapshot("BENCH", _AT, tuple(cards), (), store.queued(), {})


def _clip(store: Store, card: int, roll: str, at: int) -> ClipStatus:
    name, state = f"{roll}C{at:04}_261127_R1BN", _STATES[at % len(_STATES)]
    clip = store.add_clip(card, FoundClip(name, ClipKind.MOVIE, (f"{name}.mov",)), _AT)
    store.set_clip(clip, identity=f"{clip:064}", reel=name)
    _put(store, clip, state)
    why = "waits for a manifest that vouches for it" if state is ClipState.QUIET else ""
    if state is ClipState.DELIVERED:
        for twin in (Twin.PLAIN, Twin.ENHANCED):
            path = f"proxy/{name}.mov"
            facts = Published(twin, 1, path, "0" * 32, 7_000_000, 960, 540, "dnxhr_lb", "", "", "0" * 64, _AT, {})
            store.landed(store.intend(clip, f"{clip}{twin}", name, facts, ""))
    if state is ClipState.PROBED:
        task = json.dumps({"twin": "plain", "path": "x" * 1500})
        store.add_job(key=f"{clip}", clip=clip, stage="render", lane="render", priority=2, task=task)
    return ClipStatus(name, state, "", "", why, "")


def _put(store: Store, clip: int, state: ClipState) -> None:
    """Put a clip where the service would bring it by and by; the table of states is not what is measured."""
    trouble = Trouble("clip.bad_hash", "it does not hold its bytes", "another hash", "offload it again")
    text = wire.dump(Trouble, trouble) if state is ClipState.HELD else ""
    store._db.execute("update clips set state = ?, trouble = ? where id = ?", (state, text, clip))  # noqa: SLF001


@contextmanager
def served(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The page in a process of its own, once it listens."""
    command = [sys.executable, "-c", "from daemon.cli import main; main()", "page", "-c", str(folder / "config.yaml")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        if not any("page.served" in line for line in process.stderr):
            raise RuntimeError("the page was not served")
        try:
            yield process
        finally:
            process.terminate()


def times(port: int, path: str, rounds: int) -> list[float]:
    """Return the milliseconds of each request of a page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        found.append((time.perf_counter() - began) * 1000)
        assert answer.status == 200, body[:300]
    connection.close()
    return found


def measured(process: int, port: int, path: str) -> tuple[list[float], float]:
    """Return the milliseconds of each request of a page, and of the processor's time for one."""
    before = _processor_ms(process)
    found = times(port, path, _ROUNDS)
    return found, (_processor_ms(process) - before) / _ROUNDS


def _processor_ms(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def write_times(store: Store) -> list[float]:
    """Return the milliseconds of each of many small commits, as the service makes them."""
    found = []
    for number in range(_WRITES):
        began = time.perf_counter()
        store.set_circled(1, circled=bool(number % 2))
        found.append((time.perf_counter() - began) * 1000)
        time.sleep(0.01)
    return found


@dataclass
class _Readers:
    """Readers who ask for pages without a pause."""

    port: int
    answers: int = 0

    @contextmanager
    def at_work(self, count: int) -> Iterator[None]:
        ending = threading.Event()

        def read(path: str) -> None:
            while not ending.is_set():
                times(self.port, path, 1)
                self.answers += 1

        threads = [threading.Thread(target=read, args=(path,)) for path in ("/", "/clips", "/queue", "/clips")[:count]]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ending.set()
            for thread in threads:
                thread.join()


def _mib(process: int) -> float:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def main() -> int:
    """Measure, print, and tell whether the goals are met."""
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as taken:
        folder, port = Path(name), int(taken.getsockname()[1])
        taken.close()
        (folder / "config.yaml").write_text(_CONFIG.replace("PORT", str(port)), encoding="utf-8")
        state = configuration.load(folder / "config.yaml").production_state
        store = Store(state / "nearset.sqlite")
        write_status(state, fill(store, clips))
        alone = write_times(store)
        with served(folder) as process:
            rows = {
                what: measured(process.pid, port, path.replace("LAST", str(clips - 100)))
                for what, path in _PAGES.items()
            }
            readers = _Readers(port)
            with readers.at_work(4):
                beside = write_times(store)
            mib = _mib(process.pid)
        store.close()
    return _told(clips, rows, alone, beside, readers.answers, mib)


def _told(
    clips: int,
    rows: dict[str, tuple[list[float], float]],
    alone: list[float],
    beside: list[float],
    answers: int,
    mib: float,
) -> int:
    for what, (found, cpu) in rows.items():
        print(f"{what:24} median {statistics.median(found):6.1f} ms   worst {max(found):6.1f} ms   CPU {cpu:5.1f} ms")
    print(f"{'a write alone':24} median {statistics.median(alone):6.1f} ms   worst {max(alone):6.1f} ms")
    print(f"{'beside four readers':24} median {statistics.median(beside):6.1f} ms   worst {max(beside):6.1f} ms")
    print(f"{answers} answers meanwhile; the page's memory {mib:.0f} MiB; {clips:,} clips")
    lists = max(statistics.median(found) for what, (found, _) in rows.items() if what.startswith("clips"))
    is_met = lists <= _GOAL_MS and max(beside) <= _GOAL_WRITE_MS
    print(f"goals: lists {lists:.0f} of {_GOAL_MS:.0f} ms, writes {max(beside):.0f} of {_GOAL_WRITE_MS:.0f} ms")
    return 0 if is_met else 1


if __name__ == "__main__":
    raise SystemExit(main())
