from __future__ import annotations

import codecs

import pytest

from daemon.errors import SidecarError
from daemon.sidecars import xml


def test_every_hostile_document_of_the_collection_is_refused(samples):
    documents = sorted((samples / "hostile" / "xml").glob("*.xml"))
    assert len(documents) == 7
    for document in documents:
        with pytest.raises(SidecarError, match="DOCTYPE"):
            xml.parse(document.read_bytes(), source=document.name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_doctype_is_refused_in_any_width(encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [<!ENTITY b "c">]><a x="&b;">&b;</a>'
    with pytest.raises(SidecarError):
        xml.parse(text.encode(encoding))


def test_a_doctype_hidden_in_another_alphabet_is_refused():
    body = "<!DOCTYPE a><a/>".encode("utf-7").replace(b"<", b"+ADw-")
    with pytest.raises(SidecarError):
        xml.parse(b'<?xml version="1.0" encoding="UTF-7"?>' + body)


def test_an_entity_that_nobody_defined_is_refused():
    with pytest.raises(SidecarError):
        xml.parse(b"<a>&secret;</a>")


def test_a_document_over_its_size_is_refused_before_it_is_read():
    with pytest.raises(SidecarError, match="more than 10"):
        xml.parse(b"<a>" + b" " * 20 + b"</a>", 10)


@pytest.mark.parametrize("depth", [65, 300, 100_000])
def test_a_document_nested_without_end_is_refused(depth):
    with pytest.raises(SidecarError):
        xml.parse(b"<a>" * depth + b"</a>" * depth)


def test_a_document_nested_sixty_four_deep_is_fine():
    assert xml.local(xml.parse(b"<a>" * 64 + b"</a>" * 64)) == "a"


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\0", b"<a>", b"PK\3\4", codecs.BOM_UTF16_LE, b"<a b='1' b='2'/>", b"\xff<a/>"]
)
def test_what_is_not_xml_is_refused(data):
    with pytest.raises(SidecarError):
        xml.parse(data, source="C0001M01.XML")


def test_an_unknown_encoding_is_refused():
    with pytest.raises(SidecarError):
        xml.parse(b'<?xml version="1.0" encoding="KLINGON"?><a/>')


def test_comments_and_instructions_do_not_break_up_text():
    root = xml.parse(b"<a><b>one<!-- two --><?three four?></b></a>")
    assert xml.text(root, "b") == "one"
    assert xml.text(root, "c") == ""
