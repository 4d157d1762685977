"""Probe: the essence of a clip, measured and not believed.

Frames are counted as presented (after edit lists) by going through every packet, the rate comes from
presentation times, sound is decoded and counted. One pass over the file, at about the speed of its disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engines.errors import Undecodable, Unreadable, VariableRate
from engines.media.cadence import cadence
from engines.media.essence import (
    AudioTrack,
    CodeRange,
    Essence,
    FieldOrder,
    SidecarTimecode,
)
from engines.media.faults import translated
from engines.media.metadata import (
    all_metadata,
    camera_of,
    created_of,
    gamma_of,
    reel_of,
    setting_of,
    start_timecode,
    timed,
)
from engines.media.sequence import is_sequence, probe_sequence
from engines.media.sound import Listener, notes_on
from engines.media.source import MediaFile, MediaFiles, open_container
from engines.media.timecode import Timecode, label_rate, may_drop

_MAX_SIDE = 16384
_MIN_SIDE = 32
_MAX_FRAMES = 24 * 3600 * 120
"""A day at 120 frames a second: timecode comes round by then."""
_FIELD_ORDERS = {
    2: FieldOrder.TOP_FIRST,
    4: FieldOrder.TOP_FIRST,
    3: FieldOrder.BOTTOM_FIRST,
    5: FieldOrder.BOTTOM_FIRST,
}
"""AVFieldOrder: TT and TB show the top field first, BB and BT the bottom one."""
_MATRICES = {
    0: "rgb",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    9: "bt2020nc",
    10: "bt2020c",
}
_PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    9: "bt2020",
    11: "smpte431",
    12: "smpte432",
}
_TRANSFERS = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    8: "linear",
    11: "iec61966-2-4",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    18: "arib-std-b67",
}
_RAW = {"prores_raw": "ProRes RAW"}
"""Codecs that FFmpeg names, and that hold a sensor's mosaic instead of a picture."""
_DECODED_TO_COUNT = frozenset({"mpegts", "mpeg", "mpegvideo", "dv"})
"""Containers without an index: a packet there is not always a frame (fields, heads without key frame)."""


Progress = Callable[[int, int], None]
"""Told how many of a file's bytes were gone through."""


def quiet(_done: int, _total: int) -> None:
    """Tell nobody."""


