"""The roll's record: `nearset.json`, the chain of custody, and `.complete`, what the delivery vouches for.

Chain: camera file's hash, manifest, recipe, model, engine, proxy's hash. Keys are sorted, so that the same
delivery gives the same bytes but for its date. The shapes are written down in docs/nearset.schema.json and, for a day,
docs/nearset-day.schema.json.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from daemon.errors import DeliveryError
from daemon.fidelity import Restraint
from daemon.slate import TWIN_FOLDER, ClipLook, DeliveredFile, Published, Rendition, Twin
from daemon.turnover import provenance
from daemon.turnover.roll import Roll, TurnoverClip, UndeliveredClip
from daemon.turnover.sound import recorded
from engines.colour.look import CONFIG
from engines.media.essence import AudioTrack
from engines.media.preset import PRESETS
from engines.media.timecode import Timecode

SCHEMA = "nearset-record-1"
COMPLETE_SCHEMA = "nearset-complete-1"
DAY_SCHEMA = "nearset-day-1"
DAY_COMPLETE_SCHEMA = "nearset-day-complete-1"
_MEDIA_FOLDERS = frozenset({*TWIN_FOLDER.values(), *PRESETS})


def record(roll: Roll, sidecars: dict[str, str], left_out: dict[str, str]) -> str:
    """Return `nearset.json` of a roll.

    `sidecars` gives the xxh128 of each sidecar by path in its folder, `left_out` why there is none of a name.

    Raises:
        DeliveryError: a number in it is none; the message says which.
    """
    return _text(
        roll,
        {
            "schema": SCHEMA,
            "production": {"code": roll.production, "title": roll.title},
            "shoot_day": roll.shoot_day,
            "roll": roll.name,
            "card": {"path": roll.card_path, "vendor": roll.vendor},
            "written_at": roll.written_at,
            "nearset": roll.version,
            "signed_by": roll.signed_by,
            "clips": [_clip(clip) for clip in roll.clips],
            "undelivered": [_undelivered(clip) for clip in roll.undelivered],
            "missing": list(roll.missing),
            "sidecars": sidecars,
            "left_out": left_out,
        },
    )


def day_record(rolls: Sequence[Roll], seals: dict[str, str], sidecars: dict[str, str], left_out: dict[str, str]) -> str:
    """Return `nearset.json` of a shoot day; `seals` gives the xxh128 of each roll's `.complete` by path in the day."""
    first = rolls[0]
    return _text(
        first,
        {
            "schema": DAY_SCHEMA,
            "production": {"code": first.production, "title": first.title},
            "shoot_day": first.shoot_day,
            "rolls": seals,
            "written_at": first.written_at,
            "nearset": first.version,
            "sidecars": sidecars,
            "left_out": left_out,
        },
    )


def day_complete(rolls: Sequence[Roll], hashes: dict[str, str]) -> str:
    """Return `.complete` of a shoot day; `hashes` gives the xxh128 of its sidecars and of its rolls' `.complete`."""
    first = rolls[0]
    words = {"schema": DAY_COMPLETE_SCHEMA, "shoot_day": first.shoot_day, "written_at": first.written_at}
    return _text(first, {**words, "xxh128": hashes})


def sidecars_of(data: bytes) -> dict[str, str]:
    """Return the xxh128 of each sidecar by path that a record of ours lists; nothing where it is none or lists none.

    A record lies where others write, so that a path that leads elsewhere, or to media, is not taken from it.
    """
    try:
        listed = json.loads(data).get("sidecars", {}).items()
    except (ValueError, AttributeError):
        return {}
    return {str(path): str(xxh128) for path, xxh128 in listed if _is_sidecar(str(path))}


