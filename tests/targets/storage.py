"""A bucket, as a cutting room would look into it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import s3fs

from daemon.targets.s3 import S3Target, Storage


@dataclass(frozen=True)
class Bucket:
    endpoint: str
    name: str
    credentials: str

    @cached_property
    def _storage(self) -> Any:
        words = {"endpoint_url": self.endpoint, "client_kwargs": {"region_name": "us-east-1"}}
        return s3fs.S3FileSystem(key="key", secret="secret", use_listings_cache=False, **words)

    def make(self) -> None:
        self._storage.call_s3("create_bucket", Bucket=self.name)

    def call(self, method: str, **words: Any) -> dict[str, Any]:
        return dict(self._storage.call_s3(method, Bucket=self.name, **words))

    def objects(self) -> dict[str, bytes]:
        """Every object by key."""
        listed = self.call("list_objects_v2").get("Contents", [])
        return {it["Key"]: bytes(self._storage.cat_file(f"{self.name}/{it['Key']}")) for it in listed}

    def begun(self) -> list[str]:
        """The keys of uploads that were begun and not ended."""
        return [it["Key"] for it in self.call("list_multipart_uploads").get("Uploads", [])]

    def target(self, production: str = "TEST") -> S3Target:
        return S3Target(
            "lab", Storage(f"s3://{self.name}/in", self.endpoint, "us-east-1", self.credentials), production
        )
