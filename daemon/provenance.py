"""Provenance: what is said of a delivered file, signed with the production's key; in a child, before it is published.

In MOV and MP4 it is a C2PA manifest inside the file; beside everything else a JSON Web Signature over the same
statement and the file's SHA-256. A plain proxy claims to be transcoded and no more; an enhanced one names model, recipe
and strength, and only where a picture was changed. No time is claimed: no authority is asked, here or when it is read.
Sources: C2PA Technical Specification 2.1 (actions, ingredients, claim signatures); RFC 7515 (JWS); RFC 7518, 3.4.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader, FileIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import c2pa
from c2pa import C2paError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from daemon import __version__, wire
from daemon.beneath import open_beneath
from daemon.certificates import Certificates
from daemon.clock import SystemClock
from daemon.errors import NearsetError, NotSigned
from daemon.publish import disk_full
from daemon.slate import Attest, Attested, Origin
from daemon.turnover.provenance import EMBEDDED
from daemon.worker import Progress

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CUSTODY = "nearset.custody"
"""Label of our own assertion: the statement as it is."""
_FORMATS = {".mov": "video/quicktime", ".mp4": "video/mp4"}
_ENHANCED = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
DONE = {
    "removal": "What the recipe names was taken out and filled from pictures where it is not.",
    "flicker": "Flicker of light was taken out.",
    "restore": "Noise was taken out by a neural network.",
    "relight": "The balance of the picture's own light was changed as the recipe asks.",
    "steady": "The picture was steadied or reframed.",
    "matte": "A matte was pulled of the picture.",
    "plate": "A clean plate was put together of pictures of the shot.",
    "comp": "The picture was laid over another by its matte.",
}
"""What is said of each step, and of what is made beside the proxies."""
LIST = ".sha256"
"""Ending of a list that stands for the files it names, each by its SHA-256."""
_BUFFER_BYTES = 1 << 18
_NUMBER_BYTES = 32
"""Of each of the two numbers of an ES256 signature."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said of a file that was made of `origin`.

    `enhancement` is None where no picture was changed, else model, engine, strength and how many pictures; `look` the
    steps from the camera's picture to the one that is shown, empty where it stayed as recorded.
    """

    clip: str
    twin: str
    origin: Origin
    enhancement: dict[str, Any] | None
    look: tuple[str, ...]


class _Alive(FileIO):
    """An open file, by its descriptor, that tells of its reads: a large one must not be taken for a hung child."""

    def __init__(self, file: IO[bytes] | FileIO, progress: Progress) -> None:
        super().__init__(file.fileno(), "r", closefd=False)
        self._progress = progress

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read into a buffer."""
        self._progress(1, 1)
        return super().readinto(buffer) or 0  # none is for files that do not block, and these do


def sign(path: Path, suffix: str, statement: Statement, progress: Progress) -> str:
    """Sign a staged file that will be named with a suffix, and return `c2pa`, or the JSON Web Signature itself.

    Raises:
        NotSigned: the key is missing or the library refuses. DiskFull: there is no room for the signed copy.
    """
    certificates = Certificates(Path(statement.origin.certificates))
    if not certificates.are_there:
        raise NotSigned(
            f"{statement.clip} cannot be signed",
            why=f"there is no key in {certificates.folder}",
            fix="run `nearset init` again, which makes one, then `nearset retry`; or set provenance.sign to false",
        )
    media_type = _FORMATS.get(suffix)
    if media_type is None:
        return _sealed(path, statement, certificates, progress)
    _embed(path, media_type, statement, certificates, progress)
    return EMBEDDED


def _embed(path: Path, media_type: str, statement: Statement, certificates: Certificates, progress: Progress) -> None:
    """Put a signed copy with the manifest in it in the file's place."""
    signed = path.with_name(f"{path.name}.signed")
    try:
        signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, certificates.chain, certificates.key, None)
        )
        builder = c2pa.Builder(_manifest(statement, media_type), context=_context(certificates.root))
        with path.open("rb") as source, signed.open("w+b") as target:
            builder.sign(signer, media_type, BufferedReader(_Alive(source, progress), _BUFFER_BYTES), target)
    except C2paError as error:
        if shutil.disk_usage(path.parent).free < path.stat().st_size:  # the library does not say why it could not write
            raise disk_full(path) from error
        if why := certificates.outside_term(SystemClock().utc()):  # by the clock that the library reads, too
            raise NotSigned(f"{statement.clip} cannot be signed", why=why, fix=_set_clock(certificates)) from error
        raise NotSigned(
            f"{statement.clip} cannot be signed",
            why=str(error),
            fix="report this with the clip's codec; provenance.sign: false delivers without",
        ) from error
    signed.replace(path)


