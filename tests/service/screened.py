"""Clips of an actor before a green screen, and what a recipe asks of them."""

from __future__ import annotations

import json
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import jsonschema
import numpy as np
from av.video.frame import VideoFrame
from cart import Cart, seal

NAME = "A001C001"
_SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "nearset.schema.json").read_text(encoding="utf-8"))


@cache
def screened(
    seed: int = 1, frames: int = 8, *, start: str = "01:00:00:00", behind: tuple[int, int, int] = (40, 150, 60)
) -> bytes:
    """A clip of an actor, a grey block that walks, before a green screen."""
    buffer, (width, height) = BytesIO(), (128, 96)
    with av.open(buffer, "w", format="mov", options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream("prores_ks", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv422p10le"
        stream.metadata["timecode"] = start
        for number in range(frames):
            rgb = np.empty((height, width, 3), np.uint8)
            rgb[:] = behind
            rgb[30:90, 30 + 2 * number : 70 + 2 * number] = (150 + seed, 140, 145)
            frame = VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv422p10le")
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def ask(cart: Cart, **words: object) -> None:
    """Write a recipe that asks this of all clips of A001; what is restored stays what it was."""
    cart.recipe.write_text(json.dumps({"clips": {"A001*": {"restore": {"strength": 0}} | words}}), encoding="utf-8")


def offload(cart: Cart, movie: bytes, name: str = NAME) -> None:
    """Offload a card of one clip, sealed."""
    roll = cart.roll(name[:4])
    cart.put(roll, {f"{name}.mov": movie})
    seal(roll)


def recorded(cart: Cart, roll: str = "A001") -> dict[str, Any]:
    """The record's only clip; the record keeps to its published schema."""
    record = cart.record(roll)
    jsonschema.validate(record, _SCHEMA)
    (clip,) = record["clips"]
    return clip


def current(cart: Cart) -> dict[str, str]:
    """Path of the current revision of each thing that was made."""
    return dict(recorded(cart)["current"])
