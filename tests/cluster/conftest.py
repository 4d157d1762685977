"""Two boxes beside a head, all on this machine, for the stories that need Ray's real processes."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "service"), str(Path(__file__).parents[1] / "media")]


from bench.boxes import Boxes, boxes


@pytest.fixture(scope="module")
def cluster() -> Iterator[Boxes]:
    """A head, and two boxes that take the production TEST; in a folder with a short path, for sockets lie in it."""
    place = Path(tempfile.mkdtemp(prefix="ns-"))
    with boxes(place, ["box2", "box3"], "TEST") as made:
        yield made
    shutil.rmtree(place, ignore_errors=True)
