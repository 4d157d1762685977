"""What a terminal shows: progress with rate and ETA while it works, tables when asked. Plain text off a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from daemon.doctor.finding import Finding, Level
from daemon.log import printable
from daemon.queue import Place, banner
from daemon.slate import Trouble
from daemon.status import Snapshot
from daemon.store import Clip
from daemon.volumes import said
from engines.media.preset import Preset


class Progress:
    """A live view on stderr where that is a terminal; elsewhere the log tells."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        """Show what is under way."""
        if self._live:
            self._live.update(_progress(snapshot))


def _line(text: str) -> Text:
    """Return a text for one line: names come from cards, and a card must not write on a terminal."""
    return Text(printable(text))


def _cell(text: str) -> Text:
    """Return a text for a cell, which may have several lines."""
    return Text("\n".join(map(printable, text.split("\n"))))


def _table(*columns: str) -> Table:
    """Return a table whose long cells go on in the next line, so that a name or a path can be read whole."""
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _progress(snapshot: Snapshot) -> Table:
    table = Table(box=None, show_header=False)
    if snapshot.paused:
        table.add_row(Text(banner(snapshot.paused), style="bold reverse"))
    for work in snapshot.work:
        table.add_row(_cell(work.clip), work.stage, work.share, work.pace, _eta(work.eta_seconds))
    clips = [clip for card in snapshot.cards for clip in card.clips]
    done = sum(clip.state == "delivered" for clip in clips)
    eta = _eta(snapshot.eta_seconds or None)
    table.add_row(Text(f"{done} of {len(clips)} clips"), "", "", f"{snapshot.queued} jobs wait", eta)
    return table


def _eta(seconds: float | None) -> str:
    """Return how long it still takes; nothing where nobody can know yet."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"ETA {hours}:{minutes:02}:{rest:02}" if hours else f"ETA {minutes}:{rest:02}"


def show_status(snapshot: Snapshot, *, runs: bool = True) -> None:
    """Print a status; `runs` says whether the service that left it still speaks."""
    console = Console(file=sys.stdout)
    console.print(f"{snapshot.production}, {snapshot.at}", highlight=False)
    if not runs:
        console.print(Text("nearset is not running, and this is how it stood then; `nearset run` starts it"))
    _show_banner(console, snapshot.paused)
    for alarm in _alarms(snapshot):
        console.print(_line(alarm))
    table = _table("roll", "clip", "state", "plain", "enhanced", "why it waits", "what to do")
    for card in snapshot.cards:
        if card.why:
            console.print(_line(f"roll {card.roll} is not written: {card.why}; {card.fix}"))
        if card.missing:
            console.print(_line(f"roll {card.roll} lacks what its own index names: {', '.join(card.missing)}"))
        for clip in card.clips:
            whys = [clip.why, *(f"{one.trouble.what}: {one.trouble.why}" for one in clip.undone)]
            fixes = [clip.fix, *(one.trouble.fix for one in clip.undone)]
            lines = ("\n".join(filter(None, told)) for told in (whys, fixes))
            cells = (card.roll, clip.name, clip.state, clip.plain, clip.enhanced, *lines)
            table.add_row(*(_cell(cell) for cell in cells))
    console.print(table)
    for work in snapshot.work:
        where = f" on {work.node}" if work.node else ""
        console.print(_line(f"{work.stage} {work.clip}{where} {work.share} {work.pace} {_eta(work.eta_seconds)}"))
    console.print(f"{snapshot.queued} jobs wait {_eta(snapshot.eta_seconds or None)}", highlight=False)


def _alarms(snapshot: Snapshot) -> Iterator[str]:
    """Yield what a person should see to first."""
    for root, why in snapshot.roots_away.items():
        yield f"root away: {root}: {why}"
    for target, why in snapshot.targets_away.items():
        yield f"target away: {target}: {why}; its deliveries wait"
    if snapshot.workers_away:
        yield f"workers away: {snapshot.workers_away}"
    for it in snapshot.volumes:
        if it.is_low:
            room = f"{said(it.free_bytes)} free, {said(it.needed_bytes)} needed, {said(it.keep_bytes)} stay free"
            yield f"disk low: {it.name}: {room}"
    if snapshot.gpu_lost:
        yield f"GPU lost: {snapshot.gpu_lost}; `nearset doctor` tells more"
    if snapshot.no_room:
        yield snapshot.no_room


def show_nodes(snapshot: Snapshot, silent: Trouble | None = None) -> None:
    """Print the machines of a cluster, what each does, and why some get no work; first that the service is `silent`."""
    console = Console(file=sys.stdout)
    if silent:
        console.print(_line(f"{silent.what}: {silent.why}; {silent.fix} [{silent.code}]"))
    table = _table("node", "state", "lanes", "GPU", "does", "why", "what to do")
    for node in snapshot.nodes:
        does = [f"{it.stage} {it.clip} {it.share} {it.pace}".strip() for it in snapshot.work if it.node == node.name]
        lanes = ", ".join(f"{lane} {count}" for lane, count in node.lanes)
        cells = (node.name, node.state, lanes, node.gpu, "\n".join(does), node.why, node.fix)
        table.add_row(*(_cell(cell) for cell in cells))
    console.print(table if snapshot.nodes else "no nodes")


