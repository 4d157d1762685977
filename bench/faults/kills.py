"""The kill campaign: the service is killed wherever it writes, and must end as if nothing had been.

python -m bench.faults [--points N] [--seed S] [--presets NAME,NAME] [--storage] [--json]

A folder as further target is always delivered to; with --storage S3-compatible storage is, too (moto, on this machine).

Prints what was killed how often and what came of it; exits 1 if anything was lost, doubled or half published.

A run is forked from this process, so that libraries are loaded once; work is then done inside the service, so
that it dies with it. Further runs have real children: one of them is killed, or the service above them is.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from bench.media import movie, seal
from bench.points import Inline, Points, Prompt, begin, kill_a_child
from daemon import cli, egress, executor, wire
from daemon import provenance as _loaded_provenance
from daemon.hashing import hash_bytes
from daemon.slate import Published
from daemon.stages import turnover
from daemon.states import ClipState, JobState
from daemon.store import Store
from daemon.targets.base import Target
from daemon.targets.folder import FolderTarget
from daemon.targets.s3 import S3Target, Storage
from engines import render as _loaded_render
from engines.backends import identity as _loaded_identity
from engines.enhance import restore as _loaded_restore
from engines.media import contract as _loaded_contract
from engines.media import decode as _loaded_decode
from engines.media import probe as _loaded_probe

LOADED = (
    _loaded_render,
    _loaded_identity,
    _loaded_restore,
    _loaded_contract,
    _loaded_decode,
    _loaded_probe,
    _loaded_provenance,
)
"""What a run needs, loaded before it is forked."""
CLIPS = ("A001C001", "A001C002")
_CONFIG = """\
production: {code: KILL}
offload: {roots: [offload], settle_seconds: 0}
delivery: {root: delivery, presets: [PRESETS], targets: [TARGETS]}
egress: [EGRESS]
state: {root: state}
engine: identity
workers: {retry_seconds: 0}
log: {level: warning, format: json}
"""
_NAS = "{name: nas, path: nas}"
_LAB = '{name: lab, url: "s3://%s", endpoint: "%s", credentials: keys.ini}'
_KEYS = "[default]\naws_access_key_id = key\naws_secret_access_key = secret\n"
_TWINS = [("enhanced", 1), ("plain", 1)]
PRESET = "prores-proxy-mov"


def digest_of(path: Path) -> str:
    """Return a file's xxh128, empty where there is none."""
    return hash_bytes("xxh128", path.read_bytes()) if path.is_file() else ""


@dataclass(frozen=True)
class Run:
    """How one forked run of the service ended: its exit code, negative for a signal, and the points it passed."""

    code: int
    points: list[str]


