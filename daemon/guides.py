"""The guide mix as a track of proxies: of which presets, and from which file.

A preset that asks for it gets its proxies at once, as any other, and once more with the mix behind the camera's own
tracks when that has landed: a new revision, as another look makes one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.errors import MixChanged
from daemon.hashing import hash_file
from daemon.presets import chosen
from daemon.production import Production
from daemon.recipe import Words
from daemon.slate import Twin
from daemon.sounds import MIX_RATE
from daemon.stages.landing import roll_folder
from daemon.store import Clip
from engines.media.essence import AudioTrack, Essence

if TYPE_CHECKING:
    from engines.sound.wave import Wave


@dataclass(frozen=True, slots=True)
class Guide:
    """A delivered guide mix by its whole path and its hash."""

    path: str
    xxh128: str


def guide_of(production: Production, clip: Clip, words: Words) -> Guide | None:
    """Return the guide mix that a clip's proxies hold; None where no preset asks for it, or none is there."""
    if not words.mix.enabled or not any(preset.guide_mix for preset in chosen(words)):
        return None
    landed = production.store.proxies(clip.id, Twin.SOUND)
    if not landed:
        return None
    folder = roll_folder(production, production.store.card(clip.card))
    return Guide(str(folder / landed[-1].facts.path), landed[-1].facts.xxh128)


def track_of(essence: Essence) -> AudioTrack:
    """Return the guide mix of a clip as a track: mono, 24 bit at 48 kHz, as long as the picture."""
    samples = round(essence.frames / essence.rate * MIX_RATE)
    index = len(essence.audio)
    return AudioTrack(index, "pcm_s24le", 1, MIX_RATE, 24, samples, "mono", lossless=True, name="Guide mix")


@contextmanager
def opened(guide: Guide) -> Iterator[Wave]:
    """Open a guide mix to be read, by who renders.

    Raises:
        MixChanged: it is not what was delivered.
    """
    from engines.sound.wave import open_wave  # noqa: PLC0415 - only children read sound

    path = Path(guide.path)
    try:
        with path.open("rb", buffering=0) as file:
            if hash_file(file, (), progress=lambda _: None)["xxh128"] != guide.xxh128:
                raise _changed(path, "its bytes are others")
            yield open_wave(path.name, file.fileno())
    except FileNotFoundError as error:
        raise _changed(path, "it is not there any more") from error


def _changed(path: Path, why: str) -> MixChanged:
    return MixChanged(
        f"the guide mix {path.name} is not what was delivered",
        why=why,
        fix="put it back from a copy, or let another be made (any other word under `mix:` does); then `nearset retry`",
    )
