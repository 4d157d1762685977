"""ASC FDL: which part of each camera's canvas is meant to be seen; bytes to canvases.

A stranger's numbers are believed only where a picture can have them. Opens no file. Source: ASC Framing Decision List
v1.0 and 2.0, JSON: contexts hold canvases, canvases hold framing decisions, each for an intent.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from daemon.errors import SidecarError

_LIMIT_BYTES = 4 << 20
_MOST_PIXELS = 65536
_MOST_SQUEEZE = 4.0


@dataclass(frozen=True, slots=True)
class Decision:
    """A part of a canvas, in its pixels; `intent` is its framing intent's id, `label` what people call that."""

    intent: str
    label: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Canvas:
    """A camera's raster in pixels, the squeeze of its lens, and what is to be seen of it, the default intent first."""

    width: float
    height: float
    squeeze: float
    decisions: tuple[Decision, ...]


def parse(data: bytes, *, source: str = "the FDL") -> tuple[Canvas, ...]:
    """Return the canvases of an FDL that have a framing decision, in their order.

    Raises:
        SidecarError: it is none, or a number in it makes no sense.
    """
    if len(data) > _LIMIT_BYTES:
        raise _bad(source, f"it is longer than {_LIMIT_BYTES} bytes")
    try:
        told = json.loads(data)
        labels = {str(intent["id"]): str(intent.get("label", "")) for intent in told.get("framing_intents", [])}
        default = str(told.get("default_framing_intent") or "")
        found = [
            _canvas(canvas, labels, default) for context in told["contexts"] for canvas in context.get("canvases", [])
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise _bad(source, f"{type(error).__name__}: {error}") from error
    framed = tuple(canvas for canvas in found if canvas.decisions)
    if not framed:
        raise _bad(source, "it holds no framing decision")
    return framed


def _canvas(told: dict[str, Any], labels: dict[str, str], default: str) -> Canvas:
    width, height = _size(told["dimensions"], _MOST_PIXELS, _MOST_PIXELS)
    squeeze = _number(told.get("anamorphic_squeeze") or 1.0, _MOST_SQUEEZE)
    decisions = [_decision(one, labels, width, height) for one in told.get("framing_decisions", [])]
    return Canvas(width, height, squeeze, tuple(sorted(decisions, key=lambda one: one.intent != default)))


def _decision(told: dict[str, Any], labels: dict[str, str], width: float, height: float) -> Decision:
    intent = str(told["framing_intent_id"])
    across, down = _size(told["dimensions"], width, height)
    anchor = told["anchor_point"]
    x, y = (_number(anchor[axis], most, least=0) for axis, most in (("x", width - across), ("y", height - down)))
    return Decision(intent, labels.get(intent, ""), x, y, across, down)


def _size(told: dict[str, Any], width: float, height: float) -> tuple[float, float]:
    return _number(told["width"], width), _number(told["height"], height)


def _number(value: object, most: float, least: float = 1e-6) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r} is no number")
    if not least <= value <= most + 1e-6:
        raise ValueError(f"{value} does not lie within {least:g} and {most:g}")
    return float(value)


def _bad(source: str, why: str) -> SidecarError:
    return SidecarError(f"{source} is no ASC FDL that can be read", why=why, fix="export it anew as ASC FDL (JSON)")
