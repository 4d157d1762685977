"""Estimates: about how large a proxy will be, before it is made: its codec's bitrate times its length, and sound.

And about how large the parts are that a long clip is enhanced in.
"""

from __future__ import annotations

from engines.media.essence import Essence
from engines.media.layout import tracks_of
from engines.media.preset import ProxyCodec, dnxhd_36_bits_a_second
from engines.media.proxy import ProxySpec

_BITS_A_PIXEL = {
    ProxyCodec.DNXHR_LB: 0.74,
    ProxyCodec.PRORES_PROXY: 0.74,
    ProxyCodec.PRORES_LT: 1.63,
    ProxyCodec.PRORES_HQ: 4.93,
    ProxyCodec.H264: 0.09,
}
"""Bits a pixel of our own proxies without sound, mean over three clips at 960x540 and 1280x720. Source: our
measurement, 2026-11-24; what is filmed moves all but DNxHR by half either way."""

_BITS_A_PIXEL_BETWEEN = 12.0
"""Bits a pixel of enhanced pictures in a part: a little more than the 6.3 to 10.7 of four real files. Source: our
measurement, 2026-11-27 (`bench/seams.py`)."""


def part_bytes(working: ProxySpec, frames: int) -> int:
    """Return about how many bytes so many enhanced pictures take until they are joined."""
    return int(working.width * working.height * frames * _BITS_A_PIXEL_BETWEEN / 8)


def proxy_bytes(essence: Essence, spec: ProxySpec) -> int:
    """Return about how many bytes a proxy will have."""
    sound = sum(track.samples * track.channels * max(track.bits, 16) // 8 for track in tracks_of(essence, spec))
    if spec.codec is ProxyCodec.DNXHD_36:
        return int(dnxhd_36_bits_a_second(essence.rate) * essence.seconds / 8) + sound
    return int(spec.width * spec.height * essence.frames * _BITS_A_PIXEL[spec.codec] / 8) + sound
