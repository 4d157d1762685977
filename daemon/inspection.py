"""Inspection of a delivery against its own word, as `nearset verify` shows it. Reads, and changes nothing.

For each roll: what `.complete` vouches for is there and whole, the record says the same of the media, each proxy keeps
the relink contract that the record names, custody leads from camera file to proxy, and the ASC MHL chain holds. Knows
no configuration and no database: a cutting room can do it with the drive alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.beneath import mark, open_beneath, read_small
from daemon.certificates import fingerprint
from daemon.errors import BadManifest, DeliveryError, NearsetError, SidecarError
from daemon.executor import LocalExecutor
from daemon.hashing import hash_file
from daemon.probing import attested, probed_all, prober
from daemon.sidecars import ascmhl
from daemon.slate import Attest, CameraFile, CardPlace, ClipKind, Custody, Twin
from daemon.stages.probe import ProbeTask, Source
from daemon.turnover.provenance import EMBEDDED, ROOT
from daemon.turnover.record import COMPLETE_SCHEMA, DAY_COMPLETE_SCHEMA, SCHEMA, files_of
from engines.media.essence import Essence
from engines.media.preset import Wrapper
from engines.media.timecode import Timecode

_RECORD, _COMPLETE = "nearset.json", ".complete"
_OF_THE_SEAL = frozenset({"schema", "xxh128", "undone"})
"""Words of a seal that its record has not, or has otherwise."""
_RELINKING = (Twin.PLAIN, Twin.ENHANCED, Twin.COMP)
_SIDECAR_BYTES = 256 << 20
_MEMORY_GIB, _HUNG_SECONDS, _MOST_CHILDREN = 16, 120.0, 8


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one roll: what was looked at, how many, and every fault, each naming its subject."""

    roll: str
    check: str
    count: int
    faults: tuple[str, ...]

    def cells(self) -> tuple[str, ...]:
        """Return the row of a table."""
        return self.roll, self.check, str(self.count), "good" if not self.faults else "\n".join(self.faults)


@dataclass(slots=True)
class _Roll:
    """A delivered folder being inspected; each file is read once."""

    folder: Path
    name: str
    _digests: dict[str, str] = field(default_factory=dict)

    def sidecar(self, path: str) -> bytes:
        """Return a sidecar's bytes."""
        return read_small(self.folder, path, _SIDECAR_BYTES)

    def document(self, path: str, schema: str) -> dict[str, Any]:
        """Return a record or a seal.

        Raises:
            DeliveryError: it is none of ours, or damaged.
        """
        try:
            value = json.loads(self.sidecar(path))
            if value["schema"] == schema:
                return dict(value)
            why = f"its schema is {value['schema']}"
        except (ValueError, TypeError, KeyError) as error:
            why = str(error) or type(error).__name__
        raise DeliveryError(f"{path} cannot be read", why=why, fix="deliver the roll again")

    def unlike(self, path: str, xxh128: str) -> str:
        """Return what is wrong with a file whose hash is known, empty where nothing is."""
        try:
            if path not in self._digests:
                with open_beneath(self.folder, path) as file:
                    self._digests[path] = hash_file(file, (), progress=lambda _: None)["xxh128"]
        except NearsetError as error:
            return f"{error.what}: {error.why}"
        except OSError as error:
            return f"{path} cannot be read: {error.strerror}"
        return "" if self._digests[path] == xxh128 else f"{path} is not what was delivered: its bytes differ"


