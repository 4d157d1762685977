"""Claps: where a slate, or anything as short and loud, was heard. A witness beside sync, never its judge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.sound.fingerprint import RATE
from engines.sound.wave import Samples

_FRAME = RATE // 400
"""2.5 ms: a clap's rise."""
_BEFORE_FRAMES = 80
"""0.2 s before it, against which it must be loud."""
_RISE_DB = 18.0
_BELOW_LOUDEST_DB = 12.0
"""A clap is among the loudest that a slate microphone hears."""
_APART_FRAMES = 20
"""50 ms: what comes sooner is the same clap."""
_MOST = 8


def claps(mono: Samples) -> list[float]:
    """Return when claps were heard, in seconds of samples at RATE, the loudest first; at most eight."""
    count = len(mono) // _FRAME
    if count <= _BEFORE_FRAMES:
        return []
    peaks = np.abs(mono[: count * _FRAME]).reshape(count, _FRAME).max(axis=1) + 1e-9
    before = _mean_before(peaks)
    rises = 20 * np.log10(peaks / before)
    rises[:_BEFORE_FRAMES] = 0  # nothing is known of what came before
    loud = 20 * np.log10(peaks / peaks.max()) > -_BELOW_LOUDEST_DB
    found = [int(frame) for frame in np.flatnonzero((rises > _RISE_DB) & loud)]
    firsts = [
        frame for frame, past in zip(found, [-_APART_FRAMES - 1, *found], strict=False) if frame - past > _APART_FRAMES
    ]
    loudest = sorted(firsts, key=lambda frame: -peaks[frame])[:_MOST]
    return [
        (frame * _FRAME + int(np.argmax(np.abs(mono[frame * _FRAME : (frame + 1) * _FRAME])))) / RATE
        for frame in loudest
    ]


def agree(clip: list[float], sound: list[float], seconds: float, tolerance: float) -> bool | None:
    """Return whether the clip's claps are the sound's, its first frame lying at `seconds`; None where one has none."""
    if not clip or not sound:
        return None
    return any(abs(mine + seconds - theirs) <= tolerance for mine in clip for theirs in sound)


def _mean_before(peaks: NDArray[np.float32]) -> NDArray[np.float64]:
    total = np.cumsum(np.pad(peaks, (_BEFORE_FRAMES + 1, 0)), dtype=np.float64)
    return (total[_BEFORE_FRAMES:-1] - total[: -_BEFORE_FRAMES - 1]) / _BEFORE_FRAMES + 1e-9
