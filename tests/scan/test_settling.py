"""How long a file has lain still, told by a clock that the story holds."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from daemon.scan import Settling, scan
from daemon.slate import FileMark

SETTLE_SECONDS = 10.0


def _mark(size_bytes: int = 1, mtime_ns: int = 1, ctime_ns: int = 1, inode: int = 1) -> FileMark:
    return FileMark(1, inode, size_bytes, mtime_ns, ctime_ns)


def test_the_first_sight_of_an_old_file_counts_as_a_change() -> None:
    settling = Settling()
    settling.observe({"a.mov": _mark(mtime_ns=0)}, now := 1000.0)
    assert not settling.quiet("a.mov", now, SETTLE_SECONDS)
    assert not settling.quiet("a.mov", now + 9.9, SETTLE_SECONDS)
    assert settling.quiet("a.mov", now + 10.0, SETTLE_SECONDS)


def test_a_card_pulled_mid_copy_starts_anew_when_it_is_back() -> None:
    settling = Settling()
    settling.observe({"a.mov": _mark(1)}, 0.0)
    settling.observe({}, 5.0)
    assert not settling.quiet("a.mov", 100.0, SETTLE_SECONDS)
    settling.observe({"a.mov": _mark(1)}, 100.0)
    assert not settling.quiet("a.mov", 105.0, SETTLE_SECONDS)
    assert settling.quiet("a.mov", 110.0, SETTLE_SECONDS)


def test_a_growing_file_never_lies_still() -> None:
    settling = Settling()
    for second in range(60):
        settling.observe({"a.mov": _mark(size_bytes=second)}, float(second))
        assert not settling.quiet("a.mov", float(second), 2.0)


def test_a_copy_that_keeps_its_mtime_is_known_by_its_other_marks(tmp_path: Path) -> None:
    file = tmp_path / "a.mov"
    file.write_bytes(b"first")
    os.utime(file, ns=(1, 1))
    settling = Settling()
    settling.observe(scan(tmp_path).marks, 0.0)
    other = tmp_path / ".a.mov.partial"
    other.write_bytes(b"other")
    os.utime(other, ns=(1, 1))
    other.rename(file)
    settling.observe(scan(tmp_path).marks, 9.0)
    assert file.stat().st_mtime_ns == 1
    assert not settling.quiet("a.mov", 11.0, SETTLE_SECONDS)
    assert settling.quiet("a.mov", 19.0, SETTLE_SECONDS)


def test_a_preallocated_file_is_moving_while_its_bytes_arrive() -> None:
    settling = Settling()
    for second in range(30):
        settling.observe({"a.mov": _mark(size_bytes=1 << 30, mtime_ns=second)}, float(second))
    assert not settling.quiet("a.mov", 30.0, SETTLE_SECONDS)
    assert settling.quiet("a.mov", 39.0, SETTLE_SECONDS)


def test_one_file_still_being_copied_keeps_no_other_waiting() -> None:
    settling = Settling()
    settling.observe({"a.mov": _mark(1), "b.mov": _mark(1)}, 0.0)
    settling.observe({"a.mov": _mark(1), "b.mov": _mark(2)}, 10.0)
    assert settling.quiet("a.mov", 10.0, SETTLE_SECONDS)
    assert not settling.quiet("b.mov", 10.0, SETTLE_SECONDS)


@given(st.lists(st.tuples(st.floats(0.1, 5), st.integers(0, 2)), min_size=1, max_size=30))
def test_quiet_is_just_the_time_since_the_last_difference_seen(steps: list[tuple[float, int]]) -> None:
    settling = Settling()
    now, changed, last = 0.0, 0.0, -1
    for pause, size_bytes in steps:
        now += pause
        changed = changed if size_bytes == last else now
        last = size_bytes
        settling.observe({"a.mov": _mark(size_bytes)}, now)
        assert settling.quiet("a.mov", now, SETTLE_SECONDS) == (now - changed >= SETTLE_SECONDS)
