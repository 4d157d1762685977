"""Where notifications go: what services are known, and to which host and port each URL of theirs leads.

A table, so that a destination is known, and held against `egress`, before anything is sent and without loading what
sends. The child that sends is kept to these destinations; what the table had wrong would be refused there and told.
Source: Apprise 2.3.0, its plugins; a test asks each of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from daemon import yamlfile
from daemon.egress import destination_of
from daemon.errors import ConfigError

_SECRET_BYTES = 4096


class Event(StrEnum):
    """What can be told."""

    CARD_DONE = "card_done"
    CARD_FAILED = "card_failed"
    NEEDS_A_LOOK = "needs_a_look"
    DISK_LOW = "disk_low"
    GPU_LOST = "gpu_lost"


_SERVICES: Mapping[str, tuple[str, int]] = {
    "discord": ("discord.com", 443),
    "pover": ("api.pushover.net", 443),
    "slack": ("hooks.slack.com", 443),
    "tgram": ("api.telegram.org", 443),
}
"""Services that have one address, by scheme."""
_OWN: Mapping[str, int] = {
    scheme + secure: port
    for scheme in ("json", "xml", "form", "gotify", "ntfy", "mmost")
    for secure, port in (("", 80), ("s", 443))
}
"""Servers of one's own, by scheme, and the port where none is named."""
_MAIL: Mapping[str, int] = {"mailto": 25, "mailtos": 587}
"""Mail, and the port where none is named; the server is named by `smtp=`."""
KNOWN = (*_OWN, *_MAIL, *_SERVICES)


def leads_to(url: str) -> tuple[str, int]:
    """Return the host and port that a notification URL leads to.

    Raises:
        ValueError: where it leads is not known here; the message has nothing of the URL but its scheme.
    """
    scheme = url.partition(":")[0]
    if scheme in _SERVICES:
        return _SERVICES[scheme]
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("a notification URL such as ntfys://ntfy.example.com/dailies is needed") from None
    if parts.scheme in _MAIL:
        server = parse_qs(parts.query).get("smtp", [""])[0]
        if not server:
            raise ValueError("a mail URL needs smtp=SERVER: the address alone does not say where it connects to")
        return server.lower(), port or _MAIL[parts.scheme]
    if parts.scheme in _OWN and host:
        return host, port or _OWN[parts.scheme]
    raise ValueError(f"a notification URL of {', '.join(KNOWN)} is needed; where another leads is not known here")


def label(url: str) -> str:
    """Return what a URL is called where people read it: its scheme and where it leads, no secret."""
    host, port = leads_to(url)
    return f"{url.partition(':')[0]} {host}:{port}"


def resolved(word: str, here: Path = Path()) -> str:
    """Return the URL that an entry of `notify.urls` names: itself, or what env:NAME or file:PATH holds.

    Raises:
        LookupError: the environment has no such name, or the file cannot be read.
    """
    kind, _, name = word.partition(":")
    if kind == "env":
        if not (found := os.environ.get(name, "").strip()):
            raise LookupError(f"the environment has no {name}")
        return found
    if kind == "file":
        try:
            with Path(here, name).expanduser().open("rb") as file:
                return file.read(_SECRET_BYTES).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise LookupError(f"{name} cannot be read: {error}") from error
    return word


def check_notify(document: yamlfile.Document, here: Path) -> None:
    """Note notification URLs that lead nowhere known, or to what is not listed under egress.

    A secret that cannot be had here is no fault of the file: whoever only looks may not read it.
    """
    value = document.value if isinstance(document.value, dict) else {}
    notify = value.get("notify")
    urls = notify.get("urls") if isinstance(notify, dict) else None
    listed = value.get("egress")
    for number, word in enumerate(urls if isinstance(urls, list) else []):
        at: yamlfile.Path = ("notify", "urls", number)
        try:
            place = leads_to(resolved(str(word), here))
        except LookupError:
            continue
        except ValueError as error:
            document.fault(at, str(error))
            continue
        if not _is_listed(place, listed if isinstance(listed, list) else []):
            document.fault(at, _unlisted(place))


def urls_of(words: list[str], egress: list[str]) -> list[str]:
    """Return the URLs that entries of `notify.urls` name, secrets and all.

    Raises:
        ConfigError: one cannot be had, leads nowhere known, or to what is not listed under egress.
    """
    urls, why = [], []
    for word in words:
        try:
            url = resolved(word)
            place = leads_to(url)
        except (LookupError, ValueError) as error:
            why.append(str(error.args[0]))
            continue
        urls.append(url)
        why += [] if _is_listed(place, egress) else [_unlisted(place)]
    if why:
        raise ConfigError(
            "nobody can be notified as notify.urls says",
            why="; ".join(why),
            fix="give what is missing, list each destination under egress, and start again",
        )
    return urls


def _is_listed(place: tuple[str, int], egress: list[object] | list[str]) -> bool:
    for word in egress:
        try:
            if destination_of(str(word)) == place:
                return True
        except ValueError:
            continue  # told by the key's own check
    return False


def _unlisted(place: tuple[str, int]) -> str:
    return f"{place[0]}:{place[1]} is not listed under egress: add it there, else nothing is sent"
