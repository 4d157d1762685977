"""A camera's own sound as sync hears it: one channel at 8 kHz, its first sample that of the first frame."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame

from engines.media.essence import Essence
from engines.media.faults import translated
from engines.media.probe import Progress, parted, quiet
from engines.media.sequence import is_sequence
from engines.media.sound import sound_of
from engines.media.source import MediaFile, MediaFiles, open_container
from engines.sound.fingerprint import RATE
from engines.sound.sync import is_silent
from engines.sound.wave import Samples


def scratch(files: MediaFiles, essence: Essence, progress: Progress = quiet) -> Samples:
    """Return the first track of a clip that is not silent, as long as its picture; empty where it has none.

    Raises:
        Unreadable: a file breaks while decoding.
    """
    if not essence.audio or is_sequence(files[0]):
        return np.zeros(0, np.float32)
    parts = parted(files)
    apart = len(essence.audio) - len(parts[0].sounds)
    count = round(essence.frames / essence.rate * RATE)
    for track in essence.audio:
        is_apart = track.index >= apart
        sources = [part.sounds[track.index - apart] if is_apart else part.picture for part in parts]
        number = 0 if is_apart else track.index
        heard = np.concatenate([np.zeros(0, np.float32), *(part for file in sources for part in _track(file, number))])
        mono = _in_step(heard, round(track.starts_seconds * RATE), count)
        progress(track.index + 1, len(essence.audio))
        if not is_silent(mono):
            return mono
    return np.zeros(0, np.float32)


def _in_step(heard: Samples, late: int, count: int) -> Samples:
    """Return samples from the first frame on, where they began so much later than it (or earlier, below zero)."""
    placed = np.concatenate([np.zeros(max(late, 0), np.float32), heard[max(-late, 0) :]])[:count]
    return np.pad(placed, (0, count - len(placed)))


def _track(file: MediaFile, number: int) -> Iterator[Samples]:
    """Yield one track of a file as one channel at RATE."""
    with translated(file.name), open_container(file) as container:
        known, _ = sound_of(container)
        if number >= len(known):
            return
        resampler = av.AudioResampler("flt", "mono", RATE)
        for packet in container.demux(known[number]):
            for frame in packet.decode():
                if isinstance(frame, AudioFrame):
                    yield from (out.to_ndarray()[0] for out in resampler.resample(frame))
        yield from (out.to_ndarray()[0] for out in resampler.resample(None))