@dataclass
class Case:
    """One production with a small sealed card, to be killed in."""

    folder: Path
    presets: str = PRESET
    storage: str = ""
    before: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def delivery(self) -> Path:
        """Folder of the production's deliveries."""
        return self.folder / "delivery" / "KILL"

    def shoot(self, card: Path) -> Case:
        """Offload the card."""
        roll = self.folder / "offload" / "20261124" / "Camera Media" / "A001"
        shutil.copytree(card, roll)
        (self.folder / "nas").mkdir()
        (self.folder / "keys.ini").write_text(_KEYS, encoding="utf-8")
        targets, allowed = _NAS, self.storage.removeprefix("http://")
        if self.storage:
            targets += f", {_LAB % (self.bucket, self.storage)}"
            self._lab().storage.call_s3("create_bucket", Bucket=self.bucket)
        words = {"PRESETS": self.presets, "TARGETS": targets, "EGRESS": allowed}
        text = _CONFIG
        for word, value in words.items():
            text = text.replace(word, value)
        (self.folder / "config.yaml").write_text(text, encoding="utf-8")
        self.before = self.looks()
        return self

    @property
    def bucket(self) -> str:
        """Name of the case's own bucket."""
        return self.folder.name.lower().replace("_", "-")

    def _lab(self) -> S3Target:
        place = Storage(f"s3://{self.bucket}", self.storage, "us-east-1", str(self.folder / "keys.ini"))
        return S3Target("lab", place, "KILL")

    def _targets(self) -> dict[str, Target]:
        found: dict[str, Target] = {"nas": FolderTarget("nas", self.folder / "nas", "KILL")}
        return found | ({"lab": self._lab()} if self.storage else {})

    def _faults_of_targets(self, *, at_the_end: bool) -> list[str]:
        """Return where a target has not what is delivered here: all of it at the end, else what it has under a name."""
        found = []
        for path in sorted(path for path in self.delivery.rglob("*") if path.is_file()):
            name = path.relative_to(self.delivery).as_posix()
            if name.startswith("."):
                continue
            for target, place in self._targets().items():
                there = place.read(name)
                if (at_the_end and there is None) or (path.suffix == ".mov" and there not in {None, path.read_bytes()}):
                    found.append(f"{name} is not at {target}, or not whole")
                elif at_the_end and there != path.read_bytes():
                    found.append(f"{name} is another file at {target}")
        return found

    def looks(self) -> dict[str, tuple[str, int]]:
        """Return digest and mtime of each camera file."""
        files = sorted(path for path in (self.folder / "offload").rglob("*") if path.is_file())
        return {str(path): (digest_of(path), path.stat().st_mtime_ns) for path in files}

    def serve(self, points: Points | None = None, *, inline: bool = True) -> Run:
        """Fork the service and run it until it ends or is killed."""
        told = self.folder / "points.json"
        pid = os.fork()
        if pid == 0:
            os._exit(self._serve_here(points or Points(), told, inline=inline))
        _, status = os.waitpid(pid, 0)
        seen = json.loads(told.read_text()) if told.exists() else []
        return Run(os.waitstatus_to_exitcode(status), seen)

    def _serve_here(self, points: Points, told: Path, *, inline: bool) -> int:
        log = os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        begin(points)
        if inline:
            executor.LocalExecutor = Inline  # type: ignore[assignment,misc]
            turnover.Clerk = Prompt  # type: ignore[misc]
            egress.kept_to = lambda _: nullcontext()  # type: ignore[assignment] # what is sent is sent by this process
        code = cli._serve(self.folder / "config.yaml", once=True)  # noqa: SLF001 - what `nearset once` calls
        told.write_text(json.dumps(points.seen))
        return code

    def faults_when_killed(self) -> list[str]:
        """Return what is wrong right after a kill: a file under its name that is not whole, a `.complete` that lies."""
        known = {file.path: file.xxh128 for proxy in self._proxies() for file in proxy.files}
        found = []
        for path in self._movies():
            name = path.relative_to(self._roll()).as_posix()
            if known.get(name) != digest_of(path):
                found.append(f"{name} is half published")
        return found + self._lies() + self._faults_of_targets(at_the_end=False)

    def faults_at_the_end(self) -> list[str]:
        """Return what is wrong once the service has ended by itself."""
        found = [] if self.looks() == self.before else ["the roll was touched"]
        found += self._faults_of_the_database() + self._lies()
        if not (self._roll() / "nearset.json").is_file():
            return [*found, "nothing was delivered"]
        record = json.loads((self._roll() / "nearset.json").read_text(encoding="utf-8"))
        proxies = [proxy for clip in record["clips"] for proxy in clip["proxies"]]
        made = [rendition for proxy in proxies for rendition in proxy["renditions"]]
        told = {file["path"]: file["xxh128"] for rendition in made for file in rendition["files"]}
        there = {path.relative_to(self._roll()).as_posix(): digest_of(path) for path in self._movies()}
        if told != there or len(made) != len(_TWINS) * len(CLIPS) * len(self.presets.split(",")):
            found.append(f"delivered {sorted(there)}, recorded {sorted(told)}")
        stills = len(list((self._roll() / "report").glob("*.jpg")))
        if stills != len(proxies):
            found.append(f"{stills} stills of {len(proxies)} proxies")
        if left := [path.name for path in (self.delivery / ".nearset-staging").iterdir()]:
            found.append(f"left in staging: {left}")
        return found + self._faults_of_targets(at_the_end=True)

    def _faults_of_the_database(self) -> list[str]:
        store = Store(self.folder / "state" / "KILL" / "nearset.sqlite", read_only=True)
        try:
            found = [f"{job.stage} is {job.state}" for job in store.jobs(JobState.QUEUED, JobState.LEASED)]
            found += [f"intent of {proxy.facts.path} is left" for proxy in store.intended()]
            for clip in store.clips():
                twins = sorted((str(proxy.facts.twin), proxy.facts.revision) for proxy in store.proxies(clip.id))
                if clip.state is not ClipState.DELIVERED or twins != _TWINS:
                    found.append(f"{clip.name} is {clip.state} with {twins}: {clip.trouble.why}")
            return found + ([] if len(store.clips()) == len(CLIPS) else ["a clip is lost"])
        finally:
            store.close()

    def _roll(self) -> Path:
        return self.delivery / "20261124" / "A001"

    def _movies(self) -> list[Path]:
        return sorted(path for path in self.delivery.glob("2*/**/*.m[ox][vf]"))

    def _proxies(self) -> list[Published]:
        path = self.folder / "state" / "KILL" / "nearset.sqlite"
        if not path.exists():
            return []
        store = Store(path)  # a killed commit's journal is rolled back here as at any start
        try:
            rows = store._db.execute("select facts from proxies").fetchall()  # noqa: SLF001 - landed or not
            return [wire.load(Published, row["facts"]) for row in rows]
        finally:
            store.close()

    def _lies(self) -> list[str]:
        path = self._roll() / ".complete"
        if not path.exists():
            return []
        told = json.loads(path.read_text(encoding="utf-8"))["xxh128"]
        return [
            f".complete lies about {name}" for name, digest in told.items() if digest_of(self._roll() / name) != digest
        ]


