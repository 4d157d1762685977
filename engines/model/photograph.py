"""Photographs: what a camera gives that has made its own picture of what its sensor saw.

Noise in such a picture has been through an interpolated mosaic, the camera's own denoiser, its tone curve, its
sharpening and its codec. None of these adds to a picture: each bends it. So nothing is put on a picture here
(`synthetic.py` does that); light is photographed, again and again.

The truth is the mean of many exposures of the same light, as with the real pairs that judge: what a camera's denoiser
took away in every one of them is not asked for. Exposures come in pairs whose sensor noise is each other's opposite,
so that two of them average out most of it. Nothing here knows a network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
import torch

from engines.media.frames import CODE_MAX
from engines.model.synthetic import from_rgb, pack_planes, planes, rgb

Floats = npt.NDArray[np.float32]

_BLACK, _SPAN = 8192, 40000
"""Codes of 16 bits of a sensor's black and of white light, in the mosaic: noise goes under and over them."""
_GREY = 0.18
"""Middle grey, of linear light."""
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""BT.709. Source: ITU-R BT.709-6, item 3.2."""
_STARLET = (0.889, 0.2, 0.086)
"""Deviation of white noise in the first three scales of a starlet transform. Source: Starck, Murtagh 2006,
"Astronomical Image and Data Analysis", table 2.1."""
_SUBSAMPLINGS = {
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
}


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera and its settings; light is 0-1, lengths are in pixels.

    `soft` is its lens's blur. Sensor noise has the variance `shot * light + read^2`, light before the gains of the
    white balance, `red` and `blue`. `mosaic` is how it is interpolated (linear, edges, or none: three sensors). Its
    `denoiser` (none, bilateral, means or starlet) works at `strength` times the noise, in the square root of light, a
    starlet at `coarser` times that on each coarser scale, and gives `left` of what it took back, in texture up to
    `spared`; chroma is blurred by `smear`, after a median over `median` pixels. The sensor's pixels are `enlarged` so
    much (a crop, a digital zoom). Then come the curve, x^(1/gamma) and so much `contrast`, sharpening by `sharp` over
    a `radius`, and JPEG of a `quality` (0: none, ten bits). Whoever cut the picture may have coded it once more, at the
    quality `again` (0: none) and 4:2:0; its blocks then begin so many rows and columns, `cut`, into the camera's.
    """

    soft: float
    enlarged: float
    shot: float
    read: float
    red: float
    blue: float
    mosaic: str
    denoiser: str
    strength: float
    coarser: float
    left: float
    spared: float
    smear: float
    median: int
    gamma: float
    contrast: float
    sharp: float
    radius: float
    quality: int
    subsampling: str
    again: int = 0
    cut: tuple[int, int] = (0, 0)


def random_camera(rng: np.random.Generator) -> Camera:
    """Return a camera drawn at random, from a quiet one to a small sensor in the dark."""
    level, share = 10 ** rng.uniform(-2.3, -1.2), rng.uniform(0.3, 1.0)
    return Camera(
        soft=rng.uniform(0.3, 1.5) if rng.random() < 0.6 else 0.0,  # noqa: PLR2004 - three in five
        enlarged=rng.uniform(1.1, 1.8) if rng.random() < 0.5 else 1.0,  # noqa: PLR2004 - half of them
        shot=share * level**2 / _GREY,
        read=(1 - share) ** 0.5 * level,
        red=rng.uniform(1.0, 2.2),
        blue=rng.uniform(1.0, 2.2),
        mosaic=str(rng.choice(["linear", "edges", "none"], p=[0.35, 0.5, 0.15])),
        denoiser=str(rng.choice(["none", "bilateral", "means", "starlet"], p=[0.06, 0.2, 0.3, 0.44])),
        strength=10 ** rng.uniform(0.1, 0.9),
        coarser=rng.uniform(0.2, 1.0),
        left=rng.uniform(0.0, 0.3) if rng.random() < 0.4 else 0.0,  # noqa: PLR2004 - two in five
        spared=rng.uniform(0.3, 1.0) if rng.random() < 0.8 else 0.0,  # noqa: PLR2004 - four in five
        smear=10 ** rng.uniform(0.0, 1.0),
        median=int(rng.choice([0, 3, 5])),
        gamma=rng.uniform(1.8, 2.6),
        contrast=rng.uniform(0.0, 0.8),
        sharp=rng.uniform(0.0, 1.5) if rng.random() < 0.7 else 0.0,  # noqa: PLR2004 - seven in ten
        radius=rng.uniform(0.6, 2.0),
        quality=int(rng.uniform(75, 99)) if rng.random() < 0.8 else 0,  # noqa: PLR2004 - four in five
        subsampling=str(rng.choice(list(_SUBSAMPLINGS))),
    )


