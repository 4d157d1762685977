"""The command: python -m bench.faults [--only NAME,NAME] [--seed S] [--quick | --count N] [--minutes M] [--write].

Prints how far each campaign is, one table at the end, and every fault; exits 1 if there was one, or a control was not
caught. --write puts the figures into docs/reliability.md. --quick is the tiny spread that the tests run.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from bench.faults import shim

if TYPE_CHECKING:
    from bench.faults.trial import Campaign


def main() -> int:
    """Run the campaigns that were asked for and print their table."""
    words = _parsed()
    shim.preloaded(["-m", "bench.faults", *sys.argv[1:]])
    from bench.faults import account
    from bench.faults.trial import Trial, memory
    from bench.storage import storage

    campaigns = _campaigns()
    names = words.only.split(",") if words.only else list(campaigns)
    if unknown := set(names) - campaigns.keys():
        sys.exit(f"no campaign is called {', '.join(sorted(unknown))}; there are {', '.join(campaigns)}")
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=memory()))
    trials = []
    with storage() if words.storage else nullcontext("") as endpoint:
        for name in names:
            campaign = campaigns[name]
            wanted = words.count or (campaign.quick if words.quick else campaign.whole)
            print(f"{name}: {wanted} times a {campaign.told}, seed {words.seed}", file=sys.stderr, flush=True)
            place = folder / name
            place.mkdir()
            trial = Trial(
                name, wanted, words.seed, place, words.presets, endpoint, words.quick, words.minutes, words.parts
            )
            campaign.run(trial)
            trial.seconds = time.monotonic() - trial.began
            trials.append(trial)
            if words.write:
                account.write(trial)
    if words.json:
        print(json.dumps({trial.name: account.as_json(trial) for trial in trials}))
    else:
        account.show(trials)
    if not any(trial.faults for trial in trials):
        shutil.rmtree(folder)
        return 0
    print(f"the cases with faults are in {folder}", file=sys.stderr)
    return 1


def _campaigns() -> dict[str, Campaign]:
    """Return what can be done, by name; loaded only with the shim in the process."""
    from bench.faults import (
        connections,
        copies,
        corruptions,
        cuts,
        finds,
        flaps,
        kills,
        mutations,
        nodes,
        refusals,
        restarts,
        soak,
    )
    from bench.faults.trial import Campaign

    return {
        "kills": Campaign(kills.run, 1000, 4, "kill -9 at a write"),
        "cuts": Campaign(cuts.run, 300, 3, "power cut"),
        "refusals": Campaign(refusals.run, 500, 4, "refused call or full volume"),
        "finds": Campaign(finds.run, 30_000, 600, "file made while no watcher runs"),
        "corruptions": Campaign(corruptions.run, 5000, 50, "damaged file"),
        "sidecars": Campaign(mutations.run_sidecars, 200_000, 2000, "mutated sidecar"),
        "media": Campaign(mutations.run_media, 10_000, 40, "mutated clip"),
        "flaps": Campaign(flaps.run, 200, 4, "mount flap"),
        "connections": Campaign(connections.run, 3, 1, "delivery without a network"),
        "restarts": Campaign(restarts.run, 40, 2, "restart"),
        "soak": Campaign(soak.run, 900, 30, "second of service"),
        "nodes": Campaign(nodes.run, 50, 1, "box of a cluster that is struck"),
        "copies": Campaign(copies.run, 1000, 16, "partial copy"),
    }


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description="the fault campaign")
    parser.add_argument("--only", help="campaigns, by names with commas between them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a tiny spread of each")
    parser.add_argument("--count", type=int, default=0, help="how many cases of each instead of the usual number")
    parser.add_argument("--minutes", type=float, default=math.inf, help="how long each may take at most")
    parser.add_argument("--presets", default="", help="what is delivered in kills and cuts, by names with commas")
    parser.add_argument("--parts", action="store_true", help="in kills, enhance every clip in three parts")
    parser.add_argument("--storage", action="store_true", help="in kills, deliver to S3-compatible storage, too")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
