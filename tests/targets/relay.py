"""A way to the storage that can be cut: what a loose cable does."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field


@dataclass
class Relay:
    """Passes bytes on to a port of this machine until so many went; then every connection breaks, until mended."""

    port: int
    most_bytes: int = 1 << 60
    passed: int = 0
    _server: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def __post_init__(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if self.passed >= self.most_bytes:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, counted: bool) -> None:
        try:
            while (data := one.recv(1 << 16)) and self.passed < self.most_bytes:
                self.passed += len(data) if counted else 0
                other.sendall(data)
        except OSError:
            pass  # the other side is gone, which is what is tried here
        finally:
            for each in (one, other):
                each.close()
