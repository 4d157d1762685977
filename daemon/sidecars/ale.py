"""ALE, Avid Log Exchange: text to dataclass and back.

Tab-separated, in three parts: Heading, Column, Data. Names of headings and columns are case- and
space-sensitive. A table has one frame rate, so mixed rolls have several ALEs. Lines end in CR LF: without it
Avid's log tool for Windows stops and asks what to do, and no reader is known that stops at it. ALEs of a Mac
end their lines in LF; a reader must take any ending.

Source: "Avid Log Specifications" and "Converting Log Files with Avid Log Exchange (Windows)", Media Composer user
manual 9935-65492-00, pages 127 and 119; what Media Composer writes itself (otio-ale-adapter's sample.ale).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from daemon.cards.base import stem
from daemon.errors import SidecarError
from daemon.sidecars.cdl import Correction, of_row

_RATES = {
    Fraction(24000, 1001): "23.976",
    Fraction(30000, 1001): "29.97",
    Fraction(48000, 1001): "47.952",
    Fraction(60000, 1001): "59.94",
}
_FORMATS = {(1920, 1080): "1080", (1280, 720): "720"}
_CUSTOM = "CUSTOM"
"""No format of broadcast; Media Composer writes it for what is not NTSC, PAL, 720 or 1080."""
_SOUNDS = {22050: "22khz", 24000: "24khz", 44100: "44khz", 48000: "48khz"}
"""All that AUDIO_FORMAT can say, by sample rate: 44.1 kHz is 44. Avid documents `kHz` and writes `khz`."""


@dataclass(frozen=True, slots=True)
class Ale:
    """One ALE: heading as pairs, columns in order, rows as mappings from column to text."""

    heading: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]


def rate_text(rate: Fraction) -> str:
    """Return a frame rate as Avid writes it: 23.976, 25, 29.97."""
    if rate in _RATES:
        return _RATES[rate]
    return str(rate.numerator) if rate.denominator == 1 else f"{float(rate):.3f}"


def video_format(rasters: set[tuple[int, int]]) -> str:
    """Return the heading's VIDEO_FORMAT: 1080 or 720 where all clips have that raster, else CUSTOM."""
    return _FORMATS.get(next(iter(rasters)), _CUSTOM) if len(rasters) == 1 else _CUSTOM


def audio_format(sample_rates: set[int]) -> str:
    """Return the heading's AUDIO_FORMAT; empty where no single one of its values is true, and it is left out."""
    return _SOUNDS.get(next(iter(sample_rates)), "") if len(sample_rates) == 1 else ""


def compose(ale: Ale) -> str:
    """Return the text of an ALE; tabs, line ends and control characters in values become spaces."""
    lines = ["Heading", *(f"{_clean(key)}\t{_clean(value)}" for key, value in ale.heading), ""]
    lines += ["Column", "\t".join(ale.columns), "", "Data"]
    lines += ["\t".join(_clean(row.get(column, "")) for column in ale.columns) for row in ale.rows]
    return "\r\n".join(lines) + "\r\n"


def parse(text: str, source: str) -> Ale:
    """Return an ALE's content.

    Raises:
        SidecarError: a part is not there, or a row does not fit the columns.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    parts = [line.strip() for line in lines]
    if not {"Heading", "Column", "Data"} <= set(parts):
        raise _bad(source, "Heading, Column or Data is not there")
    heading_at, columns_at, data_at = (parts.index(part) for part in ("Heading", "Column", "Data"))
    heading = [line.split("\t", 1) for line in lines[heading_at + 1 : columns_at] if line.strip()]
    named = next((line for line in lines[columns_at + 1 : data_at] if line.strip()), "")
    columns = tuple(column for column in named.rstrip("\t").split("\t"))
    if not columns[0]:
        raise _bad(source, "it names no columns")
    rows = [_row(line, columns, source) for line in lines[data_at + 1 :] if line.strip()]
    pairs = tuple((pair[0].strip(), pair[1].strip() if len(pair) > 1 else "") for pair in heading)
    return Ale(pairs, columns, tuple(rows))


def grades(ale: Ale, source: str) -> tuple[Correction, ...]:
    """Return the grades that an ALE's CDL columns hold; rows without one are left out."""
    return tuple(
        of_row(
            stem(row.get("Name", "")),
            row.get("ASC_SOP", ""),
            row.get("ASC_SAT", ""),
            source,
            reel=row.get("Tape", ""),
            start=row.get("Start", ""),
        )
        for row in ale.rows
        if row.get("ASC_SOP") or row.get("ASC_SAT")
    )


def _row(line: str, columns: tuple[str, ...], source: str) -> dict[str, str]:
    cells = line.split("\t")
    if [cell for cell in cells[len(columns) :] if cell.strip()]:
        raise _bad(source, f"a row has {len(cells)} cells for {len(columns)} columns")
    return dict(zip(columns, (cell.strip() for cell in cells), strict=False))


def _clean(value: str) -> str:
    return "".join(character if character.isprintable() else " " for character in value).strip()


def _bad(source: str, why: str) -> SidecarError:
    return SidecarError(f"{source} is no ALE that can be read", why=why, fix="export it again from where it came")
