"""Media: the codecs that presets and cameras need, and the colour config, opened in a sealed child as renders are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from daemon import wire
from daemon.config import Config
from daemon.doctor.finding import Finding, Level, unanswered
from daemon.probing import done, prober
from daemon.sidecars.lut import as_read
from daemon.worker import Progress
from engines.errors import NearsetError

SUBJECT, SEALED = "media", "children without network"
_MEMORY_GIB, _HUNG_SECONDS = 16, 60.0
_NOTHING = Path("/usr")
"""What a child reads in any case."""
_REINSTALL = "install nearset's own pins again: `pip install --force-reinstall 'av==18.1.0' 'opencolorio==2.6.0'`"


@dataclass(frozen=True, slots=True)
class Examined:
    """What a child found: how many codecs and containers open, which do not and why, and what is wrong with colour."""

    good: int
    missing: tuple[tuple[str, str, str], ...]
    config: str
    colour: str
    fix: str


def examined(config: Config | None) -> Iterator[Finding]:
    """Yield what a child could open, and that it is sealed, since it says so before it does anything."""
    memory = config.workers.memory_gib if config else _MEMORY_GIB
    with TemporaryDirectory() as folder:
        lut = _as_rendered(config.colour.show_lut, Path(folder)) if config and config.colour.show_lut else None
        with prober(lut.parent if lut else _NOTHING, memory, _HUNG_SECONDS) as child:
            report = done(child, "examine", wire.dump(str, str(lut or "")))
    if report.trouble:
        trouble = unanswered(report.trouble, _HUNG_SECONDS)
        subject, name = ("kernel", SEALED) if trouble.code == "egress" else (SUBJECT, "a child")
        yield Finding(subject, name, Level.ERROR, f"{trouble.what}: {trouble.why} [{trouble.code}]", trouble.fix)
        return
    found = wire.load(Examined, report.result)
    yield Finding("kernel", SEALED, Level.OK, "seccomp takes from them every socket that leaves this machine")
    yield Finding(SUBJECT, "codecs", Level.OK, f"{found.good} encoders, decoders and containers open")
    for name, what_for, why in found.missing:
        yield Finding(SUBJECT, name, Level.ERROR, f"does not open ({what_for}): {why}", _REINSTALL)
    level = Level.ERROR if found.colour else Level.OK
    bad = found.colour.replace(lut.name, str(config.colour.show_lut)) if config and lut else found.colour
    yield Finding(SUBJECT, "colour", level, bad or found.config, found.fix)


def _as_rendered(lut: Path, folder: Path) -> Path:
    """Return where a LUT lies as renders are given it: in `folder`, or where it was if it cannot be read."""
    try:
        (folder / lut.name).write_bytes(as_read(lut.read_bytes(), lut.suffix.lower()))
    except OSError:
        return lut
    return folder / lut.name


def work(task_text: str, progress: Progress) -> str:
    """Return what opens here as JSON; the work side, `task_text` is the path of the show's LUT, or empty."""
    from engines.colour.look import CONFIG  # noqa: PLC0415 - in the child alone
    from engines.colour.transform import config, opens  # noqa: PLC0415 - as above
    from engines.media.codecs import opened  # noqa: PLC0415 - as above

    tried = []
    for codec in opened():  # one by one, so that a slow machine is not taken for one that hangs
        tried.append(codec)
        progress(len(tried), len(tried))
    missing = tuple((it.name, it.what_for, it.why_not) for it in tried if it.why_not)
    lut, colour, fix = wire.load(str, task_text), "", ""
    try:
        config()
        if lut:
            opens(Path(lut))
    except NearsetError as error:
        colour, fix = f"{error.what}: {error.why}", error.fix
    except Exception as error:  # noqa: BLE001 - whatever the library says of its own config
        colour, fix = f"{CONFIG} does not open: {error}", _REINSTALL
    told = f"{CONFIG}{f', {Path(lut).name}' if lut else ''}"
    return wire.dump(Examined, Examined(len(tried) - len(missing), missing, told, colour, fix))
