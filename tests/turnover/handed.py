"""A roll as it is handed over, in a test's hands: clips of any rate, timecode and sound."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from daemon.slate import FileMark, Published, Twin, Vendor, VerifiedFile
from daemon.turnover.naming import safe_name
from daemon.turnover.roll import Roll, TurnoverClip, UndeliveredClip
from engines.media.essence import AudioTrack, CodeRange, Essence, FieldOrder, TimecodeSource
from engines.media.timecode import Timecode


def clip(
    name: str, rate: Fraction, *, drop: bool = False, start: str = "01:00:00:00", frames: int = 100
) -> TurnoverClip:
    sound = tuple(AudioTrack(n, "pcm_s24le", 1, 48000, 24, 200200, "mono", lossless=True) for n in range(2))
    essence = Essence(
        container="mov", codec="prores", profile="HQ", width=3840, height=2160, pixel_aspect=Fraction(1),
        pixel_format="yuv422p10le", bits=10, frames=frames, rate=rate, variable_rate=False,
        field_order=FieldOrder.PROGRESSIVE, rotation_degrees=0, code_range=CodeRange.LEGAL, matrix="bt709",
        primaries="bt709", transfer="bt709", start_frame=Timecode.parse(start, rate, drop=drop).frame, drop_frame=drop,
        timecode_source=TimecodeSource.TMCD, reel="A001R1JL", camera="ARRI ALEXA 35", created="", audio=sound,
    )  # fmt: skip
    plain = Published(
        Twin.PLAIN, 1, f"proxy/{safe_name(name)}.mov", "ab" * 16, 10, 1920, 1080, "dnxhr_lb", "", "", "r", "t", {}
    )
    enhanced = replace(
        plain,
        twin=Twin.ENHANCED,
        path=f"enhanced/{safe_name(name)}.mov",
        xxh128="cd" * 16,
        model="restore-lite@1",
        engine="e",
    )
    mark = FileMark(1, 2, 3, 4, 5)
    file = VerifiedFile(f"{safe_name(name)}.mov", mark, {"xxh128": "ef" * 16}, {"xxh128": "ef" * 16})
    stills = {Twin.PLAIN: "report/p.jpg", Twin.ENHANCED: "report/e.jpg"}
    words = (("restore.strength", "1.0", "config"),)
    return TurnoverClip(name, essence, "verified", "id", (file,), (plain, enhanced), stills, words)


def roll(*clips: TurnoverClip, undelivered: tuple[UndeliveredClip, ...] = ()) -> Roll:
    return Roll(
        "SHOW", "The Show", "20261124", "A001", "20261124/Camera Media/A001", Vendor.ARRI, clips, undelivered, (),
        "2026-11-24T18:00:00+00:00", "0.1.0",
    )  # fmt: skip