def show_queue(places: list[Place], paused: dict[str, str]) -> None:
    """Print the queue, lane by lane in the order in which it will run."""
    console = Console(file=sys.stdout)
    _show_banner(console, paused)
    table = _table("lane", "next", "stage", "roll", "clip", "why")
    for place in sorted(places, key=lambda place: place.lane):
        cells = (place.lane, str(place.number or "now"), place.stage, place.roll, place.clip, place.why)
        table.add_row(*(_cell(cell) for cell in cells))
    console.print(table if places else "nothing waits")


def _show_banner(console: Console, paused: dict[str, str]) -> None:
    if paused:
        console.print(Text(banner(paused), style="bold reverse"))


def show_models(rows: list[dict[str, Any]]) -> None:
    """Print the models of a production."""
    table = _table("model", "state", "size", "from", "after roll", "over base", "why it was refused")
    for row in rows:
        cells = (row["digest"][:12], row["state"], row["size"], row["parent"][:12], row["roll"])
        table.add_row(*(_cell(cell) for cell in cells), f"{row['gain_db']:+.2f} dB", _cell("; ".join(row["reasons"])))
    Console(file=sys.stdout).print(table if rows else "no model of its own yet: the base weights are in use")


def show_model(model: dict[str, Any]) -> None:
    """Print one model."""
    table = Table(show_header=False, box=None)
    lineage = model["lineage"] or {}
    seen: dict[bool, list[str]] = {True: [], False: []}
    for clip in lineage.get("clips", ()):
        seen[clip["holdout"]].append(f"{clip['roll']}/{clip['name']}")
    rows = {
        "model": model["digest"],
        "state": model["state"],
        "made": f"{model['made_at']}, after roll {model['roll']}, {model['steps']} steps in {model['seconds']:.0f} s",
        "from": model["parent"],
        "over base": f"{model['gain_db']:+.2f} dB on the canaries" if "base_mean_db" in model["scores"] else "",
        "tried": ", ".join(f"{name} {value:g}" for name, value in model["scores"].items())
        if not model["steps"]
        else "",
        "refused because": "\n".join(model["reasons"]),
        "approved by": f"{lineage.get('approved_by', '')}, {lineage.get('reference', '')}".strip(", "),
        "learned from": ", ".join(seen[False]) or lineage.get("tone", ""),
        "judged by": ", ".join(seen[True]),
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, _cell(value))
    Console(file=sys.stdout).print(table)


def show_presets(presets: Iterable[Preset]) -> None:
    """Print the spec sheet."""
    columns = ("preset", "codec", "wrapper", "raster", "fit", "pixels", "framing", "sound", "burn-ins")
    table = Table(*columns, box=None)
    for preset in presets:
        table.add_row(*map(_cell, preset.cells()))
    Console(file=sys.stdout).print(table)


def show_plan(rows: list[Any], total: Iterable[str]) -> None:
    """Print a plan, and what it comes to."""
    table = _table("roll", "clip", "source", "proxy", "length", "plain MB", "enhanced MB", "minutes", "note")
    for row in rows:
        table.add_row(*(_cell(cell) for cell in row.cells()))
    console = Console(file=sys.stdout)
    console.print(table)
    for line in total:
        console.print(_line(line))


_BEFORE = ("timestamp", "level", "event", "roll", "clip", "stage", "outcome")
"""What a line of the log begins with; the rest stands behind it by name."""


def show_logs(clips: Iterable[tuple[str, Clip]], lines: Iterable[dict[str, Any]]) -> None:
    """Print what was told of clips, by roll and clip, and then where each stands."""
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
    for line in lines:
        head = " ".join(str(line[key]) for key in _BEFORE if line.get(key))
        rest = " ".join(f"{key}={value}" for key, value in line.items() if key not in _BEFORE)
        console.print(_line(f"{head}  {rest}"), style=_STYLES.get(str(line.get("level")), ""))
    for roll, clip in clips:
        trouble = clip.trouble
        why = f": {trouble.what}: {trouble.why}; {trouble.fix} [{trouble.code}]" if trouble.code else ""
        console.print(_line(f"{roll} {clip.name} is {clip.state}{why}"), style="bold")


def show_findings(findings: Iterable[Finding]) -> None:
    """Print what the doctor found, subject by subject, each with its cure."""
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
    subject = ""
    for finding in findings:
        if finding.subject != subject:
            subject = finding.subject
            console.print(_line(subject), style="bold")
        style = _STYLES.get(str(finding.level), "")
        word = "lacks" if finding.level is Level.OK and finding.fix else str(finding.level)
        console.print(_line(f"  {word:6}{finding.name}: {finding.found}"), style=style)
        if finding.fix:
            console.print(_line(f"        {finding.fix}"), style=style)


_STYLES = {"warn": "yellow", "warning": "yellow", "error": "red"}


def show_checks(rows: list[Any]) -> None:
    """Print the checks of a delivery."""
    table = _table("roll", "check", "of", "result")
    for row in rows:
        table.add_row(*(_cell(cell) for cell in row.cells()))
    Console(file=sys.stdout).print(table)


def show_words(rows: list[tuple[str, str, str]]) -> None:
    """Print a clip's words."""
    table = _table("word", "value", "from")
    for row in rows:
        table.add_row(*(_cell(cell) for cell in row))
    Console(file=sys.stdout).print(table)


def show_rows(columns: tuple[str, ...], rows: list[list[str]]) -> None:
    """Print a table."""
    table = _table(*columns)
    for row in rows:
        table.add_row(*(_cell(cell) for cell in row))
    Console(file=sys.stdout).print(table)
