"""The kernels in numpy: the same names, the same arithmetic in float32, the same roundings. What tests compare with.

Planes are `[H, W]` and `[H or H/2, W/2]` of uint8 or uint16; packed and RGB pictures are float16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.media.frames import CODE_MAX

Plane = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Planes = tuple[Plane, Plane, Plane]
Half = npt.NDArray[np.float16]
Single = npt.NDArray[np.float32]

REC709 = (0.2126, 0.0722)
"""Weights of red and blue in luma. Source: ITU-R BT.709-6, item 3.2."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How planes lie: chroma on half the rows (4:2:0) or all (4:2:2), and bits a sample."""

    half_rows: bool
    bits: int

    @property
    def name(self) -> str:
        """Name of the layout in the kernels' names."""
        return f"yuv{420 if self.half_rows else 422}_{self.bits}"

    @property
    def kind(self) -> type[np.uint8 | np.uint16]:
        """Type of a sample."""
        return np.uint8 if self.bits == 8 else np.uint16  # noqa: PLR2004 - bits of a byte


LAYOUTS = tuple(Layout(half_rows, bits) for half_rows in (True, False) for bits in (8, 10, 16))


@dataclass(frozen=True, slots=True)
class Cdl:
    """ASC CDL: slope, offset, power for red, green, blue, and saturation. Source: ASC CDL 1.2."""

    slope: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    power: tuple[float, float, float] = (1.0, 1.0, 1.0)
    saturation: float = 1.0


def packed_from(layout: Layout, planes: Planes, rows: int, columns: int) -> Half:
    """Return the network's picture `[8, rows, columns]`, range 0-1: as `packing.pack`, from a camera's planes."""
    luma, *chroma = (_codes(layout, plane) for plane in planes)
    height = luma.shape[0]
    luma = _grown(luma, 2 * rows, 2 * columns)
    parts = [luma[down::2, across::2] for down in (0, 1) for across in (0, 1)]
    for plane in chroma:
        full = _grown(_full_rows(layout, plane, height), 2 * rows, columns)
        parts += [full[down::2] for down in (0, 1)]
    return (np.stack(parts) / np.float32(CODE_MAX)).astype(np.float16)