def inspect(delivery: Path, root: bytes = b"") -> list[Check]:
    """Return all checks of the rolls and days at or beneath a folder, in the order of their names.

    `root` is the certificate (PEM) that must stand behind the signatures; without one it is each roll's own.

    Raises:
        DeliveryError: no delivery is there.
    """
    records = [path for depth in ("", "*/", "*/*/") for path in sorted(delivery.glob(f"{depth}{_RECORD}"))]
    rolls = [path for day in records for path in sorted(day.parent.glob(f"*/{_RECORD}"))]
    if not records:
        raise DeliveryError(
            f"{delivery} holds no delivery",
            why=f"no {_RECORD} is in it, nor in the two levels of folders below",
            fix="name the folder of a roll, of a shoot day or of a production",
        )
    found: list[Check] = []
    most = min(os.cpu_count() or 1, _MOST_CHILDREN)
    children = (prober(delivery, _MEMORY_GIB, _HUNG_SECONDS, count) for count in (most, 1))
    with next(children) as child, next(children) as other, ThreadPoolExecutor(2) as pool:
        for path in dict.fromkeys(records + rolls):  # a day that lies deepest vouches for rolls that lie deeper
            folder = path.parent.resolve()
            roll = _Roll(folder, f"{folder.parent.name}/{folder.name}")
            found += _day(roll) if _is_day(roll) else _roll(roll, (child, other), pool, root)
    return found


def _is_day(roll: _Roll) -> bool:
    """Return whether a folder is a shoot day's; one whose record cannot be read is taken for a roll, and told."""
    try:
        return str(json.loads(roll.sidecar(_RECORD))["schema"]).startswith("nearset-day")
    except (NearsetError, ValueError, TypeError, KeyError):
        return False


def _day(roll: _Roll) -> list[Check]:
    return [_checked(roll, "complete", lambda: _complete(roll, DAY_COMPLETE_SCHEMA))]


def _roll(roll: _Roll, children: tuple[LocalExecutor, LocalExecutor], pool: Executor, root: bytes) -> list[Check]:
    record: dict[str, Any] = {"clips": []}

    def read() -> Iterator[str]:
        record.update(roll.document(_RECORD, SCHEMA))
        yield ""

    checks = [_checked(roll, "record", read), _checked(roll, "complete", lambda: _complete(roll, COMPLETE_SCHEMA))]
    clips = record["clips"]
    relinks = pool.submit(_checked, roll, "relink contract", lambda: _relinks(roll, clips, children[0]))
    signatures = pool.submit(_checked, roll, "signatures", lambda: _signatures(roll, record, children[1], root))
    media = _checked(roll, "media", lambda: _media(roll, clips))
    custody = _checked(roll, "custody", lambda: _custody(clips))
    chain = _checked(roll, "ASC MHL", lambda: _chain(roll, clips))
    return [*checks, media, relinks.result(), custody, signatures.result(), chain]


