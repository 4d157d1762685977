"""Levels are right by value: what a ramp holds is what comes back, whatever the tags say."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from shots import TOLERANCE, Shot, codes, decoded, deliver, planes, probed

from engines.media.essence import CodeRange
from engines.media.proxy import ProxyCodec

PATCH = 32
RAMP = np.linspace(64, 1019, 60).round().astype(np.uint16)
"""Black to super-white: all that a legal signal may hold above black."""


def patches(values: np.ndarray) -> np.ndarray:
    return np.kron(values.reshape(6, 10), np.ones((PATCH, PATCH), np.uint16)).astype(np.uint16)


def ramp(number: int) -> VideoFrame:
    del number
    return planes(patches(RAMP), 512, 512)


def means(plane: np.ndarray, depth_shift: int = 0) -> np.ndarray:
    """The middle of each patch, as 10-bit codes."""
    side_y, side_x = plane.shape[0] // 6, plane.shape[1] // 10
    inner = plane.reshape(6, side_y, 10, side_x)[:, side_y // 4 : -side_y // 4, :, side_x // 4 : -side_x // 4]
    return inner.mean(axis=(1, 3)).reshape(-1) * 2**depth_shift


def proxy_luma(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    deep = frame.format.name.endswith("10le")
    return means(codes(frame, frame.format.name)[0], 0 if deep else 2)


@pytest.mark.parametrize("codec", TOLERANCE)
def test_a_legal_ramp_comes_back_super_whites_included(tmp_path: Path, codec: ProxyCodec) -> None:
    clip = Shot(frames=3, size=(320, 192)).write(tmp_path / "ramp.mov", ramp)
    done = deliver(clip, out=tmp_path / "proxy.mov", codec=codec)
    assert np.abs(proxy_luma(done.path) - RAMP).max() <= TOLERANCE[codec]


def test_a_halved_ramp_comes_back(tmp_path: Path) -> None:
    clip = Shot(frames=2, size=(320, 192)).write(tmp_path / "ramp.mov", ramp)
    done = deliver(clip, out=tmp_path / "proxy.mov", codec=ProxyCodec.PRORES_HQ, width=160)
    assert np.abs(proxy_luma(done.path) - RAMP).max() <= 2


def test_a_full_range_source_is_scaled_to_legal(tmp_path: Path) -> None:
    full = np.linspace(0, 255, 60).round().astype(np.uint8)

    def paint(number: int) -> VideoFrame:
        del number
        frame = VideoFrame(320, 192, "yuv420p")
        for plane, value in zip(frame.planes, (patches(full.astype(np.uint16)), 128, 128), strict=True):
            rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
            rows[:, : plane.width] = value
        frame.color_range = 2
        return frame

    shot = Shot(frames=3, codec="libx264", pixel_format="yuv420p", options={"qp": "0"}, color_range=2)
    clip = shot.write(tmp_path / "phone.mp4", paint)
    assert probed(clip).code_range is CodeRange.FULL
    done = deliver(clip, out=tmp_path / "proxy.mov", codec=ProxyCodec.PRORES_HQ)
    legal = 64 + full.astype(float) * 876 / 255
    assert np.abs(proxy_luma(done.path) - legal).max() <= 2
    assert done.proxy.code_range is CodeRange.LEGAL
    half = deliver(clip, out=tmp_path / "half.mov", codec=ProxyCodec.PRORES_HQ, width=160)
    assert np.abs(proxy_luma(half.path) - legal).max() <= 2


@pytest.mark.parametrize("pixel_format", ["yuvj422p", "yuvj420p"])
@pytest.mark.parametrize("width", [320, 160])
def test_full_range_of_a_stills_camera(tmp_path: Path, pixel_format: str, width: int) -> None:
    full = np.linspace(4, 250, 60).round().astype(np.uint8)

    def paint(number: int) -> VideoFrame:
        del number
        frame = VideoFrame(320, 192, pixel_format)
        for plane, value in zip(frame.planes, (patches(full.astype(np.uint16)), 200, 60), strict=True):
            rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
            rows[:, : plane.width] = value
        return frame

    shot = Shot(frames=2, codec="mjpeg", pixel_format=pixel_format, options={"qmin": "1", "q": "1"}, color_range=2)
    clip = shot.write(tmp_path / "MVI_0001.avi", paint)
    done = deliver(clip, out=tmp_path / "proxy.mov", codec=ProxyCodec.PRORES_HQ, width=width)
    luma, cb, cr = decoded(done.path)[0]
    assert np.abs(means(luma) - (64 + full.astype(float) * 876 / 255)).max() <= 5
    assert abs(means(luma).mean() - (64 + full.mean() * 876 / 255)) <= 1
    assert abs(cb.mean() - (512 + 72 * 896 / 255)) <= 2
    assert abs(cr.mean() - (512 - 68 * 896 / 255)) <= 2


def test_colour_outside_of_rgb_survives(tmp_path: Path) -> None:
    """Codes that no R'G'B' holds (super-white with strong chroma) go through: nothing passes by R'G'B'."""
    clip = Shot(frames=2, size=(320, 192)).write(
        tmp_path / "wild.mov", lambda _: planes(np.full((192, 320), 1000, np.uint16), 900, 120)
    )
    for width in (320, 160):
        done = deliver(clip, out=tmp_path / f"proxy{width}.mov", codec=ProxyCodec.PRORES_HQ, width=width)
        luma, cb, cr = decoded(done.path)[0]
        assert abs(luma.mean() - 1000) <= 2
        assert abs(cb.mean() - 900) <= 2
        assert abs(cr.mean() - 120) <= 2


def test_rgb_becomes_bt709(tmp_path: Path) -> None:
    def red(number: int) -> VideoFrame:
        del number
        picture = np.zeros((192, 320, 3), np.uint8)
        picture[..., 0] = 255
        return VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="rgb24")

    shot = Shot(frames=2, codec="qtrle", pixel_format="rgb24", color_range=0)
    done = deliver(shot.write(tmp_path / "red.mov", red), out=tmp_path / "p.mov", codec=ProxyCodec.PRORES_HQ)
    assert done.proxy.matrix == "bt709"
    luma, cb, cr = decoded(done.path)[0]
    assert abs(luma.mean() - (64 + 876 * 0.2126)) <= 2
    assert abs(cb.mean() - (512 - 896 * 0.2126 / 1.8556)) <= 3
    assert abs(cr.mean() - 960) <= 3


def test_an_ntsc_matrix_is_carried_not_converted(tmp_path: Path) -> None:
    """A BT.601 source keeps its codes and its tag."""
    clip = Shot(
        frames=2,
        codec="libx264",
        pixel_format="yuv422p10le",
        options={"qp": "0", "x264-params": "colormatrix=smpte170m"},
    )
    path = clip.write(tmp_path / "sd.mp4", lambda _: planes(np.full((192, 320), 500, np.uint16), 600, 400))
    done = deliver(path, out=tmp_path / "p.mov", codec=ProxyCodec.PRORES_HQ)
    assert done.source.matrix == done.proxy.matrix == "smpte170m"
    luma, cb, cr = decoded(done.path)[0]
    assert (abs(luma.mean() - 500), abs(cb.mean() - 600), abs(cr.mean() - 400)) <= (2, 2, 2)
