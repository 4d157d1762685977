"""What signing costs: seconds and processor seconds a proxy, beside the hash and the flush that it gets in any case.

python -m bench.signing [MB ...]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from daemon import provenance, wire
from daemon.certificates import Certificates
from daemon.hashing import hash_file
from daemon.slate import Attest, FileMark, Origin, VerifiedFile


def movie(path: Path, megabytes: int) -> None:
    """Write a ProRes movie of about that size: one coded picture, over and over."""
    with av.open(str(path), "w", format="mov") as file:
        stream = file.add_stream("prores_ks", rate=24)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv422p10le"
        noise = np.random.default_rng(1).integers(0, 255, (1080, 1920, 3), np.uint8)
        packet = stream.encode(VideoFrame.from_ndarray(noise, format="rgb24"))[0]
        data = bytes(packet)
        for number in range(max(1, megabytes * 1_000_000 // len(data))):
            again = av.Packet(data)
            again.pts = again.dts = number
            again.time_base, again.stream, again.is_keyframe = packet.time_base, stream, True
            file.mux(again)


def timed(call: Callable[[], object]) -> str:
    """Return how long a call takes, by the clock and by the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return f"{time.perf_counter() - wall:.3f} s ({time.process_time() - cpu:.3f})"


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificates = Certificates(folder / "certificates")
        certificates.make("BENCH", datetime.now(UTC))
        file = VerifiedFile("A001C001.mov", FileMark(0, 0, 0, 0, 0), {"xxh128": "0" * 32}, {})
        origin = Origin(str(certificates.folder), "BENCH", "verified", "", "", (file,))
        statement = provenance.Statement("A001C001", "plain", origin, None, ())
        print("MB      copy            sign            hash            verify   (processor seconds)")
        for megabytes in map(int, sys.argv[1:] or ("1", "16", "64", "256")):
            path = folder / "A001C001.mov"
            movie(path, megabytes)
            copied = timed(lambda: (folder / "copy").write_bytes(path.read_bytes()))  # noqa: B023 - called at once
            signed = timed(lambda: provenance.sign(path, path.suffix, statement, lambda *_: None))  # noqa: B023
            with path.open("rb", buffering=0) as opened:
                hashed = timed(lambda: hash_file(opened, (), progress=lambda _: None))
            task = wire.dump(Attest, Attest(str(folder), path.name, certificates.root.decode()))
            looked = timed(lambda: provenance.work(task, lambda *_: None))  # noqa: B023
            print(f"{path.stat().st_size / 1e6:<8.1f}{copied}  {signed}  {hashed}  {looked}")


if __name__ == "__main__":
    main()