@dataclass
class Campaign:
    """All runs of a campaign and what came of them."""

    card: Path
    folder: Path
    random: random.Random
    presets: str = PRESET
    storage: str = ""
    kills: int = 0
    tally: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def points(self, *, inline: bool = True) -> list[str]:
        """Return the kind of every point that a run without a kill passes."""
        with self._case("calm") as case:
            run = case.serve(inline=inline)
            self._judge("none", case.faults_at_the_end() + ([] if run.code == 0 else [f"exit code {run.code}"]))
            return run.points

    def kill(self, at: int, kind: str, again: int = 0) -> None:
        """Kill the service at a point, once more at another point of the second run if asked, then let it end."""
        with self._case(f"{kind}, point {at}" + (f", then {again}" if again else "")) as case:
            found = []
            for number in filter(None, (at, again)):
                run = case.serve(Points(number))
                self.kills += run.code == -signal.SIGKILL
                found += case.faults_when_killed()
                if run.code not in {-signal.SIGKILL, 0} or (run.code == 0 and not again):
                    found.append(f"exit code {run.code} where it was to be killed")
            found += self._end(case)
            self._judge(kind, found)

    def kill_child(self, at: int) -> None:
        """Kill a real child at a point of the service, which must end well by itself."""
        with self._case(f"child, point {at}") as case:
            run = case.serve(Points(at, kill_a_child), inline=False)
            self.kills += len(run.points) >= at
            found = case.faults_at_the_end() + ([] if run.code == 0 else [f"exit code {run.code}"])
            self._judge("a child", found)

    def kill_above_children(self, after_seconds: float) -> None:
        """Kill a real service above real children at some time, then let it end."""
        with self._case(f"service above children after {after_seconds:.2f} s") as case:
            log = (case.folder / "log").open("ab")
            nearset = Path(sys.executable).with_name("nearset")
            command = [str(nearset), "once", "--config", str(case.folder / "config.yaml")]
            with log, subprocess.Popen(command, stdout=log, stderr=log) as service:
                try:
                    service.wait(after_seconds)
                except subprocess.TimeoutExpired:
                    service.kill()
                    self.kills += 1
            self._judge("above children", case.faults_when_killed() + self._end(case))

    def _end(self, case: Case) -> list[str]:
        run = case.serve()
        return case.faults_at_the_end() + ([] if run.code == 0 else [f"exit code {run.code}"])

    @contextmanager
    def _case(self, name: str) -> Iterator[Case]:
        folder = Path(tempfile.mkdtemp(prefix="case-", dir=self.folder))
        count = len(self.faults)
        yield Case(folder, self.presets, self.storage).shoot(self.card)
        self.faults[count:] = [f"{name}: {fault}" for fault in self.faults[count:]]
        if len(self.faults) == count:
            shutil.rmtree(folder)

    def _judge(self, kind: str, found: list[str]) -> None:
        self.tally[kind] += 1
        self.faults += found


