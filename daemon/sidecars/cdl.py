"""ASC CDL as it travels: `.cc`, `.ccc` and `.cdl`, the words of ALEs and EDLs; bytes to grades, and back.

A stranger's numbers are believed only where a grade can have them. Opens no file; what a grade does to a picture is the
engines'. Source: ASC Color Decision List v1.2, with the spellings `SATNode`, `ASC_SAT` and `ASC_SOP` that tools write.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from daemon.errors import SidecarError
from daemon.sidecars import xml
from engines.colour.cdl import NEUTRAL, Cdl, Three

_LIMIT_BYTES = 8 << 20
_SOP_NODES = ("SOPNode", "ASC_SOP")
_SAT_NODES = ("SatNode", "SATNode", "ASC_SAT")
_MOST = 100.0
"""Largest number that a grade can hold; beyond it somebody wrote something else."""
_NAMESPACE = "urn:ASC:CDL:v1.01"
_TRIPLES = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True, slots=True)
class Correction:
    """A grade and what it says of where it belongs.

    `name` is its id or its clip's name. `reel` with `start` (a timecode label in the clip) tells a clip, too. `working`
    is the space that the file says the numbers are in, empty where it does not. Where it makes no sense it is neutral,
    `refused` says why, and `fix` what to do.
    """

    name: str
    cdl: Cdl
    reel: str = ""
    start: str = ""
    working: str = ""
    refused: str = ""
    fix: str = ""


def parse(data: bytes, *, source: str = "the CDL") -> tuple[Correction, ...]:
    """Return the grades of a `.cc`, `.ccc` or `.cdl`, whatever its suffix says.

    Raises:
        SidecarError: it is none of them, or a number in it makes no sense.
    """
    root = xml.parse(data, _LIMIT_BYTES, source=source)
    kind = xml.local(root)
    if kind == "ColorCorrection":
        found = [root]
    elif kind == "ColorCorrectionCollection":
        found = xml.children(root, "ColorCorrection")
    elif kind == "ColorDecisionList":
        decisions = xml.children(root, "ColorDecision")
        found = [one for decision in decisions for one in xml.children(decision, "ColorCorrection")]
    else:
        raise _bad(source, f"it is <{kind}>, none of a CDL's")
    if not found:
        raise _bad(source, "it holds no ColorCorrection")
    named = ((xml.attribute(one, "id").strip(), one) for one in found)
    return tuple(Correction(name, cdl_of(one, of_clip(name, source))) for name, one in named)


def cdl_of(element: xml.Element, source: str) -> Cdl:
    """Return the grade that an element's SOP and saturation nodes hold; what is left out is neutral.

    Raises:
        SidecarError: a number makes no sense.
    """
    sop = next((found for name in _SOP_NODES if (found := xml.child(element, name)) is not None), None)
    sat = next((found for name in _SAT_NODES if (found := xml.child(element, name)) is not None), None)
    words = ["1 1 1", "0 0 0", "1 1 1"]
    if sop is not None:
        words = [xml.text(sop, name) for name in ("Slope", "Offset", "Power")]
    return _checked(words, xml.text(sat, "Saturation") if sat is not None else "1", source)


def of_clip(name: str, source: str) -> str:
    """Return what a grade in a list of many is called, so that who reads of a slip in it finds it."""
    return f"the grade of {name} in {source}" if name else source


def from_words(sop: str, sat: str, source: str) -> Cdl:
    """Return the grade of an ALE's or EDL's words: `(1 1 1)(0 0 0)(1 1 1)` and `1.0`; empty ones are neutral.

    Raises:
        SidecarError: they are no grade.
    """
    triples = _TRIPLES.findall(sop) if sop else ["1 1 1", "0 0 0", "1 1 1"]
    if len(triples) != 3:  # noqa: PLR2004 - slope, offset, power
        raise _bad(source, f"ASC_SOP is {sop!r}, not three times three numbers")
    return _checked(triples, sat.strip("() ") or "1", source)


def of_row(name: str, sop: str, sat: str, source: str, *, reel: str, start: str) -> Correction:
    """Return the grade of a row of an ALE or EDL; one that makes no sense is refused, and the others hold."""
    called = of_clip(name or " at ".join(filter(None, (reel, start))), source)
    try:
        return Correction(name, from_words(sop, sat, called), reel, start)
    except SidecarError as error:
        return Correction(name, NEUTRAL, reel, start, refused=f"{error.what}: {error.why}", fix=error.fix)


def sop_words(cdl: Cdl) -> str:
    """Return slope, offset and power as ALEs and EDLs write them."""
    return "".join(f"({' '.join(_figure(number) for number in three)})" for three in (cdl.slope, cdl.offset, cdl.power))


def sat_words(cdl: Cdl) -> str:
    """Return the saturation as ALEs and EDLs write it."""
    return _figure(cdl.saturation)


def compose_cdl(name: str, cdl: Cdl, described: str) -> bytes:
    """Return a `.cdl` of one grade."""
    body = f"<ColorDecision>{_correction(name, cdl, described)}</ColorDecision>"
    return _document("ColorDecisionList", body)


def compose_ccc(grades: dict[str, Cdl], described: str) -> bytes:
    """Return a `.ccc` of a roll's grades by clip."""
    body = "".join(f"{_correction(name, cdl, '')}" for name, cdl in grades.items())
    return _document("ColorCorrectionCollection", f"<InputDescription>{escape(described)}</InputDescription>{body}")


def _document(root: str, body: str) -> bytes:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_NAMESPACE}">{body}</{root}>\n'
    return text.replace("><", ">\n<").encode()


def _correction(name: str, cdl: Cdl, described: str) -> str:
    slope, offset, power = (
        " ".join(_figure(number) for number in three) for three in (cdl.slope, cdl.offset, cdl.power)
    )
    words = f"<InputDescription>{escape(described)}</InputDescription>" if described else ""
    return (
        f"<ColorCorrection id={quoteattr(name)}>{words}"
        f"<SOPNode><Slope>{slope}</Slope><Offset>{offset}</Offset><Power>{power}</Power></SOPNode>"
        f"<SatNode><Saturation>{_figure(cdl.saturation)}</Saturation></SatNode></ColorCorrection>"
    )


def _figure(number: float) -> str:
    return f"{number:.6f}"


def _checked(triples: list[str], saturation: str, source: str) -> Cdl:
    slope, offset, power = (_three(words, source) for words in triples)
    sat = _number(saturation, source)
    if min(slope) < 0 or sat < 0 or min(power) <= 0:
        raise _bad(
            source, f"slope {slope}, power {power}, saturation {sat}: slope and saturation start at 0, power above"
        )
    return Cdl(slope, offset, power, sat)


def _three(words: str, source: str) -> Three:
    numbers = [_number(word, source) for word in words.split()]
    if len(numbers) != 3:  # noqa: PLR2004 - red, green, blue
        raise _bad(source, f"{words!r} are not three numbers")
    return (numbers[0], numbers[1], numbers[2])


def _number(word: str, source: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not abs(number) <= _MOST:
        raise _bad(source, f"{word[:40]!r} is no number that a grade can have")
    return number


def _bad(source: str, why: str) -> SidecarError:
    return SidecarError(
        f"{source} is no grade that can be used", why=why, fix="export it again from where it was graded"
    )
