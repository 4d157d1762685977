"""`nearset` as a module, for processes that are started with `-P`: python -m bench.nearset WORDS."""

from __future__ import annotations

from daemon.cli import main

if __name__ == "__main__":
    main()
