"""A clip's log picture, small: what a grade is predicted from and matched by. One frame of its middle, averaged.

Range: values of the working space (ACEScct, or the camera's own log). Averages lose the grain and keep the light.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from av.video.frame import VideoFrame
from PyOpenColorIO import ColorSpaceTransform

from engines.colour.cdl import Values
from engines.colour.look import ACESCCT, Look, Working
from engines.colour.predict import HEIGHT, WIDTH
from engines.colour.spaces import SPACES, CameraSpace
from engines.colour.transform import camera_values, config
from engines.media.conform import Conform, picture_of
from engines.media.essence import Essence, FieldOrder
from engines.media.faults import translated
from engines.media.frames import Picture
from engines.media.probe import main_video
from engines.media.proxy import ProxyCodec, ProxySpec, Rotation
from engines.media.sequence import CONTAINER, decoded
from engines.media.source import MediaFile, MediaFiles, open_container
from engines.media.ycbcr import rgb_of

_CONFORMED = (128, 72)


def log_picture(files: MediaFiles, essence: Essence, space: CameraSpace, working: Working) -> tuple[float, ...]:
    """Return the clip's small log picture, row by row, R'G'B'. Shape: `[HEIGHT * WIDTH * 3]`, four digits each.

    Raises:
        MediaError: no frame of it decodes.
    """
    upright = replace(essence, field_order=FieldOrder.PROGRESSIVE)
    spec = ProxySpec(ProxyCodec.PRORES_PROXY, *_CONFORMED, "", "", deinterlace=False, rotation=Rotation.TAG)
    frame = next(iter(Conform(upright, spec)(_middle(files, essence))))
    return tuple(small(picture_of(frame), essence, space, working).round(4).reshape(-1).tolist())


def small(picture: Picture, essence: Essence, space: CameraSpace, working: Working) -> Values:
    """Return a working picture's small log picture. Shape: `[HEIGHT, WIDTH, 3]`."""
    codes = np.stack([picture.y[:, ::2], picture.cb, picture.cr], -1).astype(np.float32)
    look = Look(space.name)
    values = camera_values(rgb_of(codes, essence.matrix), look, essence.code_range)
    values = np.ascontiguousarray(cv2.resize(values, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).reshape(-1, 3))
    if working is Working.ACESCCT and not space.is_display:
        into = ColorSpaceTransform(SPACES[space.name].ocio, ACESCCT)
        config().getProcessor(into).getDefaultCPUProcessor().applyRGB(values)
    return values.reshape(HEIGHT, WIDTH, 3)


def _middle(files: MediaFiles, essence: Essence) -> VideoFrame:
    """Return a frame of about the middle, where no slate is; the first where the container cannot be sought in."""
    if essence.container == CONTAINER:
        return next(decoded([files[len(files) // 2]]))
    file = files[0]
    with translated(file.name), open_container(file) as container:
        stream = main_video(container, file.name)
        if container.duration:
            container.seek(container.duration // 2)
        frame = next(container.decode(stream), None)
    return frame if frame is not None else _first(file)


def _first(file: MediaFile) -> VideoFrame:
    with translated(file.name), open_container(file) as container:
        return next(container.decode(main_video(container, file.name)))