def _checked(roll: _Roll, check: str, look: Callable[[], Iterator[str]]) -> Check:
    """Return a check; `look` yields a line for each thing that it looked at, empty where that is good."""
    told: list[str] = []
    try:
        told.extend(look())
    except NearsetError as error:
        told.append(f"{error.what}: {error.why}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:  # a record is a stranger's by now
        told.append(f"the record makes no sense: {type(error).__name__}: {error}")
    return Check(roll.name, check, len(told), tuple(line for line in told if line))


def _complete(roll: _Roll, schema: str) -> Iterator[str]:
    """Look at every file that the seal vouches for, and hold its other words, which no hash covers, to the record's."""
    seal = roll.document(_COMPLETE, schema)
    for path, xxh128 in sorted(seal["xxh128"].items()):
        yield roll.unlike(path, xxh128)
    record = json.loads(roll.sidecar(_RECORD))
    for word in sorted(seal.keys() - _OF_THE_SEAL):
        if seal[word] != record.get(word):
            yield f"{_COMPLETE} says {word} {seal[word]} instead of {record.get(word)}"


def _media(roll: _Roll, clips: list[dict[str, Any]]) -> Iterator[str]:
    """Look at every proxy of the record, older revisions too."""
    for clip in clips:
        for proxy in clip["proxies"]:
            for file in files_of(proxy):
                yield roll.unlike(file["path"], file["xxh128"])


def _relinks(roll: _Roll, clips: list[dict[str, Any]], child: LocalExecutor) -> Iterator[str]:
    """Look at each line of the contract on every current proxy, as probed; what is no proxy relinks to nothing."""
    made = [
        (clip, rendition)
        for clip in clips
        for path in (path for twin, path in clip["current"].items() if twin in _RELINKING)
        for rendition in _renditions(clip, path)
    ]
    tasks = [_task(roll, [file["path"] for file in rendition["files"]]) for _, rendition in made]
    essences = iter(probed_all(child, [task for task in tasks if isinstance(task, ProbeTask)]))
    for (clip, rendition), task in zip(made, tasks, strict=True):
        yield _relinked(clip, rendition, next(essences) if isinstance(task, ProbeTask) else task)


def _renditions(clip: dict[str, Any], path: str) -> list[dict[str, Any]]:
    """Return what each preset made of a current proxy."""
    (proxy,) = [one for one in clip["proxies"] if one["path"] == path]
    alone = {"raster": proxy["raster"], "audio": clip["audio"], "files": [proxy]}
    return list(proxy.get("renditions") or [alone])


def _relinked(clip: dict[str, Any], rendition: dict[str, Any], found: Essence | str) -> str:
    """Return which lines of the contract a preset's files break; empty for none."""
    lines = _lines(found, clip, rendition) if isinstance(found, Essence) else {found: ("", None)}
    broken = [f"{line} {got} instead of {wanted}" for line, (wanted, got) in lines.items() if wanted != got]
    return f"{rendition['files'][0]['path']}: {'; '.join(broken)}" if broken else ""


def _task(roll: _Roll, paths: list[str]) -> ProbeTask | str:
    """Return the probe of a preset's files, or why one of them cannot be opened."""
    place = CardPlace(str(roll.folder), ".")
    files = []
    for path in paths:
        try:
            with open_beneath(roll.folder, path) as file:
                files.append(CameraFile(path, mark(file)))
        except NearsetError as error:
            return f"{error.what}: {error.why}"
    return ProbeTask(Source(place, ClipKind.MOVIE, tuple(files), place, ()), None)


def _lines(found: Essence, clip: dict[str, Any], rendition: dict[str, Any]) -> dict[str, tuple[object, object]]:
    """Return each line of the contract with what is wanted and what was found."""
    as_recorded = rendition.get("wrapper") in {None, Wrapper.MOV} and all(
        track["codec"] != "aac" for track in rendition["audio"]
    )
    tracks = clip["audio"] if as_recorded else rendition["audio"]
    wanted = [(track["channels"], track["sample_rate"], track["samples"]) for track in tracks]
    channels = sum(track["channels"] for track in (tracks if as_recorded else clip["audio"]))
    return {
        "frames": (clip["frames"], found.frames),
        "rate": (clip["rate"], str(found.rate)),
        "start timecode": (clip["start"], Timecode(found.start_frame, found.rate, found.drop_frame).label),
        "reel": (clip["reel"], found.reel),
        "raster": (rendition["raster"], [found.width, found.height]),
        "pixel aspect": (_pixel_aspect(rendition, found), str(found.pixel_aspect)),
        "audio channels": (channels, sum(track["channels"] for track in tracks)),
        "audio": (wanted, [(track.channels, track.sample_rate, track.samples) for track in found.audio]),
    }


def _pixel_aspect(rendition: dict[str, Any], found: Essence) -> str:
    """Return the pixel aspect that is wanted; any in MXF, where no decoder tells it."""
    told = rendition.get("pixel_aspect") if rendition.get("wrapper") == Wrapper.MOV else None
    return str(told or found.pixel_aspect)


def _custody(clips: list[dict[str, Any]]) -> Iterator[str]:
    """Look at the chain from each camera file's bytes over its manifest to a proxy."""
    for clip in clips:
        held = clip["custody"]
        if not held["files"] or not clip["proxies"]:
            yield f"{clip['name']}: no camera file or no proxy is named"
        for file in held["files"]:
            yield _vouched(clip["name"], file, must=held["status"] == Custody.VERIFIED)


def _vouched(clip: str, file: dict[str, Any], *, must: bool) -> str:
    """Return what is wrong with a camera file's hashes, empty where a manifest's are the ones that were measured."""
    unlike = [name for name, value in file["manifest"].items() if file["hashes"].get(name) != value]
    if unlike:
        return f"{clip}: {file['path']} was not what its manifest says ({', '.join(unlike)})"
    return (
        f"{clip}: {file['path']} counts as verified, and no manifest names it" if must and not file["manifest"] else ""
    )


def _signatures(roll: _Roll, record: dict[str, Any], child: LocalExecutor, root: bytes) -> Iterator[str]:
    """Look at each signature, who stands behind it, and whether it says of the camera's files what the record does."""
    proxies = [(clip, proxy) for clip in record["clips"] for proxy in clip["proxies"]]
    signed = [(clip, proxy, file) for clip, proxy in proxies for file in files_of(proxy) if file["signed"]]
    if not signed:
        return
    own = roll.sidecar(ROOT)
    if root and fingerprint(root) != fingerprint(own):
        yield f"{ROOT} is another production's: {fingerprint(own)} instead of {fingerprint(root)}"
    if fingerprint(own) != record["signed_by"]:
        yield f"{ROOT} is not the certificate that the record names"
    for clip, proxy, file in signed:
        beside = "" if file["signed"] == EMBEDDED else roll.sidecar(file["signed"]).decode()
        found = attested(child, Attest(str(roll.folder), file["path"], (root or own).decode(), beside))
        faults = found.faults or tuple(_unlike(found.said, clip, proxy))
        yield f"{file['path']}: {'; '.join(faults)}" if faults else ""


def _unlike(said: dict[str, Any], clip: dict[str, Any], proxy: dict[str, Any]) -> Iterator[str]:
    """Yield what a signed statement says otherwise than the record."""
    done = said["enhancement"] or {}
    lines = {
        "clip": (clip["name"], said["clip"]),
        "twin": (proxy["twin"], said["twin"]),
        "custody": (clip["custody"]["status"], said["custody"]),
        "recipe": (proxy["recipe"], said["recipe"]),
        "model": (proxy["model"] if done else "", done.get("model", "")),
        "look": ((proxy["look"] or {"steps": []})["steps"], said["look"]),
    }
    files = [{word: file[word] for word in ("path", "hashes", "manifest")} for file in clip["custody"]["files"]]
    if files != said["camera_files"] and proxy["twin"] != Twin.SOUND:
        yield "the camera files that it was made of are not the record's"
    yield from (f"signed {line} {got} instead of {wanted}" for line, (wanted, got) in lines.items() if got != wanted)


def _chain(roll: _Roll, clips: list[dict[str, Any]]) -> Iterator[str]:
    """Look at the history's chain, at every file that it lists and still asks for, and for media that it lacks."""
    names = [path.name for path in (roll.folder / ascmhl.FOLDER).glob("*")]
    try:
        history = ascmhl.load("", names, roll.sidecar)
    except (BadManifest, SidecarError) as error:
        yield f"{error.what}: {error.why}"
        return
    yield ""
    listed: dict[str, str] = {}
    for entry in (entry for generation in history.generations for entry in generation.entries):
        hashes = {found.algorithm: found.value for found in entry.hashes}
        listed.setdefault(entry.path, hashes.get("xxh128", ""))
    let_go = ascmhl.ignore_spec(history.generations[-1].ignore)
    for path in (path for path in listed if not let_go.match_file(path)):
        yield roll.unlike(path, listed[path])
    media = {file["path"] for clip in clips for proxy in clip["proxies"] for file in files_of(proxy)}
    for path in sorted(media - listed.keys()):
        yield f"{path} is in no generation"
