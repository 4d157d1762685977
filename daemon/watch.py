"""Hints: what the kernel tells of changes beneath local roots. A hint only makes a scan due sooner.

watchdog loses events when its queue overflows and tells nobody, and network mounts tell nothing at all;
neither matters here, since the scan is the truth.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from daemon.config import Root
from daemon.log import get
from daemon.volumes import is_network

_CHANGES = frozenset({"created", "modified", "moved", "deleted", "closed"})


class Hints:
    """Collects which roots had events since last asked."""

    def __init__(self, roots: Sequence[Root]) -> None:
        self._hinted: set[str] = set()
        self._lock = threading.Lock()
        self._observer: BaseObserver | None = None
        watched = [root.path for root in roots if by_events(root)]
        if watched:
            self._observer = self._observe(watched)

    def take(self) -> set[str]:
        """Return the roots that were hinted at, once."""
        with self._lock:
            hinted, self._hinted = self._hinted, set()
        return hinted

    def close(self) -> None:
        """Stop listening."""
        if self._observer:
            self._observer.stop()
            self._observer.join()

    def _observe(self, paths: list[Path]) -> BaseObserver | None:
        observer = Observer()
        try:
            for path in paths:
                observer.schedule(_Handler(self, str(path)), str(path), recursive=True)
            observer.start()
        except OSError as error:
            get().warning("watch.off", why=str(error), fix="raise fs.inotify.max_user_watches; scans go on meanwhile")
            return None
        return observer

    def note(self, root: str) -> None:
        """Note an event beneath a root."""
        with self._lock:
            self._hinted.add(root)


class _Handler(FileSystemEventHandler):
    def __init__(self, hints: Hints, root: str) -> None:
        self._hints, self._root = hints, root

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in _CHANGES:
            self._hints.note(self._root)


def by_events(root: Root) -> bool:
    """Return whether the kernel is asked to tell of changes beneath a root."""
    if root.watch != "auto":
        return root.watch == "inotify"
    mounts = Path("/proc/self/mountinfo")
    known = mounts.read_text(encoding="utf-8") if mounts.exists() else ""
    try:
        return root.path.is_dir() and not is_network(root.path.resolve(), known)
    except OSError:  # a volume that fails or may not be entered: the scan says so
        return False
