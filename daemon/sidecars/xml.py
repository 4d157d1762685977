"""Parses XML from strangers: no entities, no DOCTYPE, no network, bounded in size and depth.

The one door for XML into nearset; no other module calls a parser. Knows nothing of what the XML says.
"""

from __future__ import annotations

from typing import TypeAlias

from lxml import etree
from lxml.etree import _Element

from daemon.errors import SidecarError

Element: TypeAlias = _Element
"""One element of a parsed document."""

LIMIT_BYTES = 64 << 20
"""A manifest of 200,000 files is about 60 MB."""
_LIMIT_DEPTH = 64
_TOO_DEEP = etree.XPath("boolean(" + "/*" * (_LIMIT_DEPTH + 1) + ")")


def parse(data: bytes, limit_bytes: int = LIMIT_BYTES, *, source: str = "the sidecar") -> Element:
    """Return the root element of a document; comments and processing instructions are left out.

    Raises:
        SidecarError: too large, too deep, not well formed, or with a DOCTYPE; `source` is named in it.
    """
    if len(data) > limit_bytes:
        raise _refused(source, f"it holds {len(data)} bytes, more than {limit_bytes}")
    # Before parsing, whatever the width of a character: attribute values are expanded while parsing.
    if b"<!DOCTYPE" in data.replace(b"\0", b""):
        raise _refused(source, "it has a DOCTYPE, and could define entities")
    root = _parse(data, source)
    if root.getroottree().docinfo.doctype:  # type: ignore[attr-defined] # the stubs lack it
        raise _refused(source, "it has a DOCTYPE, and could define entities")
    if _TOO_DEEP(root):
        raise _refused(source, f"its elements are nested deeper than {_LIMIT_DEPTH}")
    return root


def local(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def children(element: Element, name: str) -> list[Element]:
    """Return the direct children of that name, in any namespace."""
    return list(element.iterchildren(f"{{*}}{name}"))


def child(element: Element, name: str) -> Element | None:
    """Return the first direct child of that name, in any namespace; None where there is none."""
    return next(element.iterchildren(f"{{*}}{name}"), None)


def text(element: Element, name: str) -> str:
    """Return the text of the first direct child of that name, stripped; empty where there is none."""
    found = child(element, name)
    return "" if found is None else (found.text or "").strip()


def attribute(element: Element, name: str) -> str:
    """Return an attribute's text; empty where there is none."""
    return str(element.get(name, ""))


def _parse(data: bytes, source: str) -> Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise _refused(source, str(error)) from error


def _refused(source: str, why: str) -> SidecarError:
    return SidecarError(
        f"{source} cannot be read as XML",
        why=why,
        fix="copy it again from the card, or have the tool that wrote it write it anew",
    )
