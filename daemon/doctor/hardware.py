"""Hardware: what a GPU decodes and encodes here, tried in a sealed child on pictures that the processor encoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon import wire
from daemon.config import Config
from daemon.doctor.finding import Finding, Level, unanswered
from daemon.engine import choice_of
from daemon.probing import done, prober
from daemon.worker import Progress

SUBJECT = "hardware"
_MEMORY_GIB, _HUNG_SECONDS = 1 << 20, 60.0
"""CUDA maps more addresses than any machine has memory."""
_NOTHING = Path("/usr")
"""What a child reads in any case."""
_NONE = "nothing is lost but speed: the processor does it; see NVIDIA's table of what each card decodes and encodes"
_DRIVER = "see to NVIDIA's driver and its libnvcuvid.so.1 and libnvidia-encode.so.1; the processor does it until then"


@dataclass(frozen=True, slots=True)
class Tried:
    """What a child found: the card, empty without one and then why, and why it does not do each thing, empty if so."""

    card: str
    lacks: str
    abilities: tuple[tuple[str, str], ...] = ()


def examined(config: Config | None) -> Iterator[Finding]:
    """Yield what was found; a lack is a warning where the configuration has a card do it by name."""
    choice = choice_of(config) if config else None
    with prober(_NOTHING, _MEMORY_GIB, _HUNG_SECONDS) as child:
        report = done(child, "try_hardware", wire.dump(str, ""))
    if report.trouble:
        trouble = unanswered(report.trouble, _HUNG_SECONDS)
        yield Finding(SUBJECT, "a child", Level.WARN, f"{trouble.what}: {trouble.why} [{trouble.code}]", trouble.fix)
        return
    found = wire.load(Tried, report.result)
    encodes = bool(choice and choice.encode)
    if not found.card:
        level = Level.WARN if encodes else Level.OK
        fix = "install NVIDIA's driver, or set gpu.encode to none" if encodes else ""
        yield Finding(SUBJECT, "card", level, f"the processor decodes and encodes: {found.lacks}", fix)
        return
    yield Finding(SUBJECT, "card", Level.OK, found.card)
    for name, why in found.abilities:
        needed = encodes and name.startswith("encode")
        level = Level.WARN if why and needed else Level.OK
        fix = (_DRIVER if "library" in why else _NONE) if why else ""
        yield Finding(SUBJECT, name, level, why or "as the processor does", fix, needed)


def work(_task_text: str, progress: Progress) -> str:
    """Return what the card here does as JSON; the work side."""
    from engines.media.hardware import here  # noqa: PLC0415 - in the child alone
    from engines.media.trials import abilities  # noqa: PLC0415 - as above

    hardware = here()
    if hardware.card is None:
        return wire.dump(Tried, Tried("", hardware.lacks))
    tried = []
    for ability in abilities(hardware):
        tried.append((ability.name, ability.why_not))
        progress(len(tried), len(tried))
    return wire.dump(Tried, Tried(hardware.name, "", tuple(tried)))
