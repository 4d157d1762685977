"""Stills of half-float OpenEXR, one a frame: colour and alpha, with timecode, rate and reel in the header.

Names and headers are by the source's own frame count since midnight, so that a conform by timecode finds each still.
Source: OpenEXR 3.5, "Standard Attributes" (timeCode, framesPerSecond, reelName); SMPTE ST 12-1, 12 (frame pairs).
"""

from __future__ import annotations

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR

from engines.errors import EncodeFailed
from engines.media.essence import Essence
from engines.media.proxy import ProxySpec, Rotation, pixel_aspect
from engines.media.timecode import Timecode, label_rate

SUFFIX = ".exr"
_LABELS, _PAIRS = 30, 60
"""Frames a second that a header's timecode counts one by one, and in pairs; beyond, the label alone is written."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """The stills of one clip on the raster of `spec`, named `stem` before the frame number.

    `said` is what the header says of their colour.
    """

    stem: str
    essence: Essence
    spec: ProxySpec
    said: str

    def frame(self, number: int) -> Timecode:
        """Return the timecode of the picture of a number, from 0."""
        essence = self.essence
        return Timecode(essence.start_frame, essence.rate, essence.drop_frame).plus(number)

    def name(self, number: int) -> str:
        """Return the file name of the picture of a number."""
        return f"{self.stem}.{self.frame(number).frame:08d}{SUFFIX}"

    def write(self, folder: Path, number: int, rgb: npt.NDArray[np.float32], alpha: npt.NDArray[np.float32]) -> Path:
        """Write the picture of a number, `[H, W, 3]` and `[H, W]`, and return its path.

        Raises:
            OSError: the volume is full. EncodeFailed: it was not written for another reason.
        """
        path = folder / self.name(number)
        pixels = np.dstack((rgb, alpha)).astype(np.float16)
        try:
            OpenEXR.File(self._header(number), {"RGBA": np.ascontiguousarray(pixels)}).write(str(path))
        except (RuntimeError, OSError) as error:
            if shutil.disk_usage(folder).free < pixels.nbytes:  # the library does not say why it could not write
                raise OSError(errno.ENOSPC, "no space left", str(path)) from error
            raise EncodeFailed(
                f"{path.name} was not written", why=str(error), fix="look at the volume; it is tried again"
            ) from error
        return path

    def check(self, folder: Path, number: int, height: int, width: int) -> None:
        """Read a still's header back.

        Raises:
            EncodeFailed: it is not what was written.
        """
        path = folder / self.name(number)
        try:
            found = OpenEXR.File(str(path), header_only=True).header()
        except (RuntimeError, OSError) as error:
            raise EncodeFailed(f"{path.name} cannot be read back", why=str(error), fix="it is made again") from error
        label, (_, last) = str(found.get("nearset/timecode", "")), found["dataWindow"]
        if label != self.frame(number).label or tuple(last) != (width - 1, height - 1):
            why = f"its timecode is {label}, its last pixel {tuple(last)}"
            raise EncodeFailed(f"{path.name} is not what was written", why=why, fix="it is made again")

    def _header(self, number: int) -> dict[str, Any]:
        timecode, essence = self.frame(number), self.essence
        header = {
            "compression": OpenEXR.ZIP_COMPRESSION,
            "type": OpenEXR.scanlineimage,
            "framesPerSecond": essence.rate,
            "pixelAspectRatio": float(pixel_aspect(essence, self.spec) or 1),
            "reelName": self.spec.reel,
            "comments": self.said,
            "nearset/timecode": timecode.label,
        }
        if essence.rotation_degrees and self.spec.rotation is Rotation.TAG:
            header["nearset/rotation_degrees"] = essence.rotation_degrees  # the format has no tag of its own for it
        base = label_rate(essence.rate)
        if base > _PAIRS:
            return header
        hours, minutes, seconds, frame = (int(part) for part in timecode.label.replace(";", ":").split(":"))
        counted = OpenEXR.TimeCode()
        counted.hours, counted.minutes, counted.seconds = hours, minutes, seconds
        counted.frame, counted.fieldPhase = divmod(frame, 2) if base > _LABELS else (frame, 0)
        counted.dropFrame = int(essence.drop_frame)
        return header | {"timeCode": counted}