def _set_clock(certificates: Certificates) -> str:
    return (
        "set the clock, then `nearset retry`; where it is right now and was wrong when they were made, stop nearset, "
        f"move {certificates.folder} away, run `nearset init` again and hand the new root to who verifies, then retry"
    )


def _context(root: bytes) -> c2pa.Context:
    """Return how C2PA works here: our root is the only one that is trusted, and nothing is ever fetched."""
    verify = {"verify_trust": True, "verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False}
    words = {
        "version": 1,
        "verify": verify,
        "trust": {"user_anchors": root.decode()},
        "core": {"allowed_network_hosts": []},
        "builder": {"thumbnail": {"enabled": False}},
    }
    return c2pa.Context(c2pa.Settings.from_dict(words))


def _manifest(statement: Statement, media_type: str) -> dict[str, Any]:
    first = statement.origin.files[0] if statement.origin.files else None
    return {
        "claim_generator_info": [{"name": "nearset", "version": __version__}],
        "title": f"{statement.clip} ({statement.twin})",
        "format": media_type,
        "ingredients": [
            {
                "title": first.path.rpartition("/")[2] if first else statement.clip,
                "relationship": "parentOf",
                "format": "application/octet-stream",
                "instance_id": f"xxh128:{first.hashes['xxh128']}" if first else f"clip:{statement.clip}",
                "label": "source",
            }
        ],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": _actions(statement)}},
            {"label": CUSTODY, "data": _said(statement)},
        ],
    }


def _actions(statement: Statement) -> list[dict[str, Any]]:
    """Return what was done, in order: opened, enhanced where a picture was changed, graded, transcoded."""
    agent = {"name": "nearset", "version": __version__}
    actions: list[dict[str, Any]] = [{"action": "c2pa.opened", "parameters": {"ingredientIds": ["source"]}}]
    if statement.enhancement:
        parameters = {f"nearset.{word}": value for word, value in statement.enhancement.items()}
        parameters["nearset.recipe"] = statement.origin.recipe
        actions.append(
            {
                "action": "c2pa.edited",
                "digitalSourceType": _ENHANCED,
                "description": " ".join(DONE[step] for step in statement.enhancement["steps"]),
                "softwareAgent": agent,
                "parameters": parameters,
            }
        )
    if statement.look:
        steps = {"nearset.steps": list(statement.look)}
        actions.append({"action": "c2pa.color_adjustments", "softwareAgent": agent, "parameters": steps})
    return [*actions, {"action": "c2pa.transcoded", "softwareAgent": agent}]


def _said(statement: Statement) -> dict[str, Any]:
    """Return the statement as it is written, in the manifest or the signed JSON."""
    origin = statement.origin
    return {
        "clip": statement.clip,
        "twin": statement.twin,
        "production": origin.production,
        "custody": origin.custody,
        "identity": origin.identity,
        "camera_files": [
            {"path": file.path, "hashes": file.hashes, "manifest": file.expected} for file in origin.files
        ],
        "recipe": origin.recipe,
        "enhancement": statement.enhancement,
        "look": list(statement.look),
        "nearset": __version__,
    }


def _sealed(path: Path, statement: Statement, certificates: Certificates, progress: Progress) -> str:
    """Return a JSON Web Signature, flattened, over the statement and the file's SHA-256; the chain is in its header."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(_Alive(file, progress), "sha256").hexdigest()
    payload = {"schema": "nearset-provenance-1", "sha256": digest, "bytes": path.stat().st_size} | _said(statement)
    chain = x509.load_pem_x509_certificates(certificates.chain)
    x5c = [base64.b64encode(one.public_bytes(serialization.Encoding.DER)).decode() for one in chain]
    protected, said = _b64(json.dumps({"alg": "ES256", "x5c": x5c}).encode()), _b64(json.dumps(payload).encode())
    key = serialization.load_pem_private_key(certificates.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    numbers = decode_dss_signature(key.sign(f"{protected}.{said}".encode(), ec.ECDSA(hashes.SHA256())))
    signature = _b64(b"".join(number.to_bytes(_NUMBER_BYTES, "big") for number in numbers))
    return json.dumps({"payload": said, "protected": protected, "signature": signature})


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def work(task_text: str, progress: Progress) -> str:
    """Return what a delivered file's signature is worth, as JSON; the work side of `nearset verify`."""
    task = wire.load(Attest, task_text)
    with open_beneath(task.folder, task.path) as file, _Alive(file, progress) as told:
        found = _of_json(told, task, progress) if task.signature else _of_media(told, task)
    return wire.dump(Attested, found)


