"""All measurements in one run and one table: `make bench`."""

from __future__ import annotations

import subprocess
import sys

_BENCHES = (
    ("hashing", "xxh128 of a warm file, at least 1 GB/s"),
    ("plain", "plain proxy at least 0.9x the same ffmpeg command"),
    ("engines", "frames a second of each engine here; plans where they can be built (no goal)"),
    ("parity", "each engine within 5e-3 of float32 torch over 100 pictures, OpenVINO at 50 dB or better"),
    ("enhanced", "enhanced render at least 0.9x what its stations allow"),
    ("fidelity", "measuring an enhanced picture below 5 % of enhancing it"),
    ("signing", "what C2PA costs a proxy, by its size (no goal)"),
    ("colour", "a look on a 1080p frame in 12 ms on two cores, within 1e-3 of OpenColorIO"),
    ("look", "grades at 10 clips half as far off as the show alone, at 5 below the nearest clip; shots matched to 1.5"),
    ("seams", "a clip enhanced in parts within 55 dB of one made at once at every seam, and no jump across it"),
    ("restore", "restore at least +1.5 dB over hqdn3d, atadenoise, nlmeans at 8x nlmeans's speed"),
    ("restore --real", "restore at least +0.5 dB over nlmeans on photographs, none made worse"),
    ("day", "a day of 200 tiny clips: sidecars whole, memory flat, `nearset verify` within 5 s"),
    ("relight", "light told 20 % better than blur and gamma, flicker -20 dB, match 0.1 stop, 25 % of restore's time"),
    ("light_tuned", "light put on held-out footage of two productions found better, and promoted"),
    ("assists", "keys at half of chromakey's error, wires 6 dB over delogo and removelogo, plates 35 dB where valid"),
    ("sound", "99 % of true pairs in sync, no wrong one, 100 x 100 in 60 s; mix as loud as asked, cleaner than afftdn"),
    ("page", "lists of 10,000 clips within 300 ms; four readers cost the service's writes half a second at worst"),
    ("latency", "a card's way from its last byte to its files"),
)


def main() -> int:
    """Run each bench in a process of its own and print the table."""
    outcomes = []
    for name, goal in _BENCHES:
        print(f"\n== {name}: {goal}", flush=True)
        command = [sys.executable, "-m", *f"bench.{name}".split()]
        outcomes.append((name, goal, subprocess.run(command, check=False).returncode))
    print()
    for name, goal, code in outcomes:
        print(f"{name:14} {'met   ' if code == 0 else 'MISSED'}  {goal}")
    return int(any(code for *_, code in outcomes))


if __name__ == "__main__":
    raise SystemExit(main())
