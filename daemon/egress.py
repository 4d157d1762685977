"""Egress: which processes may open a connection, and where to. By default none may.

Children that hash, probe, render and learn are sealed by the kernel: they cannot even make a socket but to processes of
this machine, whatever a library in them tries. The process that delivers opens connections to the destinations of the
configuration alone; it, and the control process, are kept by Python's audit events, since both run Python's own network
code and no other.
Sources: seccomp(2), bpf(4), Linux UAPI headers linux/seccomp.h and linux/audit.h; PEP 578.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from daemon.errors import EgressError

_LOAD, _EQUALS, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
"""BPF: load a word, jump where it is equal, jump where it is greater or equal, return."""
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Where a system call's data lie in seccomp_data; the first argument's lower half, on little-endian machines."""
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
_IO_URING_SETUP, _X32 = 425, 0x40000000
_MACHINES = {"x86_64": (0xC000003E, 41, 317), "aarch64": (0xC00000B7, 198, 277)}
"""Audit architecture, and the numbers of the calls socket and seccomp."""
_NO_NEW_PRIVILEGES, _SET_FILTER, _ALL_THREADS = 38, 1, 1
_HERE = (socket.AF_UNIX, socket.AF_NETLINK)
"""Families that reach this machine's own processes and kernel only."""
_DEFAULT_PORTS = {"https": 443, "http": 80}


def seal() -> None:
    """Take from this process, all its threads and all that it starts the means to open a connection, for good.

    Raises:
        EgressError: the kernel cannot do it.
    """
    if platform.machine() not in _MACHINES:
        raise _unsealed(f"it is not known how to on {platform.machine()}")
    architecture, socket_call, seccomp_call = _MACHINES[platform.machine()]
    steps = _program(architecture, socket_call)
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    head = struct.pack("@HP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if libc.syscall(seccomp_call, _SET_FILTER, _ALL_THREADS, head) != 0:
        raise _unsealed(os.strerror(ctypes.get_errno()))


def _program(architecture: int, socket_call: int) -> list[tuple[int, int, int, int]]:
    """Return the filter: sockets of other families and io_uring, which could make some, are refused; the rest goes."""
    return [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUALS, 0, 8, architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 6, 0, _X32),
        (_EQUALS, 5, 0, _IO_URING_SETUP),
        (_EQUALS, 0, 3, socket_call),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUALS, 1, 0, _HERE[0]),
        (_EQUALS, 0, 1, _HERE[1]),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]


def _unsealed(why: str) -> EgressError:
    return EgressError(
        "a child cannot be kept from the network",
        why=why,
        fix="run on a Linux kernel with seccomp, x86-64 or arm64; without it nothing is worked on",
    )


def destination_of(text: str) -> tuple[str, int]:
    """Return host and port of a destination: `host`, `host:port` or a URL; the port is 443 where none is named.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if not parts.hostname or (parts.path.strip("/") and "://" not in text) or parts.username:
        raise ValueError("a destination such as s3.example.com or 10.0.0.5:9000 is needed")
    return parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme, 443)


@dataclass(slots=True)
class _Gate:
    """Where this process may connect to; `addresses` are what its hosts were resolved to. Closed while `kept`."""

    kept: bool = False
    watched: bool = False
    destinations: frozenset[tuple[str, int]] = frozenset()
    addresses: set[tuple[str, int]] = field(default_factory=set)


_gate = _Gate()
_resolve = socket.getaddrinfo


@contextmanager
def kept_to(destinations: Iterable[str]) -> Iterator[None]:
    """Let this process connect to these destinations alone while inside; to none where there are none."""
    if not _gate.watched:
        sys.addaudithook(_heed)  # stays until the process ends
        _gate.watched = True
    before = (_gate.kept, _gate.destinations, socket.getaddrinfo)
    _gate.kept, _gate.destinations = True, frozenset(map(destination_of, destinations))
    socket.getaddrinfo = _resolved
    try:
        yield
    finally:
        _gate.kept, _gate.destinations, socket.getaddrinfo = before
        _gate.addresses.clear()


def _resolved(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
    """Resolve a destination's name and remember its addresses; any other name is not even asked for."""
    name = (host.decode() if isinstance(host, bytes) else str(host)).lower()
    if (name, int(port or 0)) not in _gate.destinations:
        raise _refused(f"{name}:{port}")
    found = _resolve(host, port, *rest, **more)
    _gate.addresses.update((str(address[0]), int(address[1])) for *_, address in found)
    return found


def _heed(event: str, arguments: tuple[Any, ...]) -> None:
    if not _gate.kept or event not in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        return
    made, address = arguments[0], arguments[1]
    if made.family in _HERE or address is None:
        return
    place = (str(address[0]), int(address[1]))
    if place not in _gate.addresses and place not in _gate.destinations:
        raise _refused(f"{place[0]}:{place[1]}")


def _refused(place: str) -> EgressError:
    return EgressError(
        f"no connection was opened to {place}",
        why="it is not listed under egress",
        fix=f'if deliveries are to go there, add "{place}" to egress in the configuration and start again',
    )
