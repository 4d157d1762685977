"""S3-compatible storage as a target, through fsspec. Large files go in parts, and a cut-off upload is gone on with.

What has arrived of an upload is known by the storage's own list of parts: a part whose MD5 is that of the same bytes
here is not sent again. An object appears whole, or not at all. Source: Amazon S3 API reference, multipart upload.
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import s3fs
import xxhash
from botocore.exceptions import BotoCoreError, ClientError

from daemon.errors import DeliveryError, EgressError, TargetAway
from daemon.targets.base import Medium, name_taken
from daemon.worker import Progress

_PART_BYTES, _MOST_PARTS = 16 << 20, 9000
"""Smallest part, and how many there may be; storage takes 10,000."""
_TRIES = 2
_SECONDS = {"connect_timeout": 10, "read_timeout": 60}


@dataclass(frozen=True, slots=True)
class Storage:
    """Where a bucket is and who asks; without `credentials` the environment says it."""

    url: str
    endpoint: str
    region: str
    credentials: str = ""


class S3Target:
    """A production's keys in a bucket; `storage` is asked by them."""

    def __init__(self, name: str, storage: Storage, production: str) -> None:
        self._name = name
        self._bucket, _, prefix = storage.url.removeprefix("s3://").partition("/")
        self._prefix = "/".join(part for part in (*prefix.split("/"), production) if part)
        os.environ["AWS_EC2_METADATA_DISABLED"] = "true"  # it would ask the network who it is
        self.storage = s3fs.S3FileSystem(
            endpoint_url=storage.endpoint,
            client_kwargs={"region_name": storage.region},
            config_kwargs={
                **_SECONDS,
                "s3": {"addressing_style": "path"},  # a bucket's own host name would be another destination
                "request_checksum_calculation": "when_required",
                "response_checksum_validation": "when_required",
                "retries": {"max_attempts": _TRIES},
            },
            skip_instance_cache=True,
            use_listings_cache=False,
            **_keys(storage.credentials),
        )
        self.storage.retries = _TRIES

    def put_media(self, medium: Medium, progress: Progress) -> int:
        """Upload a media file; see Target."""
        head = self._asked("head_object", medium.path)
        if head:
            if head["ContentLength"] == medium.size_bytes and head["Metadata"].get("xxh128") == medium.xxh128:
                return 0
            raise name_taken(medium.path, self._name)
        part_bytes = max(_PART_BYTES, -(-medium.size_bytes // _MOST_PARTS))
        with medium.here.open("rb", buffering=0) as file:
            if medium.size_bytes <= part_bytes:
                return self._put_whole(medium, file)
            return self._put_parts(medium, file, part_bytes, progress)

    def read(self, path: str) -> bytes | None:
        """Return a sidecar's bytes; see Target."""
        with self._told(path):
            try:
                return bytes(self.storage.cat_file(f"{self._bucket}/{self._key(path)}"))
            except FileNotFoundError:
                return None

    def put(self, path: str, data: bytes) -> None:
        """Put a sidecar in place; see Target."""
        self._call("put_object", path, Body=data, ContentMD5=_md5(data))

    def remove(self, path: str) -> None:
        """Take a sidecar away; see Target."""
        self._call("delete_object", path)

    def _put_whole(self, medium: Medium, file: BinaryIO) -> int:
        data = file.read()
        _check(medium, xxhash.xxh3_128(data).hexdigest())
        words = {"Metadata": {"xxh128": medium.xxh128}, "ContentMD5": _md5(data), "IfNoneMatch": "*"}
        self._call("put_object", medium.path, Body=data, **words)
        return len(data)

    def _put_parts(self, medium: Medium, file: BinaryIO, part_bytes: int, progress: Progress) -> int:
        """Upload what is not there yet, part by part, and make it one."""
        upload, there = self._begun(medium)
        hasher, sent, done = xxhash.xxh3_128(), 0, 0
        parts: list[dict[str, Any]] = []
        while data := _block(file, part_bytes):
            number, etag = len(parts) + 1, hashlib.md5(data, usedforsecurity=False).hexdigest()
            hasher.update(data)
            if there.get(number) != etag:
                words = {"UploadId": upload, "PartNumber": number, "Body": data, "ContentMD5": _md5(data)}
                etag = self._call("upload_part", medium.path, **words)["ETag"].strip('"')
                sent += len(data)
            parts.append({"PartNumber": number, "ETag": etag})
            done += len(data)
            progress(done, medium.size_bytes)
        try:
            _check(medium, hasher.hexdigest())
        except DeliveryError:
            self._call("abort_multipart_upload", medium.path, UploadId=upload)
            raise
        self._call("complete_multipart_upload", medium.path, UploadId=upload, MultipartUpload={"Parts": parts})
        return sent

    def _begun(self, medium: Medium) -> tuple[str, dict[int, str]]:
        """Return an upload of this file that was begun, with the MD5 of each part that arrived, or a new one."""
        key = self._key(medium.path)
        listed = self._call("list_multipart_uploads", "", Prefix=key, Key=None).get("Uploads", [])
        begun = [upload["UploadId"] for upload in listed if upload["Key"] == key]
        if not begun:
            words = {"Metadata": {"xxh128": medium.xxh128}}
            return str(self._call("create_multipart_upload", medium.path, **words)["UploadId"]), {}
        return str(begun[-1]), dict(self._parts(medium.path, begun[-1]))

    def _parts(self, path: str, upload: str) -> Iterator[tuple[int, str]]:
        marker = 0
        while True:
            page = self._call("list_parts", path, UploadId=upload, PartNumberMarker=marker)
            yield from ((part["PartNumber"], part["ETag"].strip('"')) for part in page.get("Parts", []))
            if not page.get("IsTruncated"):
                return
            marker = int(page["NextPartNumberMarker"])

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}"

    def _asked(self, method: str, path: str) -> dict[str, Any] | None:
        with self._told(path):
            try:
                return dict(self.storage.call_s3(method, Bucket=self._bucket, Key=self._key(path)))
            except FileNotFoundError:
                return None

    def _call(self, method: str, path: str, **words: Any) -> dict[str, Any]:
        asked = {"Bucket": self._bucket, "Key": self._key(path)} | words
        with self._told(path):
            return dict(
                self.storage.call_s3(method, **{word: value for word, value in asked.items() if value is not None})
            )

    @contextmanager
    def _told(self, path: str) -> Iterator[None]:
        """Turn what the storage and the way to it throw into an error that says which target and what."""
        try:
            yield
        except (OSError, BotoCoreError, ClientError) as error:
            if refused := _egress_error(error):
                raise refused from error
            raise TargetAway(
                f"the target {self._name} did not take {path or self._bucket}",
                why=f"{type(error).__name__}: {error}",
                fix="check the storage, its bucket, its credentials and the way there; it is tried again by itself",
            ) from error


def _egress_error(error: BaseException | None) -> EgressError | None:
    """Return the refused connection that an error comes of, however often a library wrapped it."""
    while error is not None and not isinstance(error, EgressError):
        error = error.__cause__ or error.__context__
    return error


def _block(file: BinaryIO, size: int) -> bytes:
    """Return the next block, whole but for the last; an unbuffered file may give less than it was asked for."""
    pieces, room = [], size
    while room and (piece := file.read(room)):
        pieces.append(piece)
        room -= len(piece)
    return b"".join(pieces)


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _check(medium: Medium, xxh128: str) -> None:
    if xxh128 != medium.xxh128:
        raise DeliveryError(
            f"{medium.path} was not delivered",
            why="the file here is not what the record says",
            fix="`nearset verify` tells whether the delivery here is whole",
        )


def _keys(credentials: str) -> dict[str, str]:
    """Return the keys of a credentials file's default profile; nothing without a file.

    Raises:
        TargetAway: it cannot be read.
    """
    if not credentials:
        return {}
    book = configparser.ConfigParser(interpolation=None)
    try:
        book.read_string(Path(credentials).read_text(encoding="utf-8"))
        found = dict(book["default"])
        token = {"token": found["aws_session_token"]} if "aws_session_token" in found else {}
        return {"key": found["aws_access_key_id"], "secret": found["aws_secret_access_key"]} | token
    except (OSError, KeyError, configparser.Error, UnicodeDecodeError) as error:
        raise TargetAway(
            f"the credentials in {credentials} cannot be read",
            why=f"{type(error).__name__}: {error}",
            fix="give it a [default] section with aws_access_key_id and aws_secret_access_key",
        ) from error
