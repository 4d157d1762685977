"""The demo: a small card is shot, offloaded and sealed, and goes through the whole line to its report.

python -m bench.demo FOLDER
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

from bench.media import movie, seal

_CONFIG = """\
production: {code: DEMO, title: "The Demo"}
offload: {roots: [offload], settle_seconds: 2}
delivery: {root: delivery}
state: {root: state}
"""
_CLIPS = (
    ("A001C001_261124_R1DM", Fraction(24), "01:00:00:00", (0.0012, 0.006)),
    ("A001C002_261124_R1DM", Fraction(24), "01:02:10:12", (0.004, 0.016)),
    ("A001C003_261124_R1DM", Fraction(24000, 1001), "14:30:05:00", (0.008, 0.030)),
)


def shoot(folder: Path) -> Path:
    """Make the card and its seal under an offload root, and return the roll's folder."""
    roll = folder / "offload" / "20261124" / "Camera Media" / "A001"
    roll.mkdir(parents=True)
    for number, (name, rate, start, noise) in enumerate(_CLIPS, 1):
        movie(roll / f"{name}.mov", frames=48, rate=rate, start=start, noise=noise, seed=number)
    seal(roll, "2026-11-24T18:00:00+00:00")
    return roll


def main() -> None:
    """Make the card, run the service once, say where to look."""
    folder = Path(sys.argv[1]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    print(f"shooting a card of {len(_CLIPS)} noisy clips …", file=sys.stderr)
    shoot(folder)
    (folder / "config.yaml").write_text(_CONFIG, encoding="utf-8")
    began = time.monotonic()
    nearset = Path(sys.executable).with_name("nearset")
    subprocess.run([nearset, "once", "--config", folder / "config.yaml"], check=True)
    seconds = time.monotonic() - began
    delivered = folder / "delivery" / "DEMO" / "20261124" / "A001"
    record = json.loads((delivered / "nearset.json").read_text(encoding="utf-8"))
    print(f"\n{len(record['clips'])} clips delivered in {seconds:.0f} s:", file=sys.stderr)
    for path in sorted(path for path in delivered.rglob("*") if path.is_file()):
        print(f"  {path.relative_to(folder)}  {path.stat().st_size:,} bytes", file=sys.stderr)
    print(f"\nOpen the report: {(delivered / 'report' / 'index.html').as_uri()}", file=sys.stderr)


if __name__ == "__main__":
    main()