def coded_again(camera: Camera, rng: np.random.Generator) -> Camera:
    """Return a camera whose pictures are coded once more, as those in archives and on the web are."""
    quality, again, cut = int(rng.uniform(70, 97)), int(rng.uniform(65, 93)), rng.integers(0, 8, 2)
    return replace(camera, quality=quality, again=again, cut=(int(cut[0]), int(cut[1])))


def light_of(packed: torch.Tensor, camera: Camera, side: int) -> Floats:
    """Return the light on the sensor, of packed square pictures `[T, 8, h, h]`: `[T, side, side, 3]`, 0-1."""
    shown = rgb(*planes(packed)).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    light = [
        cv2.resize(one, (side, side), interpolation=cv2.INTER_CUBIC).clip(0, 1)
        for one in np.ascontiguousarray(shown) ** np.float32(camera.gamma)
    ]
    return np.stack([_blurred(one, camera.soft) if camera.soft else one for one in light]).astype(np.float32)


def photographs(light: Floats, camera: Camera, rng: np.random.Generator) -> torch.Tensor:
    """Return an exposure of each of `[T, H, W, 3]`, packed `[T, 8, H/2, W/2]`, in whole code values / 1023."""
    exposed = [_developed(one, rng.standard_normal(one.shape, np.float32), camera) for one in light]
    shown = _packed(np.stack(exposed))
    return (shown * CODE_MAX).round() / CODE_MAX


def mean_of_exposures(light: Floats, camera: Camera, rng: np.random.Generator, pairs: int) -> torch.Tensor:
    """Return what the camera gives of each on the mean, packed as in `photographs`: of so many pairs of exposures."""
    means = []
    for one in light:
        noises = [rng.standard_normal(one.shape, np.float32) for _ in range(pairs)]
        shown = [_developed(one, sign * noise, camera) for noise in noises for sign in (1, -1)]
        means.append(np.mean(shown, 0, dtype=np.float32))
    return _packed(np.stack(means))


def _packed(shown: Floats) -> torch.Tensor:
    """Return R'G'B' pictures `[T, H, W, 3]` packed; four code values of each end are the interface's."""
    luma, chroma = from_rgb(torch.from_numpy(shown).permute(0, 3, 1, 2))
    return pack_planes(luma, chroma).clamp(4 / CODE_MAX, 1019 / CODE_MAX)