def probe(
    files: MediaFiles,
    *,
    rate: Fraction | None = None,
    sidecar: SidecarTimecode | None = None,
    progress: Progress = quiet,
) -> Essence:
    """Return the essence of one movie or of spanned files in order.

    `rate` is the recipe's word: it makes a clip of variable rate one of that constant rate. `progress` is told
    file by file, since a clip of many minutes takes minutes to go through.

    Raises:
        Unreadable: damaged, cut short, or no movie. Undecodable: camera raw or a codec without decoder.
        VariableRate: no constant rate, and none was given.
    """
    if is_sequence(files[0]):
        return probe_sequence(files, rate)
    essences = [_probe_part(part, progress) for part in parted(files)]
    essence = essences[0]
    for other in essences[1:]:
        essence = _joined(essence, other, files[0].name)
    if essence.variable_rate:
        essence = _at_rate(essence, rate, files[0].name)
    elif rate is not None and rate != essence.rate:
        essence = _relabelled(replace(essence, notes=(*essence.notes, f"rate {rate} by recipe")), rate)
    return timed(essence, sidecar)


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of a clip: the file that holds its picture, and those that hold sound alone, as P2 records them."""

    picture: MediaFile
    sounds: tuple[MediaFile, ...]


def parted(files: MediaFiles) -> list[Part]:
    """Return the stretches of a spanned clip in order; files of sound alone go with the picture before them."""
    parts = [Part(files[0], ())]
    for file in islice(files, 1, None):
        with translated(file.name), open_container(file) as container:
            if container.streams.video:
                parts.append(Part(file, ()))
            else:
                parts[-1] = replace(parts[-1], sounds=(*parts[-1].sounds, file))
    return parts


def _probe_part(part: Part, progress: Progress) -> Essence:
    essence = _probe_file(part.picture, progress)
    for file in part.sounds:
        essence = replace(essence, audio=(*essence.audio, *_probe_sound(file, len(essence.audio), progress)))
    return essence


def _probe_sound(file: MediaFile, tracks_before: int, progress: Progress) -> tuple[AudioTrack, ...]:
    """Return the tracks of a file that holds sound alone."""
    with translated(file.name), open_container(file) as container:
        listener = Listener(container)
        for packet in told(container.demux(listener.tracks), file, progress):
            listener.hear(packet)
        return listener.measured(None, tracks_before)


def main_video(container: InputContainer, name: str) -> VideoStream:
    """Return the clip's picture stream: no cover art or icon, default before others, then the largest.

    Raises:
        Unreadable: there is none. Undecodable: its codec has no decoder here, or is a mosaic.
    """
    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        raise Unreadable(
            f"{name} holds no picture",
            why="there is no video stream in it",
            fix="if it is sound, offload it as a sound roll",
        )
    known = [stream for stream in streams if stream.codec_context is not None]
    if not known:
        raise _undecodable(name, "a codec that is not known here")
    return max(
        known,
        key=lambda s: (
            min(s.codec_context.width, s.codec_context.height) >= _MIN_SIDE,
            bool(s.disposition & av.stream.Disposition.default),
            s.codec_context.width * s.codec_context.height,
        ),
    )


def _probe_file(file: MediaFile, progress: Progress) -> Essence:
    with translated(file.name), open_container(file) as container:
        stream = main_video(container, file.name)
        context = stream.codec_context
        first = _first_frame(container, stream, file.name)
    with translated(file.name), open_container(file) as container:
        stream = main_video(container, file.name)
        times, audio, notes = _walk(container, stream, file, progress)
        frame_rate, variable = cadence(
            times,
            (stream.average_rate, stream.guessed_rate, stream.base_rate),
            stream.time_base or Fraction(1, 1000),
        )
        metadata = all_metadata(container)
        start, note = start_timecode(container, frame_rate)
        return Essence(
            container=container.format.name,
            codec=context.name,
            profile=str(context.profile or ""),
            width=first.width,
            height=first.height,
            pixel_aspect=stream.sample_aspect_ratio or Fraction(1),
            pixel_format=first.format.name,
            bits=max(component.bits for component in first.format.components),
            frames=len(times),
            rate=frame_rate,
            variable_rate=variable,
            field_order=_field_order(first, context),
            rotation_degrees=round(-first.rotation) % 360,
            code_range=_code_range(first),
            matrix=_MATRICES.get(int(first.colorspace), ""),
            primaries=_PRIMARIES.get(int(first.color_primaries), ""),
            transfer=_TRANSFERS.get(int(first.color_trc), ""),
            start_frame=start[0].frame,
            drop_frame=start[0].drop,
            timecode_source=start[1],
            reel=reel_of(metadata),
            camera=camera_of(metadata),
            created=created_of(metadata),
            audio=audio,
            notes=notes + note,
            gamma=gamma_of(metadata),
            setting=setting_of(metadata),
        )


def _first_frame(container: InputContainer, stream: VideoStream, name: str) -> VideoFrame:
    context = stream.codec_context
    if max(context.width, context.height) > _MAX_SIDE or min(context.width, context.height) < _MIN_SIDE:
        raise Unreadable(
            f"{name} has a raster of {context.width}x{context.height}",
            why=f"rasters from {_MIN_SIDE} to {_MAX_SIDE} a side are read",
            fix="check the file; if the size is right, transcode it",
        )
    if raw := _RAW.get(context.name):
        raise _undecodable(name, f"{raw}, a raw mosaic")
    frame = next(container.decode(stream), None)
    if frame is None:
        raise Unreadable(
            f"{name} holds no frame that decodes",
            why="the picture track is empty or damaged",
            fix="copy the clip again from the card; if it stays so, the recording itself is broken",
        )
    if frame.format.name.startswith("bayer"):
        raise _undecodable(name, f"a raw mosaic ({context.name})")
    return frame


def _undecodable(name: str, what: str) -> Undecodable:
    return Undecodable(
        f"{name} is {what}",
        why="no decoder here makes a picture of it",
        fix="transcode it with the vendor's tool, or let a proxy stand in with offload.stand_ins",
    )


def _walk(
    container: InputContainer, stream: VideoStream, file: MediaFile, progress: Progress
) -> tuple[list[Fraction], tuple[AudioTrack, ...], tuple[str, ...]]:
    """Return presentation times in seconds, ascending, audio tracks and notes, in one pass over the file."""
    decode_video = container.format.name.split(",")[0] in _DECODED_TO_COUNT
    listener = Listener(container)
    stream.thread_type = "AUTO"
    ticks: list[int] = []
    stored = 0
    for packet in told(container.demux([stream, *listener.tracks]), file, progress):
        if packet.stream.index != stream.index:
            listener.hear(packet)
        elif decode_video:
            ticks += _shown(packet)
        elif packet.size:
            if packet.is_corrupt:
                break  # the file ends within this frame
            stored += 1
            ticks += _presented(packet)
        if len(ticks) > _MAX_FRAMES:
            raise _too_long(file.name)
    else:
        if ticks and (decode_video or stored >= _promised(container, stream)):
            unit = stream.time_base or Fraction(1, 1000)
            times = [tick * unit for tick in sorted(ticks)]
            audio = listener.measured(times[0])
            return times, audio, listener.notes + notes_on(audio)
    raise _cut_short(file.name, stored, max(stored + 1, _promised(container, stream)))


def told(packets: Iterator[Packet[Stream]], file: MediaFile, progress: Progress) -> Iterator[Packet[Stream]]:
    """Yield a file's packets and tell how far they reach."""
    total = os.fstat(file.fd).st_size
    done = 0
    for packet in packets:
        done = min(done + packet.size, total)
        progress(done, total)
        yield packet


