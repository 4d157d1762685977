"""The production's own certificates: a root that signs once, and the key that signs what is delivered.

No authority is asked and nothing leaves the machine: whoever wants to know that a delivery is this production's
compares the root that came with it with the one that he was handed. The root's key is not kept: nobody issues more.
Source: C2PA Technical Specification 2.1, section on X.509 certificates (profile of a claim signer's certificate).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from daemon.publish import fsync_file, fsync_folder, make_folders

ROOT, CHAIN, KEY = "root.pem", "chain.pem", "key.pem"
_YEARS = timedelta(days=3653)
_SLACK = timedelta(days=1)
"""Before now: a cart's clock may be a little ahead of the cutting room's."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where a production's certificates lie; `folder` holds the root, the chain (signer first) and the key."""

    folder: Path

    @property
    def are_there(self) -> bool:
        """Whether all of them are there; the key is written last."""
        return (self.folder / KEY).is_file()

    @property
    def root(self) -> bytes:
        """The root's certificate, PEM."""
        return (self.folder / ROOT).read_bytes()

    @property
    def chain(self) -> bytes:
        """The signer's certificate and the root's, PEM."""
        return (self.folder / CHAIN).read_bytes()

    @property
    def key(self) -> bytes:
        """The signer's private key, PEM (PKCS 8)."""
        return (self.folder / KEY).read_bytes()

    def outside_term(self, now: datetime) -> str:
        """Return why nothing is signed by them now, by their term; empty where it is."""
        signer = x509.load_pem_x509_certificates(self.chain)[0]
        begins, ends = signer.not_valid_before_utc, signer.not_valid_after_utc
        said = f"the certificate holds from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}, and this machine's clock says"
        return "" if begins <= now <= ends else f"{said} {now:%Y-%m-%d}"

    def make(self, production: str, now: datetime) -> None:
        """Make what is missing; certificates that are there stay, since deliveries were signed with them."""
        if self.are_there:
            return
        make_folders(self.folder, mode=0o700)
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = _root(_name(production, "root"), root_key, now)
        signer = _signer(_name(production, "deliveries"), key, root, root_key, now)
        pems = [one.public_bytes(serialization.Encoding.PEM) for one in (signer, root)]
        _write(self.folder / ROOT, pems[1])
        _write(self.folder / CHAIN, b"".join(pems))
        kind = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        _write(self.folder / KEY, key.private_bytes(*kind))
        fsync_folder(self.folder)


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of a certificate, PEM in, lower-case hex out: what people compare."""
    return x509.load_pem_x509_certificate(certificate).fingerprint(hashes.SHA256()).hex()


def _name(production: str, role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"Production {production}"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{production} {role}"),
        ]
    )


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + _YEARS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _root(name: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    return (
        _builder(name, name, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _signer(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    return (
        _builder(name, root.subject, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )


def _write(path: Path, data: bytes) -> None:
    """Write a file whole that nobody else may read."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    fsync_file(part)
    part.replace(path)
