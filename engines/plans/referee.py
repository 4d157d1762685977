"""The process that makes a reference: `python -m engines.plans.referee KEY FOLDER`. It alone imports torch."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from safetensors.numpy import save_file

from engines.backends.eager import EagerBackend
from engines.model.weights import load_weights
from engines.plans.canary import last_picture
from engines.plans.key import PlanKey


def main(key: PlanKey, folder: Path) -> None:
    """Write what torch makes of the canary of the key's shape with the weights in the folder."""
    weights = load_weights(folder / "weights.safetensors", key.network.removeprefix("restore-"))
    session = EagerBackend().open(weights, key.height, key.width)
    output = last_picture(session, key.height, key.width)
    save_file({"output": output}, folder / "reference.safetensors")


if __name__ == "__main__":
    main(PlanKey(**json.loads(sys.argv[1])), Path(sys.argv[2]))
