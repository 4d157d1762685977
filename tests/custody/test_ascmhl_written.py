from __future__ import annotations

import subprocess
import sys
import time

import pytest
from custody_card import manifest_of, put
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from daemon.hashing import ALGORITHMS, hash_bytes
from daemon.sidecars import ascmhl
from daemon.sidecars.ascmhl import Entry, Generation, Link, RecordedHash, Reference

FORMATS = sorted(ALGORITHMS - {"null", "xxhash"})
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\\x7f", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]),
    min_size=1,
    max_size=12,
).filter(lambda name: name.strip() == name and name not in {".", ".."} and name[1:2] != ":")
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
DATA = st.binary(max_size=8)
TIMES = st.just("2026-03-02T18:00:00+00:00")


@st.composite
def entries(draw) -> Entry:
    data, actions = draw(DATA), st.sampled_from(["original", "verified", "failed", ""])
    formats = draw(st.lists(st.sampled_from(FORMATS), min_size=1, unique=True).map(sorted))
    hashes = tuple(RecordedHash(name, hash_bytes(name, data), draw(actions)) for name in formats)
    return Entry(draw(PATHS), draw(st.none() | st.integers(0, 1 << 50)), hashes, draw(st.just("") | PATHS))


def tuples(strategy):
    return st.lists(strategy, max_size=3).map(tuple)


REFERENCES = st.builds(Reference, PATHS, DATA.map(lambda data: hash_bytes("c4", data)))
GENERATIONS = st.builds(
    Generation,
    st.sampled_from(["in-place", "transfer"]),
    TIMES,
    tuples(entries()),
    tuples(NAMES),
    tuples(REFERENCES),
)


def written(generation: Generation) -> bytes:
    return ascmhl.compose_generation(generation, tool="nearset", version="0.1.0", hostname="cart")


@given(GENERATIONS)
def test_a_generation_written_is_the_generation_read(generation):
    assert ascmhl.parse_generation(written(generation)) == generation


def test_what_is_written_holds_to_the_published_schemas(samples):
    entry = Entry("Clip/A001C001.mov", 4, (RecordedHash("xxh64", hash_bytes("xxh64", b"take"), "original"),), "old.mov")
    c4 = hash_bytes("c4", b"")
    generation = Generation(
        "transfer",
        "2026-03-02T18:00:00+00:00",
        (entry,),
        ("*.tmp",),
        (Reference("A002/ascmhl/0001.mhl", c4),),
    )
    offline = etree.XMLParser(no_network=True)
    folder = samples / "sidecars" / "ascmhl" / "xsd"
    schema = etree.XMLSchema(etree.parse(folder / "ASCMHLDirectory__combined.xsd", offline))
    schema.assertValid(etree.fromstring(written(generation)))
    links = (Link(1, "0001_A001.mhl", c4), Link(2, "0002_A001.mhl", c4))
    schema.assertValid(etree.fromstring(ascmhl.compose_chain(links)))
    assert ascmhl.parse_chain(ascmhl.compose_chain(links)) == links


def test_a_card_sealed_by_nearset_verifies_in_the_reference_tool(tmp_path):
    pytest.importorskip("ascmhl", reason="the reference tool is a development extra")
    recorded = RecordedHash("c4", hash_bytes("c4", b"take"), "original")
    ignore = (".DS_Store", "ascmhl", "ascmhl/")
    generation = Generation("in-place", "2026-03-02T18:00:00+00:00", (Entry("a.mov", 4, (recorded,), ""),), ignore, ())
    name, data = "0001_A001_2026-03-02_180000Z.mhl", written(generation)
    chain = ascmhl.compose_chain([Link(1, name, hash_bytes("c4", data))])
    put(tmp_path, {"a.mov": b"take", f"ascmhl/{name}": data, "ascmhl/ascmhl_chain.xml": chain})
    assert manifest_of(tmp_path).expected("a.mov") == {"c4": recorded.value}
    code = "import sys; from ascmhl import commands; commands.verify([sys.argv[1]])"
    run = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    assert subprocess.run(run, capture_output=True, timeout=30, check=False).returncode == 0
    put(tmp_path, {"a.mov": b"t4ke"})
    assert subprocess.run(run, capture_output=True, timeout=30, check=False).returncode == 11


@pytest.mark.parametrize("pattern", ["!", "\\", "[z-a]", "[[a]", "*a" * 30 + "b", "?" * 200])
def test_an_ignore_pattern_made_to_stall_or_break_covers_nothing(pattern):
    before = time.process_time()
    spec = ascmhl.ignore_spec((pattern, "*.tmp"))
    assert not spec.match_file("a" * 255)
    assert spec.match_file("x.tmp")
    assert time.process_time() - before < 2
