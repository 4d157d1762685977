"""Clean sequences to train on, cut from shots and laid together from stills, turned and exposed at random.

Cut sequences move as the world does. Laid ones have known motion and no coding noise: one still behind, panned by
fractions of a pixel or standing, and often a second one before it, moving otherwise, so that the network sees
what is covered and uncovered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from engines.model.footage import Clip, Still
from engines.model.synthetic import pack_planes

_LAID_SHARE = 0.45
_STANDING_SHARE = 0.4
"""Of laid sequences, those whose background stands still, as on a locked-off camera."""
_FRONT_SHARE = 0.4
_FASTEST = 5.0
"""Pixels a frame of a pan, at most, in the picture's own pixels."""


class Patches:
    """Shots and stills, to take training sequences from."""

    def __init__(self, shots: list[Clip], stills: list[Still], generator: torch.Generator) -> None:
        self._shots = [torch.from_numpy(shot.view("int16")) for shot in shots]
        self._stills = [torch.from_numpy(still.view("int16")) for still in stills]
        self._generator = generator

    def sequence(self, length: int, side: int) -> Tensor:
        """Return a clean sequence `[length, 8, side, side]` in code values / 1023, turned and mirrored at random."""
        codes = self._laid(length, side) if self._unit() < _LAID_SHARE else self._cut(length, side)
        return self._exposed(turned(codes, [bool(self._draw(2)) for _ in range(3)]) / 1023)

    def _exposed(self, codes: Tensor) -> Tensor:
        """Return the sequence with another exposure and contrast: log footage is flat, a night is dark."""
        if self._draw(2):
            return codes
        contrast = 0.4 + 0.6 * self._unit()
        lift = (1 - contrast) * self._unit()
        centred = codes.clone()
        centred[:, :4] = 64 / 1023 + (codes[:, :4] - 64 / 1023) * contrast + lift * (876 / 1023)
        centred[:, 4:] = 512 / 1023 + (codes[:, 4:] - 512 / 1023) * contrast
        return centred

    def _cut(self, length: int, side: int) -> Tensor:
        shot = self._shots[self._draw(len(self._shots))]
        step = 1 + (self._draw(3) == 0)
        start = self._draw(max(1, len(shot) - (length - 1) * step))
        numbers = [_there_and_back(start + step * n, len(shot)) for n in range(length)]
        top, left = self._corner(shot.shape[2:], side)
        return shot[numbers, :, top : top + side, left : left + side].float()

    def laid(self, length: int, side: int) -> Tensor:
        """Return a sequence laid together from stills, in code values / 1023."""
        return self._exposed(self._laid(length, side) / 1023)

    def still(self, length: int, side: int) -> Tensor:
        """Return a sequence in which nothing moves, in code values / 1023."""
        return _packed(self._panned(length, side, standing=True)) / 1023

    def _laid(self, length: int, side: int) -> Tensor:
        """Return a background and perhaps a foreground, each moving on its own."""
        standing = self._unit() < _STANDING_SHARE
        codes = self._panned(length, side, standing=standing)
        if self._unit() < _FRONT_SHARE:
            front = self._panned(length, side, standing=False)
            mask = self._mask(length, side)
            codes = codes + mask * (front - codes)
        return _packed(codes)

    def _panned(self, length: int, side: int, *, standing: bool) -> Tensor:
        """Return a still panned in steps of its fine pixels and averaged down, `[length, 3, 2 side, 2 side]`."""
        still = self._stills[self._draw(len(self._stills))]
        most = max(1, min(4, min(still.shape[1:]) // (2 * side + 16)))
        divide = 1 + self._draw(most) if most < 2 else 2 + self._draw(most - 1)  # noqa: PLR2004 - own noise, by two
        window = 2 * side * divide
        path = torch.zeros(length, 2) if standing else self._path(length) * divide
        path = (path - path.amin(0)).round().int()
        room = torch.tensor(still.shape[1:]) - window
        path = torch.minimum(path, room)
        free = room - path.amax(0)
        top, left = self._draw(int(free[0]) + 1), self._draw(int(free[1]) + 1)
        if standing:
            fine = still[:, top : top + window, left : left + window].float()[None]
            return _averaged(fine, divide).expand(length, -1, -1, -1)
        fine = torch.stack(
            [still[:, top + y : top + y + window, left + x : left + x + window] for y, x in path.tolist()]
        ).float()
        return _averaged(fine, divide)

    def _path(self, length: int) -> Tensor:
        """Return where a pan stands at each frame, `[length, 2]` in pixels: even, or with a hand's unrest."""
        angle, speed = 2 * math.pi * self._unit(), _FASTEST * self._unit() ** 2
        velocity = torch.tensor([speed * math.sin(angle), speed * math.cos(angle)])
        even = torch.arange(length).view(-1, 1) * velocity
        if self._draw(2):
            return even
        return even + torch.randn(length, 2, generator=self._generator).cumsum(0) * 0.6

    def _mask(self, length: int, side: int) -> Tensor:
        """Return a soft-edged blob that wanders, `[length, 1, 2 side, 2 side]`, 0-1."""
        small = torch.randn(1, 1, 4, 4, generator=self._generator)
        room = 4 * length
        field = functional.interpolate(small, size=(2 * side + room,) * 2, mode="bicubic", align_corners=False)
        blob = ((field + 0.3 * (self._unit() - 0.5)) * 25).sigmoid()[0]
        path = self._path(length)
        path = (path - path.amin(0)).round().int().clamp(max=room)
        return torch.stack([blob[:, y : y + 2 * side, x : x + 2 * side] for y, x in path.tolist()])

    def _corner(self, size: torch.Size, side: int) -> tuple[int, int]:
        return self._draw(size[0] - side + 1), self._draw(size[1] - side + 1)

    def _draw(self, count: int) -> int:
        return int(torch.randint(max(count, 1), (), generator=self._generator))

    def _unit(self) -> float:
        return float(torch.rand((), generator=self._generator))


def turned(codes: Tensor, turns: Sequence[bool]) -> Tensor:
    """Return a sequence `[T, 8, h, w]` turned round in time, mirrored across, mirrored down, each where asked."""
    backwards, across, down = turns
    if backwards:
        codes = codes.flip(0)
    if across:
        codes = codes.flip(3)[:, [1, 0, 3, 2, 4, 5, 6, 7]]
    if down:
        codes = codes.flip(2)[:, [2, 3, 0, 1, 5, 4, 7, 6]]
    return codes


def _averaged(fine: Tensor, divide: int) -> Tensor:
    """Return pictures averaged down; a quarter of the time that torch's pooling takes on a CPU (2026-11-27)."""
    rows = torch.stack([fine[..., down::divide, :] for down in range(divide)]).sum(0)
    return torch.stack([rows[..., across::divide] for across in range(divide)]).sum(0) / divide**2


def _packed(codes: Tensor) -> Tensor:
    """Return 4:4:4 pictures `[T, 3, H, W]` as packed 4:2:2 ones."""
    return pack_planes(codes[:, :1], functional.avg_pool2d(codes[:, 1:], (1, 2)))


def _there_and_back(number: int, count: int) -> int:
    """Return a frame's number, mirrored at the shot's end: short shots go there and back."""
    period = max(1, 2 * (count - 1))
    folded = number % period
    return min(folded, period - folded)