def _developed(light: Floats, noise: Floats, camera: Camera) -> Floats:
    """Return R'G'B' `[H, W, 3]`, 0-1, of light and the sensor's noise in units of its deviation."""
    gains = np.array([camera.red, 1.0, camera.blue], np.float32)
    height, width = (round(side / camera.enlarged / 2) * 2 for side in light.shape[:2])
    sensed = cv2.resize(light, (width, height), interpolation=cv2.INTER_AREA) / gains
    sensed = sensed + noise[:height, :width] * np.sqrt(np.float32(camera.shot) * sensed + np.float32(camera.read**2))
    seen = np.clip(_demosaicked(sensed, camera.mosaic) * gains, 0, 1)
    quiet = _denoised(np.sqrt(seen), camera) if camera.denoiser != "none" else np.sqrt(seen)
    whole = cv2.resize(quiet, light.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    shown = np.clip(whole, 0, 1) ** np.float32(2 / camera.gamma)
    shown = shown + np.float32(camera.contrast) * (shown * shown * (3 - 2 * shown) - shown)
    if camera.sharp:
        luma = shown @ _LUMA
        shown = shown + (np.float32(camera.sharp) * (luma - _blurred(luma, camera.radius)))[..., None]
    return _coded(np.clip(shown, 0, 1), camera)


def _demosaicked(sensed: Floats, mosaic: str) -> Floats:
    """Return what is made of every second or fourth value of each colour."""
    if mosaic == "none":
        return sensed
    codes = np.clip(sensed * _SPAN + _BLACK, 0, 65535).astype(np.uint16)
    pattern = codes[..., 1].copy()
    pattern[::2, ::2], pattern[1::2, 1::2] = codes[::2, ::2, 0], codes[1::2, 1::2, 2]
    way = cv2.COLOR_BayerRGGB2RGB_EA if mosaic == "edges" else cv2.COLOR_BayerRGGB2RGB
    found = cv2.demosaicing(pattern, way).astype(np.float32)
    return (found - np.float32(_BLACK)) / np.float32(_SPAN)


def _denoised(root: Floats, camera: Camera) -> Floats:
    """Return a picture in the square root of light as the camera's denoiser leaves it.

    Its threshold is the noise at middle grey there: half of the deviation over the root.
    """
    luma = root @ _LUMA
    colours = root - luma[..., None]
    deviation = (camera.shot * _GREY + camera.read**2) ** 0.5 / (2 * _GREY**0.5)
    quiet = _DENOISERS[camera.denoiser](luma, camera.strength * deviation, camera.coarser)
    smooth = _blurred(_median(colours, camera.median), camera.smear)
    texture = np.maximum(cv2.blur(quiet * quiet, (7, 7)) - cv2.blur(quiet, (7, 7)) ** 2, 0)
    spared = np.float32(camera.spared) * texture / (texture + np.float32(deviation**2))
    left = np.maximum(np.float32(camera.left), spared)
    kept: Floats = (quiet + left * (luma - quiet))[..., None] + smooth + spared[..., None] * (colours - smooth)
    return kept.astype(np.float32, copy=False)


def _bilateral(luma: Floats, threshold: float, _: float) -> Floats:
    return cv2.bilateralFilter(luma, 7, 1.5 * threshold, 2.0).astype(np.float32, copy=False)


def _means(luma: Floats, threshold: float, _: float) -> Floats:
    """Return non-local means, 3x3 pixels within a reach of three. Source: Buades et al. 2005."""
    reach = 3
    height, width = luma.shape
    padded = cv2.copyMakeBorder(luma, *(reach,) * 4, cv2.BORDER_REFLECT)
    total, weights = luma.copy(), np.ones_like(luma)
    for down in range(2 * reach + 1):
        for across in range(2 * reach + 1):
            if down == across == reach:
                continue
            other = padded[down : down + height, across : across + width]
            apart = cv2.blur((luma - other) ** 2, (3, 3)) / np.float32(2 * threshold**2)
            weight = np.exp(-apart)
            total += weight * other
            weights += weight
    averaged: Floats = total / weights
    return averaged


def _starlet(luma: Floats, threshold: float, coarser: float) -> Floats:
    """Return three scales of an undecimated wavelet with what is small of them taken out."""
    rest, kept = luma, np.zeros_like(luma)
    for scale, deviation in enumerate(_STARLET):
        taps = np.zeros(4 * 2**scale + 1, np.float32)
        taps[:: 2**scale] = np.array([1, 4, 6, 4, 1], np.float32) / 16
        smoother = cv2.sepFilter2D(rest, -1, taps, taps, borderType=cv2.BORDER_REFLECT).astype(np.float32, copy=False)
        detail = rest - smoother
        power = detail * detail
        kept += detail * power / (power + np.float32((threshold * deviation * coarser**scale) ** 2))
        rest = smoother
    return rest + kept


_DENOISERS: dict[str, Callable[[Floats, float, float], Floats]] = {
    "bilateral": _bilateral,
    "means": _means,
    "starlet": _starlet,
}


def _coded(shown: Floats, camera: Camera) -> Floats:
    """Return R'G'B' after JPEG, once or twice, or as it was."""
    if not camera.quality:
        return shown
    once = _through_jpeg(np.rint(shown * 255).astype(np.uint8), camera.quality, _SUBSAMPLINGS[camera.subsampling])
    if camera.again:
        down, across = camera.cut
        cut = np.roll(once, (-down, -across), (0, 1))
        once = np.roll(_through_jpeg(cut, camera.again, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420), (down, across), (0, 1))
    return once.astype(np.float32) / np.float32(255)


def _through_jpeg(shown: npt.NDArray[np.uint8], quality: int, subsampling: int) -> npt.NDArray[np.uint8]:
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, subsampling]
    read = cv2.imdecode(cv2.imencode(".jpg", shown[..., ::-1], settings)[1], cv2.IMREAD_COLOR)
    assert read is not None, "OpenCV does not read what it wrote"
    return np.ascontiguousarray(read[..., ::-1]).astype(np.uint8, copy=False)


def _median(planes: Floats, side: int) -> Floats:
    return cv2.medianBlur(planes, side).astype(np.float32, copy=False) if side else planes


def _blurred(planes: Floats, deviation: float) -> Floats:
    return cv2.GaussianBlur(planes, (0, 0), deviation, borderType=cv2.BORDER_REFLECT).astype(np.float32, copy=False)
