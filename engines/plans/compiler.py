"""The process that builds one plan: `python -m engines.plans.compiler ORDER FOLDER`.

It imports the one library and nothing of ours that is heavy, so that it is there and gone in a moment.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.plans.library import LIBRARIES, Library, Renewal


@dataclass(frozen=True, slots=True)
class Order:
    """What to build: by which library, for which SM (empty: for the GPU that is here), renewed how.

    `weights` are the names that a renewal exchanges; every one must be found in the network.
    """

    library: str
    sm: str
    renewal: str
    weights: tuple[str, ...]


UNFIT = 2
"""Exit code: the graph is at fault, and no GPU."""


class _Unfit(Exception):
    """The graph cannot be built by any of this library's targets."""


class _Said(list[str]):
    """What the library says while it works, errors only."""

    def logger(self, api: Any) -> Any:
        """Return a logger for the library that keeps its errors here."""
        said = self

        class Logger(api.ILogger):  # type: ignore[misc] # the library has no types
            def log(self, severity: Any, message: str) -> None:
                if severity in {api.ILogger.ERROR, api.ILogger.INTERNAL_ERROR}:
                    said.append(message)

        return Logger()


def main(order: Order, folder: Path) -> int:
    """Build the graph in a folder to a plan beside it, and return 0.

    Else why not is said on stderr: by the library (1), or by us about the graph (UNFIT).
    """
    library = LIBRARIES[order.library]
    said = _Said()
    try:
        plan = _plan(library, order, (folder / "graph.onnx").read_bytes(), said)
    except _Unfit as error:
        print(error, file=sys.stderr)  # noqa: T201 - its answer
        return UNFIT
    if plan is None:
        print("\n".join(said) or "the library gave no plan and no reason", file=sys.stderr)  # noqa: T201 - its answer
        return 1
    (folder / "plan").write_bytes(plan)
    return 0


def _plan(library: Library, order: Order, graph: bytes, said: _Said) -> bytes | None:
    api = library.api()
    builder = api.Builder(said.logger(api))
    network = builder.create_network(_flags(api))
    parser = api.OnnxParser(network, builder.logger)
    if not parser.parse(graph):
        raise _Unfit("; ".join(str(parser.get_error(number)) for number in range(parser.num_errors)))
    if lost := [name for name in order.weights if not network.mark_weights_refittable(name)]:
        raise _Unfit(f"the network has lost the names of its weights: {', '.join(lost)}")
    config = builder.create_builder_config()
    if order.renewal == Renewal.REFIT:
        config.set_flag(api.BuilderFlag.REFIT_INDIVIDUAL)
    else:
        for name in order.weights:
            network.unmark_weights_refittable(name)
    if order.sm:
        config.num_compute_capabilities = 1
        config.set_compute_capability(library.capability(order.sm), 0)
    plan = builder.build_serialized_network(network, config)
    return None if plan is None else bytes(plan)


def _flags(api: Any) -> int:
    """Return the flags of a network whose types are the graph's; newer versions know no other kind and no flag."""
    flag = getattr(api.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


if __name__ == "__main__":
    raise SystemExit(main(Order(**json.loads(sys.argv[1])), Path(sys.argv[2])))
