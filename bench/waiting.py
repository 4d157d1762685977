"""A ferry whose hands wait instead of working: `python -m bench.waiting`, for `bench.cluster`.

All that a job goes through on its way is real but the child at its end, so that two cores can stand for many.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from daemon.cluster import ferry, freight
from daemon.cluster.hand import Hand


class WaitingHand(Hand):
    """Waits as long as a task says, with what any hand does around it."""

    def work(self, request: str, carried: Mapping[str, str], refs: Mapping[str, Any]) -> Iterator[str]:
        """Yield progress each quarter of a second, and at the end an empty result."""
        del refs
        said = json.loads(request)
        yield json.dumps({"kind": "progress", "done": 0, "total": 0})
        freight.lay(self._home, carried, lambda _: b"")
        ends = time.monotonic() + json.loads(self._fenced(said["task"], said["token"]))["seconds"]
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, 0.25))
            yield json.dumps({"kind": "progress", "done": 1, "total": 1})
        yield json.dumps({"kind": "result", "result": "{}"})


if __name__ == "__main__":
    ferry.main(WaitingHand)
