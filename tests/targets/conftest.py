"""A cart with further targets: a folder, and S3-compatible storage that runs on this machine."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "service")]

from storage import Bucket

from bench.storage import storage


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
