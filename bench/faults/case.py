"""A case: one production with a small sealed card, served in a fork of this process, and judged by what it leaves.

A run is forked, so that libraries are loaded once; work is then done inside the service, so that it dies with it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path

from bench.faults import shim
from bench.media import movie, seal
from bench.points import Inline, Points, Prompt, begin
from daemon import cli, running, wire
from daemon.errors import NearsetError
from daemon.hashing import hash_bytes
from daemon.limits import LimitsWords
from daemon.requests import Request, Wish, ask
from daemon.sidecars import aaf
from daemon.sidecars.stringout import Stringout
from daemon.slate import FoundClip, Published, Shipped, VerifiedFile
from daemon.stages import turnover
from daemon.stages.deliver import DeliverTask
from daemon.stages.manifest import HashTask
from daemon.stages.probe import Probed, ProbeTask
from daemon.stages.render import Rendered, RenderTask, Restore
from daemon.states import ClipState, JobState
from daemon.status import Snapshot
from daemon.store import Store
from daemon.targets.base import Target
from daemon.targets.folder import FolderTarget
from daemon.targets.s3 import S3Target, Storage
from daemon.turnover import report
from engines.media.essence import Essence
from engines.media.proxy import ProxySpec

for _name in (
    *("daemon.display", "daemon.enhancing", "daemon.provenance", "daemon.service", "daemon.statusfile", "daemon.watch"),
    *("daemon.stages.parting", "daemon.stages.rendering", "daemon.targets.shipping", "engines.backends.identity"),
    *("engines.colour.transform", "engines.enhance.parts", "engines.media.intermediate", "engines.media.stretch"),
    *("engines.enhance.restore", "engines.media.contract", "engines.media.decode", "engines.media.probe"),
    *("engines.render", "PIL.JpegImagePlugin", "PyOpenColorIO", "cryptography.hazmat.backends.openssl.backend"),
):
    import_module(_name)  # what a run needs, loaded before it is forked
for _kind in (
    *(FoundClip, VerifiedFile, Published, Shipped, Snapshot, Essence, ProxySpec, LimitsWords),
    *(HashTask, ProbeTask, Probed, RenderTask, Rendered, Restore, DeliverTask),
):
    wire._adapter(_kind)  # noqa: SLF001 - made once, too: with the page's template a quarter of a run
report._environment().get_template("report.html")  # noqa: SLF001
NEARSET = Path(sys.executable).with_name("nearset")
"""The command as it is installed."""
_LONGEST_SECONDS = 240
CRASHED = 70
"""The exit code of a run that ended in an error nobody can act on."""
CLIPS = ("A001C001", "A001C002")
_CONFIG = """\
production: {code: KILL}
offload: {roots: [offload], settle_seconds: 0}
delivery: {root: disk/delivery, presets: [PRESETS], targets: [TARGETS], keep_free_gib: 0}
egress: [EGRESS]
state: {root: disk/state}
engine: identity
workers: {retry_seconds: RETRY, split_minutes: SPLIT}
log: {level: warning, format: json}
"""
_SPLIT = "0.002"
"""Minutes: a clip of six frames is enhanced in three parts."""
_NAS = "{name: nas, path: disk/nas}"
_LAB = '{name: lab, url: "s3://%s", endpoint: "%s", credentials: keys.ini}'
_KEYS = "[default]\naws_access_key_id = key\naws_secret_access_key = secret\n"
_TWINS = [("enhanced", 1), ("plain", 1)]
PRESET = "prores-proxy-mov"
_SMALL, _LARGER = (128, 72), (256, 144)
"""A small picture takes a fifth off a run and leaves as many points; what other presets make needs a larger one."""


def _short_aaf(stringout: Stringout, written_at: datetime) -> bytes:
    """Return an AAF's name for the AAF: a real one takes two thirds of a run, and is one more sidecar to this."""
    return f"{stringout.name} {written_at:%Y-%m-%d}".encode()


def digest_of(path: Path) -> str:
    """Return a file's xxh128, empty where there is none."""
    return hash_bytes("xxh128", path.read_bytes()) if path.is_file() else ""


@dataclass(frozen=True)
class Run:
    """How one forked run of the service ended: its exit code, negative for a signal, and the points it passed.

    `calls` is how many calls the shim was to refuse or count, `refused` how many it refused.
    """

    code: int
    points: list[str]
    calls: int = 0
    refused: int = 0

    @property
    def faults(self) -> list[str]:
        """Return what is wrong with how it ended; nothing where all is delivered."""
        if self.code == CRASHED:
            return self.points[-1:]
        return [] if self.code == 0 else [f"exit code {self.code}"]