def shoot(folder: Path) -> Path:
    """Make the card that every case is a copy of."""
    roll = folder / "A001"
    roll.mkdir()
    for number, name in enumerate(CLIPS, 1):
        movie(roll / f"{name}.mov", frames=6, width=256, height=144, tracks=1, seed=number)
    seal(roll, "2026-11-24T18:00:00+00:00")
    return roll


def run(campaign: Campaign, most: int) -> int:
    """Run the campaign over at most so many points (0: all of them), and return how many points there are."""
    kinds = campaign.points()
    total = len(kinds)
    chosen = range(1, total + 1) if not most else sorted(campaign.random.sample(range(1, total + 1), most))
    for at in chosen:
        campaign.kill(at, kinds[at - 1].split()[-1])
    for _ in range(max(1, len(chosen) // 5)):
        campaign.kill(campaign.random.randint(1, total), "twice", campaign.random.randint(1, total // 2))
    with_children = len(campaign.points(inline=False))
    for _ in range(max(1, len(chosen) // 20)):
        campaign.kill_child(campaign.random.randint(1, with_children))
        campaign.kill_above_children(campaign.random.uniform(0.5, 3.0))
    return total


def main() -> int:
    """Run the campaign and print its table."""
    parser = argparse.ArgumentParser(description="kills the service wherever it writes")
    parser.add_argument("--points", type=int, default=0, help="how many points to kill at; 0: every one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--presets", default=PRESET, help="what is delivered, by names with commas between them")
    parser.add_argument("--storage", action="store_true", help="deliver to S3-compatible storage, too")
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=memory if os.access(memory, os.W_OK) else None))
    began = time.monotonic()
    with storage() if words.storage else nullcontext("") as endpoint:
        campaign = Campaign(shoot(folder), folder, random.Random(words.seed), words.presets, endpoint)
        total = run(campaign, words.points)
    seconds = time.monotonic() - began
    if words.json:
        print(json.dumps({"points": total, "kills": campaign.kills, "runs": campaign.tally, "faults": campaign.faults}))
    else:
        show(campaign, total, seconds)
    if not campaign.faults:
        shutil.rmtree(folder)
    return int(bool(campaign.faults))


@contextmanager
def storage() -> Iterator[str]:
    """Give the address of S3-compatible storage that runs in this process."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def show(campaign: Campaign, total: int, seconds: float) -> None:
    """Print the table."""
    print(f"{'killed at':<16}runs")
    for kind, count in sorted(campaign.tally.items()):
        print(f"{kind:<16}{count:>4}")
    print(f"\n{campaign.kills} kills over {total} points in {seconds:.0f} s: {len(campaign.faults)} faults")
    for fault in campaign.faults:
        print(f"  {fault}")
    if campaign.faults:
        print(f"the cases are in {campaign.folder}")


if __name__ == "__main__":
    sys.exit(main())
