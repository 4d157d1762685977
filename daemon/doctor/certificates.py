"""Certificates: whether deliveries can be signed: chain and key are there, belong together, hold, and are private."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from daemon.certificates import CHAIN, KEY, ROOT, Certificates
from daemon.config import Config
from daemon.doctor.finding import Finding, Level
from daemon.production import Moment

SUBJECT = "certificates"
_SOON = timedelta(days=30)
_ANEW = "move the folder away and run `nearset init`: it makes new ones, and the new root is handed to the cutting room"


def examined(config: Config, now: Moment) -> Iterator[Finding]:
    """Yield what was found."""
    certificates = Certificates(config.certificates)
    if not config.provenance.sign:
        yield Finding(SUBJECT, "signing", Level.OK, "deliveries are not signed: provenance.sign is off")
        return
    missing = [name for name in (ROOT, CHAIN, KEY) if not (certificates.folder / name).is_file()]
    if len(missing) == len((ROOT, CHAIN, KEY)):
        yield Finding(
            SUBJECT, "signing", Level.WARN, "there are none yet", "`nearset init` makes them, or the first start"
        )
        return
    if missing:
        yield Finding(SUBJECT, "signing", Level.ERROR, f"{', '.join(missing)} is not there", _ANEW)
        return
    try:
        yield from _looked(certificates, now)
    except (OSError, ValueError) as error:
        yield Finding(SUBJECT, "signing", Level.ERROR, f"they cannot be read: {error}", _ANEW)


def _looked(certificates: Certificates, now: Moment) -> Iterator[Finding]:
    signer, root = x509.load_pem_x509_certificates(certificates.chain)
    yield _chain(certificates, signer, root)
    yield _term(
        min(signer.not_valid_after_utc, root.not_valid_after_utc) - now.utc, signer.not_valid_before_utc > now.utc
    )
    mode = stat.S_IMODE((certificates.folder / KEY).stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        told = f"{KEY} has mode {mode:04o}: whoever reads it signs as this production"
        yield Finding(SUBJECT, "key", Level.ERROR, told, f"chmod 600 {certificates.folder / KEY}")
    else:
        yield Finding(SUBJECT, "key", Level.OK, "nobody else may read it")


def _chain(certificates: Certificates, signer: x509.Certificate, root: x509.Certificate) -> Finding:
    """Return whether key, signer and root belong together."""
    if load_pem_private_key(certificates.key, None).public_key() != signer.public_key():
        return Finding(SUBJECT, "chain", Level.ERROR, f"{KEY} is not the key of {CHAIN}", _ANEW)
    try:
        signer.verify_directly_issued_by(root)
    except (InvalidSignature, ValueError, TypeError):
        return Finding(SUBJECT, "chain", Level.ERROR, f"the signer in {CHAIN} is not issued by its root", _ANEW)
    if x509.load_pem_x509_certificate(certificates.root) != root:
        return Finding(SUBJECT, "chain", Level.ERROR, f"{ROOT} is not the root of {CHAIN}", _ANEW)
    return Finding(SUBJECT, "chain", Level.OK, f"{signer.subject.rfc4514_string()}, issued by its root")


def _term(left: timedelta, early: bool) -> Finding:  # noqa: FBT001 - a fact, not a switch
    if early:
        fix = f"see to the clock: it is behind the one that they were made by; where that one was wrong, {_ANEW}"
        return Finding(SUBJECT, "term", Level.ERROR, "they do not hold yet", fix)
    if left <= timedelta():
        return Finding(SUBJECT, "term", Level.ERROR, f"they ended {-left.days} days ago", _ANEW)
    if left < _SOON:
        return Finding(SUBJECT, "term", Level.WARN, f"they end in {left.days} days", _ANEW)
    return Finding(SUBJECT, "term", Level.OK, f"they hold for {left.days} days")