def _shown(packet: Packet[Stream]) -> list[int]:
    """Return the presentation ticks of the frames that a packet decodes to."""
    frames = (frame for frame in packet.decode() if isinstance(frame, VideoFrame))
    return [frame.pts for frame in frames if frame.pts is not None]


def _presented(packet: Packet[Stream]) -> list[int]:
    """Return a packet's presentation tick, none where the edit list leaves it out."""
    tick = packet.dts if packet.pts is None else packet.pts
    return [] if packet.is_discard or tick is None else [tick]


def _promised(container: InputContainer, stream: VideoStream) -> int:
    """Return how many stored frames the header promises; 0 where headers are known to be loose about it."""
    kind = container.format.name
    if "mov" in kind:
        return stream.frames
    if kind == "mxf":
        return stream.duration or 0  # in edit units, one a frame; FFmpeg's average rate may be of fields
    return 0


def _too_long(name: str) -> Unreadable:
    return Unreadable(
        f"{name} holds more than {_MAX_FRAMES} frames",
        why="that is more than a day at 120 a second, and no camera's recording",
        fix="check what it is; if it is footage, cut it into recordings of less than a day",
    )


def _cut_short(name: str, got: int, expected: int) -> Unreadable:
    return Unreadable(
        f"{name} is cut short: {got} of at least {expected} frames are there",
        why="its header promises more than the file holds",
        fix="offload this clip again from the card; if it stays so, the recording itself is cut short",
    )


def _joined(first: Essence, other: Essence, name: str) -> Essence:
    same = ("codec", "width", "height", "rate", "field_order", "pixel_format")
    unlike = [field for field in same if getattr(first, field) != getattr(other, field)]
    if unlike or len(first.audio) != len(other.audio):
        raise Unreadable(
            f"{name} spans files that do not fit together",
            why=f"they differ in {', '.join(unlike) or 'audio tracks'}",
            fix="check that the files belong to one recording",
        )
    audio = tuple(
        replace(one, samples=one.samples + more.samples) for one, more in zip(first.audio, other.audio, strict=True)
    )
    return replace(first, frames=first.frames + other.frames, audio=audio)


def _at_rate(essence: Essence, rate: Fraction | None, name: str) -> Essence:
    if rate is None:
        clip = name.rsplit(".", 1)[0]
        raise VariableRate(
            f"{name} has no constant frame rate",
            why=f"its frames come at {float(essence.rate):.3f} a second on average, unevenly",
            fix=f'name a rate in the recipe: `clips: {{"{clip}": {{source: {{rate: "24000/1001"}}}}}}`',
        )
    seconds = essence.frames / essence.rate
    note = f"variable rate ({float(essence.rate):.3f} on average) conformed to {rate} by recipe"
    return replace(_relabelled(essence, rate), frames=max(1, round(seconds * rate)), notes=(*essence.notes, note))


def _relabelled(essence: Essence, rate: Fraction) -> Essence:
    """Return the essence at another rate, its start label the same but for the frames within the second."""
    label = Timecode(essence.start_frame, essence.rate, essence.drop_frame).label
    head, frames = label[:8], int(label[9:]) * label_rate(rate) // label_rate(essence.rate)
    drop = essence.drop_frame and may_drop(rate)
    start = Timecode.parse(f"{head}:{frames:02}", rate, drop=False)
    return replace(essence, rate=rate, start_frame=start.frame, drop_frame=drop)


def _field_order(frame: VideoFrame, context: Any) -> FieldOrder:
    order = _FIELD_ORDERS.get(int(context.field_order or 0))
    if order is None and frame.interlaced_frame:
        return FieldOrder.TOP_FIRST
    return order or FieldOrder.PROGRESSIVE


def _code_range(frame: VideoFrame) -> CodeRange:
    full = int(frame.color_range) == 2 or frame.format.name.startswith("yuvj")  # noqa: PLR2004 - AVCOL_RANGE_JPEG
    rgb = frame.format.name.startswith(("rgb", "gbr", "bgr", "argb", "xyz"))
    return CodeRange.FULL if full or rgb else CodeRange.LEGAL
