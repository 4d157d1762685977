"""Choices: what configuration and recipe name out of a table, and the fault where there is no such name."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from daemon import yamlfile
from engines.colour.look import Working
from engines.colour.spaces import SPACES
from engines.media.preset import PRESETS, ProxyCodec

_CODECS = tuple(codec for codec in ProxyCodec if codec not in {ProxyCodec.DNXHD_36, ProxyCodec.PRORES_4444})
"""What `proxy.codec` may be: what takes any raster in MOV, and is not for mattes; for all else there are presets."""


def _codec(word: object) -> ProxyCodec:
    if word in _CODECS:
        return ProxyCodec(str(word))
    raise ValueError(f"one of {', '.join(_CODECS)} is needed")


def _preset_names(names: object) -> list[str] | None:
    if names is None:
        return None
    if not isinstance(names, list) or not names or len(set(map(str, names))) < len(names):
        raise ValueError("a list of presets is needed, each named once")
    if unknown := [str(name) for name in names if name not in PRESETS]:
        raise ValueError(f"there is no preset {', '.join(unknown)}; there are {', '.join(PRESETS)}")
    return [str(name) for name in names]


def _working(word: object) -> Working:
    try:
        return Working(str(word))
    except ValueError:
        raise ValueError(f"one of {', '.join(Working)} is needed") from None


def space_name(word: object) -> str | None:
    """Return the name of a camera space, None for None; ValueError where there is no such space."""
    if word is None or word in SPACES:
        return None if word is None else str(word)
    raise ValueError(f"one of {', '.join(SPACES)} is needed")


PresetNames = Annotated[list[str] | None, BeforeValidator(_preset_names, json_schema_input_type=list[str] | None)]
Codec = Annotated[ProxyCodec, BeforeValidator(_codec, json_schema_input_type=str)]
WorkingSpace = Annotated[Working, BeforeValidator(_working, json_schema_input_type=str)]


def check_presets(document: yamlfile.Document) -> None:
    """Note a codec or width of the one proxy where presets say what every proxy is."""
    value = document.value if isinstance(document.value, dict) else {}
    delivery, proxy = value.get("delivery"), value.get("proxy")
    if not (isinstance(delivery, dict) and delivery.get("presets") and isinstance(proxy, dict)):
        return
    for word in ("codec", "width"):
        if proxy.get(word) is not None:
            document.fault(("proxy", word), "delivery.presets says what proxies are; name one or the other")