def _of_media(file: FileIO, task: Attest) -> Attested:
    media_type = _FORMATS.get(Path(task.path).suffix, "")
    try:
        buffered = BufferedReader(file, _BUFFER_BYTES)  # the library asks for a few bytes at a time
        with c2pa.Reader(media_type, buffered, context=_context(task.root.encode())) as reader:
            state, told = reader.get_validation_state(), reader.get_active_manifest() or {}
            results = reader.get_validation_results() or {}
    except C2paError as error:
        return Attested((f"its C2PA manifest cannot be read: {error}",), {})
    failures = results.get("activeManifest", {}).get("failure", [])
    faults = tuple(f"{failure['code']}: {failure.get('explanation', '')}" for failure in failures)
    said: dict[str, Any] = next((one["data"] for one in told.get("assertions", []) if one["label"] == CUSTODY), {})
    if state != "Trusted" and not faults:
        faults = (f"its C2PA manifest is {state} and not Trusted",)
    return Attested(faults, said)


def _of_json(file: FileIO, task: Attest, progress: Progress) -> Attested:
    try:
        payload = opened(task.signature, task.root.encode())
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        return Attested((f"its signed statement makes no sense: {error}",), {})
    except InvalidSignature:
        return Attested(("its signed statement was changed, or another production signed it",), {})
    if hashlib.file_digest(file, "sha256").hexdigest() != payload.get("sha256"):
        return Attested(("its bytes are not the ones that were signed",), payload)
    return Attested(tuple(_unlisted(file, task, progress)) if task.path.endswith(LIST) else (), payload)


def _unlisted(file: FileIO, task: Attest, progress: Progress) -> Iterator[str]:
    """Yield what is wrong with the files that a signed list names, beside it."""
    file.seek(0)
    for line in file.read().decode().splitlines():
        sha256, _, name = line.partition("  ")
        path = f"{task.path.rpartition('/')[0]}/{name}"
        try:
            with open_beneath(task.folder, path) as listed, _Alive(listed, progress) as bytes_of:
                if hashlib.file_digest(bytes_of, "sha256").hexdigest() != sha256:
                    yield f"{name} is not the one that was signed"
        except (NearsetError, OSError) as error:
            yield f"{name} cannot be read: {error}"


def opened(signature: str, root: bytes) -> dict[str, Any]:
    """Return what a JSON Web Signature says, once its signer is known to be the root's.

    Raises:
        InvalidSignature: it was changed, or another root stands behind it. ValueError, KeyError: it is none.
    """
    jws = json.loads(signature)
    header = json.loads(_unb64(jws["protected"]))
    signer = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
    try:
        signer.verify_directly_issued_by(x509.load_pem_x509_certificate(root))
    except (ValueError, TypeError) as error:
        raise InvalidSignature from error
    key, raw = signer.public_key(), _unb64(jws["signature"])
    if header["alg"] != "ES256" or not isinstance(key, ec.EllipticCurvePublicKey) or len(raw) != 2 * _NUMBER_BYTES:
        raise InvalidSignature
    numbers = (int.from_bytes(raw[:_NUMBER_BYTES], "big"), int.from_bytes(raw[_NUMBER_BYTES:], "big"))
    signed = f"{jws['protected']}.{jws['payload']}".encode()
    key.verify(encode_dss_signature(*numbers), signed, ec.ECDSA(hashes.SHA256()))
    return dict(json.loads(_unb64(jws["payload"])))


def enhancement_of(
    model: str, engine: str, strength: float, changed: int, done: tuple[str, ...]
) -> dict[str, Any] | None:
    """Return what is said of an enhancement by the steps of `DONE`; None where nothing was done.

    `changed` counts the pictures that the restoration changed, by a `strength` of 0 to 1.
    """
    if not done:
        return None
    said = {"model": model, "engine": engine, "strength": round(strength, 4), "pictures_changed": changed}
    return said | {"steps": list(done)}
