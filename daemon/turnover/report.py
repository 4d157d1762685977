"""The roll's report: one page that opens from the delivery folder, with nothing but its stills beside it.

Everything that comes from a card is escaped. The page may run one script, its slider, known by its hash, and
load nothing but images from its own folder.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from posixpath import basename
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from daemon.slate import ASSISTS, Twin
from daemon.turnover.roll import Roll, TurnoverClip
from daemon.turnover.sound import shown
from engines.media.departure import Fidelity
from engines.media.timecode import Timecode


def report(roll: Roll) -> str:
    """Return the page's HTML."""
    script = _vendored("img-comparison-slider.js")
    licence = _vendored("img-comparison-slider.LICENSE")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = _environment().get_template("report.html")
    return page.render(
        roll=roll,
        clips=[shown_clip(clip) for clip in roll.clips],
        script=Markup(script),  # noqa: S704 - our own vendored file, no text of a card's
        script_digest=digest,
        licence=Markup(licence),  # noqa: S704 - as above
        seconds=sum(clip.essence.seconds for clip in roll.clips),
    )


@cache
def _environment() -> Environment:
    loader = PackageLoader("daemon.turnover", "")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@cache
def _vendored(name: str) -> str:
    path = resources.files("daemon.turnover") / "vendor" / name
    return path.read_text(encoding="utf-8")


def shown_clip(clip: TurnoverClip) -> dict[str, Any]:
    """Return what is shown of a clip, stills by their names in the report's folder."""
    essence = clip.essence
    start = Timecode(essence.start_frame, essence.rate, essence.drop_frame)
    plain, enhanced = clip.current(Twin.PLAIN), clip.current(Twin.ENHANCED)
    noise = enhanced.noise if enhanced else {}
    return {
        "name": clip.name,
        "reel": essence.reel,
        "start": start.label,
        "end": start.plus(essence.frames).label,
        "frames": essence.frames,
        "rate": f"{float(essence.rate):.3f}".rstrip("0").rstrip("."),
        "raster": f"{essence.width}x{essence.height}",
        "codec": essence.codec,
        "camera": essence.camera,
        "sound": ", ".join(f"{track.channels} ch {track.codec}" for track in essence.audio) or "none",
        "custody": clip.custody,
        "sync": shown(clip),
        "timecode_source": essence.timecode_source,
        "marks": _marks(clip),
        "layers": _layers(clip),
        "undone": [one.trouble for one in clip.undone],
        "notes": essence.notes,
        "plain": plain,
        "enhanced": enhanced,
        "plain_still": basename(clip.stills.get(Twin.PLAIN, "")),
        "enhanced_still": basename(clip.stills.get(Twin.ENHANCED, "")),
        "noise": _noise_text(noise),
        "fidelity": _fidelity_text(enhanced.fidelity) if enhanced and enhanced.fidelity else "",
        "held_back": clip.held_back.note if clip.held_back else "",
        "sheet": basename(clip.sheet),
        "unlit": basename(clip.unlit),
        "light": _light_text(enhanced.light if enhanced else {}),
        "look": plain.look if plain else None,
        "words": [word for word in clip.words if word[2] != "default"],
        "hash": clip.files[0].hashes["xxh128"] if clip.files else "",
    }


def _marks(clip: TurnoverClip) -> list[str]:
    """Return what an editor must know of all that was delivered of a clip, and of what was not, each thing once."""
    delivered = (clip.current(twin) for twin in Twin if twin is not Twin.SOUND)
    marks = [mark for proxy in delivered if proxy for mark in proxy.marks]
    return list(dict.fromkeys((*marks, *(one.note for one in clip.undone))))


def _layers(clip: TurnoverClip) -> list[tuple[str, str]]:
    """Return name and still of each assist: of the enhanced twin after it, of what it made beside."""
    beside = [(str(twin), clip.stills[twin]) for twin in ASSISTS if clip.current(twin) and twin in clip.stills]
    return [(name, basename(path)) for name, path in (*clip.layers, *beside)]


def _fidelity_text(fidelity: Fidelity) -> str:
    """Return how far an enhanced picture went from its source in its worst second."""
    worst = fidelity.worst
    return (
        f"luma {worst.luma:.1f} and chroma {worst.chroma:.1f} code values, structure {worst.structure:.3f}, "
        f"edges {_gained(worst.edge)}, motion {_gained(worst.temporal)}"
    )


def _gained(share: float) -> str:
    """Return what was gained or lost in percent; what rounds to nothing is +0%, from either side."""
    return f"{round(share, 2) or 0.0:+.0%}"


def _noise_text(noise: dict[str, float]) -> str:
    """Return the measured noise at middle grey, in code values of 10 bit."""
    if not noise:
        return ""
    variance = max(noise.get("shot", 0.0) * 0.45 + noise.get("read", 0.0), 0.0)
    return f"{variance**0.5 * 1023:.1f} code values at middle grey"


def _light_text(light: dict[str, float]) -> str:
    """Return what was done to a clip's light."""
    said = []
    if "most_stops" in light:
        share = 100 * light["protected_share"]
        said.append(f"{light['mean_stops']:.2f} stops on average, {light['most_stops']:.2f} at most")
        said.append(f"{share:.0f} % of the picture protected")
    if "match_stops" in light:
        said.append(f"{light['match_stops']:+.2f} stops to match")
    if "flicker_hz" in light:
        said.append(f"flicker of {light['flicker_stops']:.2f} stops at {light['flicker_hz']:.2f} Hz taken out")
    return "; ".join(said)
