"""The entry of a child: `python -m daemon.child DESCRIPTOR PARENT LIMITS`. It imports nothing but what serving wants.

A child is not forked from its parent and does not run the parent's own program again: threads that either would bring
are none that Landlock could confine.
"""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection

from daemon import wire
from daemon.worker import Limits, die_with_parent, serve


def main() -> None:
    """Serve from the pipe until it closes."""
    descriptor, parent, limits = sys.argv[1:]
    die_with_parent(int(parent))
    serve(Connection(int(descriptor)), wire.load(Limits, limits))


if __name__ == "__main__":
    main()