def planes_from_packed(layout: Layout, packed: Half, height: int, width: int) -> Planes:
    """Return planes of `height` x `width` of a network's picture, rounded, 4:2:0 as the mean of two rows."""
    codes = packed.astype(np.float32) * np.float32(CODE_MAX)
    rows, columns = packed.shape[1:]
    luma = np.empty((2 * rows, 2 * columns), np.float32)
    for number, (down, across) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        luma[down::2, across::2] = codes[number]
    chroma = []
    for first in (4, 6):
        if layout.half_rows:
            plane = np.float32(0.5) * (codes[first] + codes[first + 1])
        else:
            plane = codes[first : first + 2].swapaxes(0, 1).reshape(2 * rows, columns)
        chroma.append(_samples(layout, plane[: _chroma_rows(layout, height), : width // 2]))
    return _samples(layout, luma[:height, :width]), chroma[0], chroma[1]


def rgb_from(layout: Layout, planes: Planes, matrix: tuple[float, float]) -> Half:
    """Return R'G'B' `[3, H, W]`, 0 black and 1 white; what lies outside is kept."""
    luma, *chroma = (_codes(layout, plane) for plane in planes)
    height = luma.shape[0]
    blue, red = ((_full_columns(_full_rows(layout, plane, height)) - 512) / np.float32(896) for plane in chroma)
    of_red, of_blue = np.float32(matrix[0]), np.float32(matrix[1])
    luma = (luma - 64) / np.float32(876)
    r, b = luma + 2 * (1 - of_red) * red, luma + 2 * (1 - of_blue) * blue
    g = (luma - of_red * r - of_blue * b) * (np.float32(1) / (1 - of_red - of_blue))
    return np.stack((r, g, b)).astype(np.float16)


def planes_from_rgb(layout: Layout, rgb: Half, matrix: tuple[float, float]) -> Planes:
    """Return planes of R'G'B'; chroma is weighed one, two, one along a row, 4:2:0 also the mean of two rows."""
    r, g, b = rgb.astype(np.float32)
    of_red, of_blue = np.float32(matrix[0]), np.float32(matrix[1])
    luma = of_red * r + (1 - of_red - of_blue) * g + of_blue * b
    chroma = []
    for colour, weight in ((b, of_blue), (r, of_red)):
        full = 512 + (colour - luma) * (np.float32(896) / (2 * (1 - weight)))
        wide = np.pad(full, ((0, 0), (1, 1)), mode="edge")
        plane = np.float32(0.25) * (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:])[:, ::2]
        if layout.half_rows:
            plane = _grown(plane, 2 * _chroma_rows(layout, luma.shape[0]), plane.shape[1])
            plane = np.float32(0.5) * (plane[::2] + plane[1::2])
        chroma.append(_samples(layout, plane))
    return _samples(layout, 64 + 876 * luma), chroma[0], chroma[1]


def look(rgb: Half, cdl: Cdl, lut: Single) -> Half:
    """Return a picture under a CDL and then a LUT `[b, g, r, 3]`, read along tetrahedra.

    Source: Kasson et al. 1995, "Performing color space conversions with three-dimensional linear interpolation".
    """
    picture = rgb.astype(np.float32).reshape(3, -1)
    slope, offset, power = (np.array(x, np.float32)[:, None] for x in (cdl.slope, cdl.offset, cdl.power))
    value = np.clip(picture * slope + offset, 0, 1) ** power
    luma = np.array((0.2126, 0.7152, 0.0722), np.float32) @ value
    place = np.clip(luma + np.float32(cdl.saturation) * (value - luma), 0, 1) * np.float32(lut.shape[0] - 1)
    low = np.minimum(place.astype(np.int64), lut.shape[0] - 2)
    part = place - low
    order = np.argsort(-part, axis=0, kind="stable")
    corner, before = low.copy(), np.ones(part.shape[1], np.float32)
    mixed = np.zeros((part.shape[1], 3), np.float32)
    for axis in order:
        share = np.take_along_axis(part, axis[None], 0)[0]
        mixed += lut[corner[2], corner[1], corner[0]] * (before - share)[:, None]
        np.put_along_axis(corner, axis[None], np.take_along_axis(corner, axis[None], 0) + 1, 0)
        before = share
    mixed += lut[corner[2], corner[1], corner[0]] * before[:, None]
    return mixed.T.astype(np.float16).reshape(rgb.shape)


def points(lut: Single) -> Single:
    """Return a LUT `[b, g, r, 3]` as the kernel reads it: `[b, g, r, 4]`, so that a point is read at once."""
    return np.ascontiguousarray(np.pad(lut, ((0, 0), (0, 0), (0, 0), (0, 1))))


def _codes(layout: Layout, plane: Plane) -> Single:
    return plane.astype(np.float32) * np.float32(1024 / (1 << layout.bits))


def _samples(layout: Layout, codes: Single) -> Plane:
    scaled = np.clip(codes * np.float32((1 << layout.bits) / 1024), 0, (1 << layout.bits) - 1)
    samples: Plane = np.rint(scaled).astype(layout.kind)
    return samples


def _chroma_rows(layout: Layout, height: int) -> int:
    return -(-height // 2) if layout.half_rows else height


def _full_rows(layout: Layout, plane: Single, height: int) -> Single:
    """Return chroma on all rows: of 4:2:0, which lies between them, three parts of the nearer, one of the farther."""
    if not layout.half_rows:
        return plane
    near = np.repeat(plane, 2, axis=0)[:height]
    tall = np.pad(plane, ((1, 1), (0, 0)), mode="edge")
    far = np.stack((tall[:-2], tall[2:]), axis=1).reshape(-1, plane.shape[1])[:height]
    return np.float32(0.75) * near + np.float32(0.25) * far


def _full_columns(plane: Single) -> Single:
    """Return chroma at all columns: it lies at the even ones, between them the mean of both neighbours."""
    right = np.pad(plane, ((0, 0), (0, 1)), mode="edge")[:, 1:]
    return np.stack((plane, np.float32(0.5) * (plane + right)), axis=2).reshape(plane.shape[0], -1)


def _grown(plane: Single, rows: int, columns: int) -> Single:
    below, beside = rows - plane.shape[0], columns - plane.shape[1]
    return np.pad(plane, ((0, below), (0, beside)), mode="edge")
