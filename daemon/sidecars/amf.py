"""AMF, the ACES Metadata File: the CDL that is still to be applied, and ours to hand over. Bytes to grades, and back.

What a file says was applied already is no look for us; a look that is a transform of somebody else's cannot be had from
its name. Source: SMPTE ST 2067-50-like ACES S-2019-001 v2, and the examples of ampas/aces-amf.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import escape

from daemon.errors import SidecarError
from daemon.sidecars import xml
from daemon.sidecars.cdl import Correction, cdl_of
from engines.colour.cdl import Cdl
from engines.colour.spaces import CameraSpace

_LIMIT_BYTES = 4 << 20
_ACESCCT = "acescct"
_ID = "urn:ampas:aces:transformId:v2.0"
_CAMERA = f"{_ID}:CSC"
_TO_ACES = f"{_ID}:CSC.Academy.ACEScct_to_ACES.a2.v1"
_FROM_ACES = f"{_ID}:CSC.Academy.ACES_to_ACEScct.a2.v1"
_OUTPUT = f"{_ID}:Output.Academy.Rec709-D65_100nit_in_Rec709-D65_BT1886.a2.v1"


@dataclass(frozen=True, slots=True)
class Handed:
    """What an AMF of ours says of a clip: its name and first file, when (ISO 8601), its space, the grade in ACEScct."""

    clip: str
    file: str
    written_at: str
    space: CameraSpace
    cdl: Cdl


def parse(data: bytes, *, source: str = "the AMF") -> tuple[Correction, ...]:
    """Return the grade that an AMF's pipeline has still to be given; none where it has none.

    Raises:
        SidecarError: it is no AMF, or its look is more than one CDL.
    """
    root = xml.parse(data, _LIMIT_BYTES, source=source)
    pipeline = xml.child(root, "pipeline")
    if xml.local(root) != "acesMetadataFile" or pipeline is None:
        raise _bad(source, f"it is <{xml.local(root)}> without a pipeline")
    looks = [look for look in xml.children(pipeline, "lookTransform") if xml.attribute(look, "applied") != "true"]
    if not looks:
        return ()
    if len(looks) > 1 or not _has_cdl(looks[0]):
        raise _bad(source, "its look is another transform than one CDL")
    clip = xml.child(root, "clipId")
    name = "" if clip is None else xml.text(clip, "clipName")
    return (Correction(name, cdl_of(looks[0], source), working=_working(looks[0])),)


def _has_cdl(look: xml.Element) -> bool:
    return any(xml.child(look, name) is not None for name in ("SOPNode", "ASC_SOP", "SatNode", "ASC_SAT"))


def _working(look: xml.Element) -> str:
    """Return `acescct` where the CDL's space is that, else the transform's own name; empty where none is named."""
    space = xml.child(look, "cdlWorkingSpace")
    ways = [] if space is None else [xml.text(way, "transformId") for way in space]
    named = next((way for way in ways if way), "")
    return _ACESCCT if "acescct" in named.lower() else named


def compose(handed: Handed) -> bytes:
    """Return an AMF of version 2: camera to ACES, CDL in ACEScct, ACES 2 output for Rec.709."""
    marks = [uuid.uuid5(uuid.NAMESPACE_URL, f"nearset:{part}:{handed}") for part in ("file", "pipeline")]
    dates = f"<aces:dateTime><aces:creationDateTime>{handed.written_at}</aces:creationDateTime>"
    dates += f"<aces:modificationDateTime>{handed.written_at}</aces:modificationDateTime></aces:dateTime>"
    three = [
        " ".join(f"{number:.6f}" for number in part) for part in (handed.cdl.slope, handed.cdl.offset, handed.cdl.power)
    ]
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<aces:acesMetadataFile xmlns:aces="urn:ampas:aces:amf:v2.0" xmlns:cdl="urn:ASC:CDL:v1.01" version="2.0">
<aces:amfInfo>{dates}<aces:uuid>urn:uuid:{marks[0]}</aces:uuid></aces:amfInfo>
<aces:clipId><aces:clipName>{escape(handed.clip)}</aces:clipName><aces:file>{quote(handed.file)}</aces:file></aces:clipId>
<aces:pipeline>
<aces:pipelineInfo>{dates}<aces:uuid>urn:uuid:{marks[1]}</aces:uuid>
<aces:systemVersion><aces:majorVersion>2</aces:majorVersion><aces:minorVersion>0</aces:minorVersion>\
<aces:patchVersion>0</aces:patchVersion></aces:systemVersion></aces:pipelineInfo>
<aces:inputTransform applied="false"><aces:description>{escape(handed.space.ocio)}</aces:description>\
<aces:transformId>{_CAMERA}.{handed.space.aces}</aces:transformId></aces:inputTransform>
<aces:lookTransform applied="false">
<aces:cdlWorkingSpace>
<aces:toCdlWorkingSpace><aces:transformId>{_FROM_ACES}</aces:transformId></aces:toCdlWorkingSpace>
<aces:fromCdlWorkingSpace><aces:transformId>{_TO_ACES}</aces:transformId></aces:fromCdlWorkingSpace>
</aces:cdlWorkingSpace>
<cdl:SOPNode><cdl:Slope>{three[0]}</cdl:Slope><cdl:Offset>{three[1]}</cdl:Offset><cdl:Power>{three[2]}</cdl:Power></cdl:SOPNode>
<cdl:SatNode><cdl:Saturation>{handed.cdl.saturation:.6f}</cdl:Saturation></cdl:SatNode>
</aces:lookTransform>
<aces:outputTransform applied="false"><aces:transformId>{_OUTPUT}</aces:transformId></aces:outputTransform>
</aces:pipeline>
</aces:acesMetadataFile>
"""
    return text.encode()


def _bad(source: str, why: str) -> SidecarError:
    return SidecarError(f"{source} is no AMF that can be used", why=why, fix="hand over its CDL as .cdl or .cc")