def files_of(proxy: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the files of a proxy of the record: the one that sidecars name, then all others of each preset."""
    made = [file for rendition in proxy.get("renditions", ()) for file in rendition["files"]]
    return [proxy, *(file for file in made if file["path"] != proxy["path"])]


def _is_sidecar(path: str) -> bool:
    parts = path.split("/")
    return path.isprintable() and not {"", ".", ".."} & set(parts) and parts[0] not in _MEDIA_FOLDERS


def complete(roll: Roll, sidecars: dict[str, str]) -> str:
    """Return `.complete` of a roll; `sidecars` gives the xxh128 of each sidecar and still by path in its folder."""
    current = [proxy for clip in roll.clips for twin in Twin if (proxy := clip.current(twin))]
    media = {file.path: file.xxh128 for proxy in current for file in proxy.files}
    return _text(
        roll,
        {
            "schema": COMPLETE_SCHEMA,
            "roll": roll.name,
            "written_at": roll.written_at,
            "xxh128": media | sidecars,
            "undelivered": [_undelivered(clip) for clip in roll.undelivered],
            "undone": [{"clip": clip.name} | undone for clip in roll.clips for undone in _undone(clip)],
            "missing": list(roll.missing),
        },
    )


def _clip(clip: TurnoverClip) -> dict[str, Any]:
    essence = clip.essence
    return {
        "name": clip.name,
        "reel": essence.reel,
        "start": Timecode(essence.start_frame, essence.rate, essence.drop_frame).label,
        "timecode_from": essence.timecode_source,
        "frames": essence.frames,
        "rate": str(essence.rate),
        "raster": [essence.width, essence.height],
        "codec": essence.codec,
        "audio": _audio(essence.audio),
        "notes": list(essence.notes),
        "custody": {
            "status": clip.custody,
            "identity": clip.identity,
            "files": [
                {
                    "path": file.path,
                    "bytes": file.mark.size_bytes,
                    "hashes": file.hashes,
                    "manifest": file.expected,
                }
                for file in clip.files
            ],
        },
        "recipe": {word: {"value": value, "from": where} for word, value, where in clip.words},
        "sound": recorded(clip.sound),
        "held_back": _held_back(clip.held_back) if clip.held_back else None,
        "undone": _undone(clip),
        "parts": list(clip.parts),
        "current": {twin: proxy.path for twin in Twin if (proxy := clip.current(twin))},
        "proxies": [_proxy(proxy) for proxy in clip.published],
        "let_go": [
            {"twin": proxy.twin, "revision": proxy.revision, "path": file.path, "xxh128": file.xxh128}
            for proxy in clip.let_go
            for file in proxy.files
        ],
    }


def _held_back(held: Restraint) -> dict[str, Any]:
    return {"share": held.share, "over": list(held.over), "note": held.note, "found": asdict(held.found)}


def _proxy(proxy: Published) -> dict[str, Any]:
    return {
        "twin": proxy.twin,
        "revision": proxy.revision,
        "path": proxy.path,
        "xxh128": proxy.xxh128,
        "bytes": proxy.size_bytes,
        "raster": [proxy.width, proxy.height],
        "codec": proxy.codec,
        "model": proxy.model,
        "engine": proxy.engine,
        "decoder": proxy.decoder,
        "recipe": proxy.recipe,
        "noise": proxy.noise,
        "published_at": proxy.published_at,
        "marks": list(proxy.marks),
        "look": _look(proxy.look) if proxy.look else None,
        "light": proxy.light,
        "fidelity": asdict(proxy.fidelity) if proxy.fidelity else None,
        "signed": provenance.place_of(proxy.files[0]),
        "renditions": [_rendition(rendition) for rendition in proxy.renditions],
    }


def _rendition(rendition: Rendition) -> dict[str, Any]:
    mobs = rendition.mobs
    return {
        "preset": rendition.preset,
        "codec": rendition.codec,
        "encoder": rendition.encoder,
        "wrapper": rendition.wrapper,
        "raster": [rendition.width, rendition.height],
        "pixel_aspect": str(rendition.pixel_aspect),
        "audio": _audio(rendition.audio),
        "files": [_file(file) for file in rendition.files],
        "umids": {"material": mobs.material, "tape": mobs.tape, "tracks": list(mobs.files)} if mobs else None,
    }


def _file(file: DeliveredFile) -> dict[str, Any]:
    place = provenance.place_of(file)
    return {"path": file.path, "xxh128": file.xxh128, "bytes": file.size_bytes, "signed": place}


def _audio(tracks: Sequence[AudioTrack]) -> list[dict[str, Any]]:
    return [
        {
            "codec": track.codec,
            "channels": track.channels,
            "sample_rate": track.sample_rate,
            "bits": track.bits,
            "samples": track.samples,
        }
        for track in tracks
    ]


def _look(clip_look: ClipLook) -> dict[str, Any]:
    look = clip_look.look
    return {
        "config": CONFIG,
        "space": look.space,
        "working": look.working,
        "cdl": {
            "slope": list(look.cdl.slope),
            "offset": list(look.cdl.offset),
            "power": list(look.cdl.power),
            "saturation": look.cdl.saturation,
        },
        "lut": look.output,
        "steps": list(look.steps),
        "from": clip_look.origin,
        "leaned_on": list(clip_look.leaned_on),
    }


def _undone(clip: TurnoverClip) -> list[dict[str, str]]:
    return [{"asked": one.asked} | asdict(one.trouble) for one in clip.undone]


def _undelivered(clip: UndeliveredClip) -> dict[str, str]:
    trouble = clip.trouble
    return {
        "clip": clip.name,
        "state": clip.state,
        "code": trouble.code,
        "what": trouble.what,
        "why": trouble.why,
        "fix": trouble.fix,
    }


def _text(roll: Roll, value: dict[str, Any]) -> str:
    if endless := list(_endless(value)):
        raise DeliveryError(
            f"the record of roll {roll.name} cannot be written",
            why=f"JSON has no such number: {', '.join(endless)}",
            fix="report this: it is a fault of nearset, and the roll's media is in place and whole",
        )
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _endless(value: object, path: str = "") -> Iterator[str]:
    """Return the numbers that are not finite, each with where it stands."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{path} is {value}"
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _endless(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _endless(part, f"{path}[{number}]")
