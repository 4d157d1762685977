"""Nothing leaves the machine: children are sealed by the kernel, and the one that delivers keeps to its list."""

from __future__ import annotations

import multiprocessing
import socket
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import pytest

from daemon import config as configuration
from daemon.egress import destination_of, kept_to, seal
from daemon.errors import EgressError
from daemon.lanes import limits_of
from daemon.worker import Limits, serve

_SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def listener() -> Iterator[int]:
    """The port of somebody who listens on this machine, as a stand-in for the world."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


SEALED = """
import os, socket, sys, threading
tried = threading.Event()
def late():
    tried.wait()
    try: socket.socket(socket.AF_INET)
    except OSError as error: print("thread", type(error).__name__)
thread = threading.Thread(target=late); thread.start()
from daemon.egress import seal
seal()
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_PACKET):
    try: socket.socket(family); print("opened", family)
    except PermissionError: print("refused")
tried.set(); thread.join()
import ctypes
print("io_uring", ctypes.CDLL(None).syscall(425, 1, 0))
one, other = socket.socketpair(); one.send(b"x"); print("pair", other.recv(1))
sys.stdout.flush()
os.system(sys.executable + ' -c "import socket; socket.socket()" 2>&1 | tail -1')
"""


def test_a_sealed_process_its_threads_and_what_it_starts_can_make_no_socket_to_the_world() -> None:
    done = subprocess.run([sys.executable, "-c", SEALED], capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.splitlines() == [
        *["refused"] * 3,
        "thread PermissionError",
        "io_uring -1",
        "pair b'x'",
        "PermissionError: [Errno 13] Permission denied",
    ]


def call(pipe: Connection, port: int) -> None:
    """Run in a child beside `serve`: what a library in it would do."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        pipe.send("connected")
    except (OSError, EgressError) as error:
        pipe.send(type(error).__name__)


def tried(port: int, limits: Limits) -> str:
    ours, theirs = _SPAWN.Pipe()
    tell, told = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_served, args=(theirs, limits, told, port), daemon=True)
    process.start()
    theirs.close()
    ours.close()  # the child serves until its pipe closes, which is at once
    answer = str(tell.recv())
    process.join()
    return answer


def _served(pipe: Connection, limits: Limits, told: Connection, port: int) -> None:
    def recv_bytes() -> bytes:
        call(told, port)
        raise EOFError

    pipe.recv_bytes = recv_bytes  # type: ignore[method-assign]
    serve(pipe, limits)


def test_a_child_reaches_what_its_lane_may_and_nothing_else(listener: int) -> None:
    limits = Limits(16 << 30)
    assert tried(listener, limits) == "PermissionError"
    assert tried(listener, Limits(16 << 30, 512, (f"127.0.0.1:{listener}",))) == "connected"
    assert tried(listener, Limits(16 << 30, 512, ("127.0.0.1:1",))) == "EgressError"


def test_only_the_lane_that_delivers_is_told_any_destination(tmp_path: Any) -> None:
    path = tmp_path / "config.yaml"
    target = "{name: lab, url: 's3://bucket', endpoint: 'https://s3.example.com'}"
    path.write_text(
        "production: {code: S}\noffload: {roots: [c]}\nstate: {root: s}\negress: [s3.example.com]\n"
        f"delivery: {{root: d, targets: [{target}]}}\n"
    )
    given = {lane: limits.destinations for lane, limits in limits_of(configuration.load(path)).items()}
    assert given == {"custody": (), "render": (), "deliver": ("s3.example.com",)}


def test_where_nothing_is_listed_not_even_a_name_is_asked_for(listener: int) -> None:
    with kept_to(()):
        with pytest.raises(EgressError, match="not listed under egress"):
            socket.getaddrinfo("example.com", 443)
        with pytest.raises(EgressError), socket.socket() as made:
            made.connect(("127.0.0.1", listener))
        with pytest.raises(EgressError), socket.socket(type=socket.SOCK_DGRAM) as made:
            made.sendto(b"x", ("127.0.0.1", listener))
        one, other = socket.socketpair()
        one.close()
        other.close()
    with socket.create_connection(("127.0.0.1", listener)) as made:
        assert made.fileno() >= 0


def test_a_listed_name_is_resolved_and_reached_on_its_port_alone(listener: int) -> None:
    with kept_to((f"localhost:{listener}",)):
        found = socket.getaddrinfo("localhost", listener, socket.AF_INET, socket.SOCK_STREAM)
        with socket.socket() as made:
            made.connect(found[0][4])
        with pytest.raises(EgressError):
            socket.getaddrinfo("localhost", listener + 1)
        with pytest.raises(EgressError), socket.socket() as made:
            made.connect(("127.0.0.1", 1))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3.example.com", ("s3.example.com", 443)),
        ("10.0.0.5:9000", ("10.0.0.5", 9000)),
        ("http://minio.set:9000", ("minio.set", 9000)),
        ("http://minio.set", ("minio.set", 80)),
        ("[fd00::1]:9000", ("fd00::1", 9000)),
    ],
)
def test_a_destination_is_a_host_and_a_port(text: str, place: tuple[str, int]) -> None:
    assert destination_of(text) == place


@pytest.mark.parametrize("text", ["", "/", "a/b", "user@host", ":443"])
def test_what_is_no_destination_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="destination"):
        destination_of(text)


def test_by_default_nothing_is_listed(tmp_path: Any) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("production: {code: S}\noffload: {roots: [c]}\ndelivery: {root: d}\nstate: {root: s}\n")
    assert configuration.load(path).egress == []


def test_the_seal_says_what_a_kernel_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(EgressError, match="kept from the network"):
        seal()
