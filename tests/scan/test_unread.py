"""A folder that cannot be read for a moment has lost nothing."""

from __future__ import annotations

from daemon.scan import Scan
from daemon.slate import FileMark
from daemon.stages.intake import _kept

MARK = FileMark(1, 2, 3, 4, 5)


def test_what_could_not_be_read_stands_as_it_was_and_the_rest_as_it_is_seen():
    before = {"A001/clip.mov": MARK, "A0011/clip.mov": MARK, "B001/gone.mov": MARK}
    seen = Scan({"C001/new.mov": MARK}, [("A001", "Input/output error")], 0.0, ("A001",))
    assert set(_kept(before, seen)) == {"A001/clip.mov", "C001/new.mov"}


def test_without_a_fault_what_is_seen_is_all_there_is():
    assert _kept({"A001/gone.mov": MARK}, Scan({}, [], 0.0)) == {}
