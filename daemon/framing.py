"""Framing and burn-ins: what of the picture is meant to be seen, and what review copies say in it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from daemon.section import Section

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_TEMPLATE_LENGTH = 96
BURN_IN_WORDS = ("clip", "roll", "reel", "day", "production", "title", "recipient", "timecode", "mark")
"""What a template of a burn-in may have in braces."""


def _template(text: object) -> str:
    """Return a template of a burn-in; ValueError for a word that there is none of."""
    if not isinstance(text, str) or len(text) > _TEMPLATE_LENGTH:
        raise ValueError(f"a text of at most {_TEMPLATE_LENGTH} characters is needed")
    unknown = [word for word in _PLACEHOLDER.findall(text) if word not in BURN_IN_WORDS]
    if unknown or set("{}") & set(_PLACEHOLDER.sub("", text)):
        raise ValueError(f"words in braces are {', '.join(f'{{{word}}}' for word in BURN_IN_WORDS)}")
    return text


Template = Annotated[str, BeforeValidator(_template, json_schema_input_type=str)]


class BurnInWords(Section):
    """What is burnt into review copies, by place; `{timecode}` is the source's."""

    top_left: Template = Field("{clip}", description="Template.")
    top: Template = Field("{mark}", description="Template; {mark} says that a picture is enhanced.")
    top_right: Template = Field("{production} {day}", description="Template.")
    bottom_left: Template = Field("{roll} {reel}", description="Template.")
    bottom: Template = Field("{timecode}", description="Template.")
    bottom_right: Template = Field("{recipient}", description="Template.")
    watermark: Template = Field("{recipient}", description="Template, across the middle.")
    recipient: str = Field("", max_length=64, description="Who the copy is for.")
    frame_lines: list[Annotated[float, Field(ge=0.25, le=8)]] = Field([], description="Shapes such as 2.39 or 1.78.")


class DecisionWords(Section):
    """A part of a canvas, in its pixels, and whose framing intent it is."""

    intent: str
    label: str = ""
    x: float = Field(ge=0)
    y: float = Field(ge=0)
    width: float = Field(gt=0)
    height: float = Field(gt=0)


class CanvasWords(Section):
    """A camera's raster, the squeeze of its lens, and what is to be seen of it."""

    width: float = Field(gt=0)
    height: float = Field(gt=0)
    squeeze: float = 1.0
    decisions: list[DecisionWords]


class FramingWords(Section):
    """Which part of the picture is meant to be seen; presets that frame cut to it, review copies show its lines."""

    fdl: str | None = Field(None, min_length=1, description="ASC FDL; a relative path starts from the recipe's folder.")
    intent: str | None = Field(None, min_length=1, description="Id or label of the framing intent; default the file's.")
    fit: Literal["letterbox", "crop"] | None = Field(
        None, description="How another shape fills a raster that a preset gives; default the preset's."
    )
    canvases: list[CanvasWords] = Field([], description="What the FDL says; read from it.")
