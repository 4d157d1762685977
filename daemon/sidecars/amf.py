"""AMF, the ACES Metadata File: the CDL that is still to be applied, and ours to hand over. Bytes to grades, and back.

What a file says was applied already is no look for us; a look that is a transform of somebody else's cannot be had from
its name. Source: SMPTE ST 2067-50-like ACES S-2019-001 v2, and the examples of ampas/aces-amf.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import escape

from daemon.errors import SidecarError
from daemon.sidecars import xml
from daemon.sidecars.cdl import Correction, cdl_of
from engines.colour.cdl import Cdl
from engines.colour.spaces import CameraSpace

SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

_LIMIT_BYTES = 4 << 20
_ACESCCT = "acescct"
_ID = "urn:ampas:aces:transformId:v2.0"
_CAMERA = f"{_ID}:CSC"
_TO_ACES = f"{_ID}:CSC.Academy.ACEScct_to_ACES.a2.v1"
_FROM_ACES = f"{_ID}:CSC.Academy.ACES_to_ACEScct.a2.v1"
_OUTPUT = f"{_ID}:Output.Academy.Rec709-D65_100nit_in_Rec709-D65_BT1886.a2.v1"


@dataclass(frozen=True, slots=True)
class Clf:
    """A transform that ACES has no name for: a CLF beside the AMF, by its file name, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Handed:
    """What an AMF of ours says of a clip: its name and first file, when (ISO 8601), its space and grade.

    `in_camera_log` says that the grade is in the camera's log, else it is in ACEScct; `to_aces` goes from the camera's
    space to ACES where ACES does not name that, `output` from ACES through the show's LUT where there is one.
    """

    clip: str
    file: str
    written_at: str
    space: CameraSpace
    cdl: Cdl
    in_camera_log: bool = False
    to_aces: Clf | None = None
    output: Clf | None = None


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
    """Return an AMF of version 2: camera to ACES, CDL in ACEScct or the camera's log, output for Rec.709.

    Where a grade's space is the camera's, only the way back from it is named: the way there is that one inverted
    (AMF's schema, `cdlWorkingSpaceType`).
    """
    camera = _named(handed.to_aces, f"{_CAMERA}.{handed.space.aces}")
    to_cdl = (
        "" if handed.in_camera_log else f"<aces:toCdlWorkingSpace>{_named(None, _FROM_ACES)}</aces:toCdlWorkingSpace>\n"
    )
    from_cdl = camera if handed.in_camera_log else _named(None, _TO_ACES)
    marks = [uuid.uuid5(uuid.NAMESPACE_URL, f"nearset:{part}:{_identity(handed)}") for part in ("file", "pipeline")]
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
{camera}</aces:inputTransform>
<aces:lookTransform applied="false">
<aces:cdlWorkingSpace>
{to_cdl}<aces:fromCdlWorkingSpace>{from_cdl}</aces:fromCdlWorkingSpace>
</aces:cdlWorkingSpace>
<cdl:SOPNode><cdl:Slope>{three[0]}</cdl:Slope><cdl:Offset>{three[1]}</cdl:Offset><cdl:Power>{three[2]}</cdl:Power></cdl:SOPNode>
<cdl:SatNode><cdl:Saturation>{handed.cdl.saturation:.6f}</cdl:Saturation></cdl:SatNode>
</aces:lookTransform>
<aces:outputTransform applied="false">{_named(handed.output, _OUTPUT)}</aces:outputTransform>
</aces:pipeline>
</aces:acesMetadataFile>
"""
    return text.encode()


def _identity(handed: Handed) -> str:
    """Return what makes an AMF the same one: all that is handed over, LUTs by the names that tell their content."""
    files = ":".join(clf.name for clf in (handed.to_aces, handed.output) if clf)
    return f"{handed.clip}:{handed.file}:{handed.written_at}:{handed.space}:{handed.cdl}:{handed.in_camera_log}:{files}"


def _named(clf: Clf | None, identifier: str) -> str:
    """Return what names a transform: a file and its digest, or the id that ACES gave it."""
    if clf is None:
        return f"<aces:transformId>{identifier}</aces:transformId>"
    digest = base64.b64encode(hashlib.sha256(clf.data).digest()).decode()
    return f'<aces:hash algorithm="{SHA256}">{digest}</aces:hash><aces:file>{quote(clf.name)}</aces:file>'


def _bad(source: str, why: str) -> SidecarError:
    return SidecarError(f"{source} is no AMF that can be used", why=why, fix="hand over its CDL as .cdl or .cc")
