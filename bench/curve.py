"""Curves as an SVG, without a library: x doubles from mark to mark, y is tenfold from line to line."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 470, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 64, 54, 50
_INK, _GREY, _RULE = "#1f2328", "#59636e", "#d8dee4"


_SIGNS = (
    '<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" {paint}/>',
    '<rect x="{left:.1f}" y="{top:.1f}" width="9" height="9" {paint}/>',
    '<path d="M{x:.1f} {top:.1f} l6 10 h-12 z" {paint}/>',
    '<path d="M{left:.1f} {top:.1f} l9 9 m0 -9 l-9 9" {paint} stroke-width="3"/>',
    '<path d="M{x:.1f} {top:.1f} l5.5 5 l-5.5 5 l-5.5 -5 z" {paint}/>',
    '<circle cx="{x:.1f}" cy="{y:.1f}" r="4" {paint} style="fill:white" stroke-width="2"/>',
)
"""One for each word that may stand for a point: disc, square, triangle, cross, diamond, ring."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in the order of x, each with its word, which a sign stands for; the name stands at the curve's end."""

    name: str
    colour: str
    points: tuple[tuple[float, float], ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves over one pair of axes."""

    title: str
    y_name: str
    curves: tuple[Curve, ...]


def figure(panels: tuple[Panel, ...], x_name: str, words: tuple[str, ...], note: str) -> str:
    """Return panels side by side as an SVG, and beneath them a sign for each word, then a note."""
    width, height = _WIDTH * len(panels), _HEIGHT + 56
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="12" fill="{_INK}">'
    )
    parts = [opening, f'<rect width="{width}" height="{height}" fill="white"/>']
    for number, panel in enumerate(panels):
        parts += [
            f'<g transform="translate({number * _WIDTH} 0)">',
            *_Axes.of(panel).drawn(panel, x_name, words),
            "</g>",
        ]
    parts.append(_text(_LEFT, _HEIGHT + 16, "In the way:"))
    for number, word in enumerate(words):
        across = _LEFT + 90 + 110 * number
        parts += [_sign(number, across, _HEIGHT + 12, _GREY), _text(across + 12, _HEIGHT + 16, word)]
    parts += [_text(_LEFT, _HEIGHT + 40, note, fill=_GREY, size=11), "</svg>"]
    return "\n".join(parts) + "\n"


@dataclass(frozen=True, slots=True)
class _Axes:
    """What of x and y a panel shows: powers of two and of ten."""

    x: tuple[int, int]
    y: tuple[int, int]

    @classmethod
    def of(cls, panel: Panel) -> _Axes:
        """Return axes that hold all of a panel's curves."""
        points = [point for curve in panel.curves for point in curve.points]
        xs, ys = [math.log2(x) for x, _ in points], [math.log10(y) for _, y in points]
        return cls((math.floor(min(xs)), math.ceil(max(xs))), (math.floor(min(ys)), math.ceil(max(ys))))

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point lies in the picture."""
        right = (math.log2(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = (math.log10(y) - self.y[0]) / (self.y[1] - self.y[0])
        across, down = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        return _LEFT + right * across, _TOP + (1 - up) * down

    def drawn(self, panel: Panel, x_name: str, words: tuple[str, ...]) -> Iterator[str]:
        """Yield the parts of a panel."""
        yield _text(_LEFT, 22, panel.title, size=14, weight="bold")
        yield _text(_LEFT, 40, panel.y_name, fill=_GREY)
        for power in range(self.y[0], self.y[1] + 1):
            left, height = self.at(2 ** self.x[0], 10**power)
            yield f'<line x1="{left}" x2="{_WIDTH - _RIGHT}" y1="{height:.1f}" y2="{height:.1f}" stroke="{_RULE}"/>'
            yield _text(left - 8, height + 4, f"{10**power:g}", fill=_GREY, anchor="end")
        for power in range(self.x[0], self.x[1] + 1):
            across, foot = self.at(2**power, 10 ** self.y[0])
            yield f'<line x1="{across:.1f}" x2="{across:.1f}" y1="{foot}" y2="{foot + 5}" stroke="{_GREY}"/>'
            yield _text(across, foot + 18, f"{2**power:g}", fill=_GREY, anchor="middle")
        yield _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, x_name, fill=_GREY, anchor="middle")
        for curve in panel.curves:
            yield from self._curve(curve, words)

    def _curve(self, curve: Curve, words: tuple[str, ...]) -> Iterator[str]:
        places = [self.at(x, y) for x, y in curve.points]
        line = " ".join(f"{across:.1f},{height:.1f}" for across, height in places)
        yield f'<polyline points="{line}" fill="none" stroke="{curve.colour}" stroke-width="2"/>'
        for (across, height), word in zip(places, curve.words, strict=True):
            yield _sign(words.index(word), across, height, curve.colour)
        across, height = places[-1]
        yield _text(across + 10, height + 4, curve.name, fill=curve.colour, weight="bold")


def _sign(number: int, x: float, y: float, colour: str) -> str:
    paint = f'fill="{colour}" stroke="{colour}"'
    return _SIGNS[number].format(x=x, y=y, left=x - 4.5, top=y - 5, paint=paint)


def _text(
    x: float, y: float, words: str, *, fill: str = _INK, anchor: str = "start", size: int = 12, weight: str = "normal"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}" paint-order="stroke" stroke="white" stroke-width="3">{escape(words)}</text>'
    )