@dataclass
class Case:
    """One production with a small sealed card, to be killed in."""

    folder: Path
    presets: str = PRESET
    storage: str = ""
    retry_seconds: float = 0.0
    in_parts: bool = False
    before: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def disk(self) -> Path:
        """Folder of all that the service writes."""
        return self.folder / "disk"

    @property
    def delivery(self) -> Path:
        """Folder of the production's deliveries."""
        return self.disk / "delivery" / "KILL"

    @property
    def state(self) -> Path:
        """Folder of the production's state."""
        return self.disk / "state" / "KILL"

    def shoot(self, card: Path) -> Case:
        """Offload the card."""
        roll = self.folder / "offload" / "20261124" / "Camera Media" / "A001"
        shutil.copytree(card, roll)
        (self.disk / "nas").mkdir(parents=True)
        (self.folder / "keys.ini").write_text(_KEYS, encoding="utf-8")
        targets, allowed = _NAS, self.storage.removeprefix("http://")
        if self.storage:
            targets += f", {_LAB % (self.bucket, self.storage)}"
            self._lab().storage.call_s3("create_bucket", Bucket=self.bucket)
        words = {"RETRY": str(self.retry_seconds), "PRESETS": self.presets, "TARGETS": targets, "EGRESS": allowed}
        words["SPLIT"] = _SPLIT if self.in_parts else "null"
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
        found: dict[str, Target] = {"nas": FolderTarget("nas", self.disk / "nas", "KILL")}
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

    def serve(
        self, points: Points | None = None, *, inline: bool = True, first: Callable[[], None] = lambda: None
    ) -> Run:
        """Fork the service, do something `first` in the fork, and run it until it ends or is killed."""
        told = self.folder / "points.json"
        told.unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            os._exit(self._serve_here(points or Points(), told, first, inline=inline))
        _, status = os.waitpid(pid, 0)
        seen = json.loads(told.read_text()) if told.exists() else {"points": [], "calls": (0, 0)}
        return Run(os.waitstatus_to_exitcode(status), seen["points"], *seen["calls"])

    def retry(self) -> None:
        """Ask for what was given up, as a person does once the cause is gone."""
        ask(self.state, Request(Wish.RETRY, "*"))

    def log(self) -> str:
        """Return what all runs so far told."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def _serve_here(self, points: Points, told: Path, first: Callable[[], None], *, inline: bool) -> int:
        log = os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        signal.alarm(_LONGEST_SECONDS)  # a service that comes to no end is one that does not live
        begin(points)
        if inline:
            running.LocalExecutor = Inline  # type: ignore[assignment,misc]
            turnover.Clerk = Prompt  # type: ignore[misc]
            aaf.compose = _short_aaf
            running.kept_to = lambda _: nullcontext()  # type: ignore[assignment] # what is sent is sent by this process
        first()
        try:
            code = cli._serve(self.folder / "config.yaml", once=True)  # noqa: SLF001 - what `nearset once` calls
        except NearsetError as error:
            print(f"nearset: {error.what}: {error.why}: {error.fix} [{error.code}]", file=sys.stderr)
            code = 2
        except BaseException as error:  # noqa: BLE001 - a fork must end here, and the campaign must know how
            traceback.print_exc()
            points.seen.append(f"crashed: {type(error).__name__}: {error}")
            code = CRASHED
        told.write_text(json.dumps({"points": points.seen, "calls": shim.counted()}))
        return code

    def faults_when_killed(self) -> list[str]:
        """Return what is wrong right after a kill: a file under its name that is not whole, a `.complete` that lies."""
        found = []
        try:
            known = {file.path: file.xxh128 for proxy in self._proxies() for file in proxy.files}
        except sqlite3.Error as error:
            return [f"the database cannot be read: {error}"]
        for path in self._movies():
            name = path.relative_to(self._roll()).as_posix()
            if known.get(name) != digest_of(path):
                found.append(f"{name} is half published")
        return found + self._lies() + self._faults_of_targets(at_the_end=False)

    def faults_at_the_end(self) -> list[str]:
        """Return what is wrong once the service has ended by itself."""
        found = [] if self.looks() == self.before else ["the roll was touched"]
        try:
            found += self._faults_of_the_database() + self._lies()
        except sqlite3.Error as error:
            return [*found, f"the database cannot be read: {error}"]
        if not (self._roll() / "nearset.json").is_file():
            return [*found, "nothing was delivered"]
        try:
            record = json.loads((self._roll() / "nearset.json").read_text(encoding="utf-8"))
        except ValueError:
            return [*found, "the record cannot be read"]
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
        store = Store(self.state / "nearset.sqlite", read_only=True)
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
        path = self.state / "nearset.sqlite"
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
        try:
            told = json.loads(path.read_text(encoding="utf-8"))["xxh128"]
        except ValueError:
            return [".complete cannot be read"]
        return [
            f".complete lies about {name}" for name, digest in told.items() if digest_of(self._roll() / name) != digest
        ]


def shoot(folder: Path, presets: str = "") -> Path:
    """Make the card that every case is a copy of, delivered by these presets; without, by the usual one."""
    roll = folder / "A001"
    roll.mkdir()
    width, height = _LARGER if presets else _SMALL
    for number, name in enumerate(CLIPS, 1):
        movie(roll / f"{name}.mov", frames=6, width=width, height=height, tracks=1, seed=number)
    seal(roll, "2026-11-24T18:00:00+00:00")
    return roll
