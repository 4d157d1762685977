"""Limits: how far an enhanced picture may go, as the recipe's `limits` section has it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daemon.lighting import LightLimitsWords


class LimitsWords(LightLimitsWords):
    """How far a restored picture may go from its source, in its worst second; further is not delivered.

    Light has bounds of its own, since it is asked for: it is put on after the restoration that these figures are of.
    """

    luma: float = Field(6.0, ge=0, le=876, description="Code values of 10 bit, over areas of 16 x 16 pixels.")
    chroma: float = Field(10.0, ge=0, le=896, description="Code values of 10 bit, over areas of 16 x 16 samples.")
    structure: float = Field(0.12, ge=0, le=2, description="1 - SSIM's contrast and structure; 0: the same.")
    edge: float = Field(0.25, ge=0, le=100, description="Energy of edges gained or lost; 0.25: a quarter.")
    temporal: float = Field(0.6, ge=0, le=100, description="Energy from picture to picture gained or lost.")
    over: Literal["blend", "plain"] = Field(
        "blend", description="Over a limit: blend back toward the source, or deliver the plain proxy alone."
    )
