"""A cart with further targets: a folder, and S3-compatible storage that runs on this machine."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "service")]

from cart import Cart
from storage import Bucket

from bench.storage import storage


@pytest.fixture(autouse=True)
def short_aaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """An AAF's name for the AAF: a real one takes a quarter of a second, and targets are about something else."""
    monkeypatch.setattr("daemon.sidecars.aaf.compose", lambda stringout, _: stringout.name.encode())


@pytest.fixture
def cart(folder: Path) -> Cart:
    """A production of its own, in memory where there is room."""
    return Cart(folder)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of the storage."""
    with storage() as address:
        yield address


@pytest.fixture
def bucket(server: str, tmp_path: Path) -> Bucket:
    """A bucket of its own, empty, and the credentials for it."""
    keys = tmp_path / "storage.ini"
    keys.write_text("[default]\naws_access_key_id = key\naws_secret_access_key = secret\n")
    made = Bucket(server, f"dailies-{uuid.uuid4().hex[:12]}", str(keys))
    made.make()
    return made
