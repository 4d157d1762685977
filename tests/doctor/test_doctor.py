"""The machine of a cart is looked at before the first day: what is wrong is said, with its cure."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import structlog

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))

from machine import NOW, configured, levels
from paper_card import PaperCard

from daemon import log, wire
from daemon.certificates import Certificates
from daemon.config import Config
from daemon.doctor import (
    certificates,
    clocks,
    disks,
    examined,
    hardware,
    kernel,
    media,
    mounts,
    onlookers,
    permissions,
    watching,
)
from daemon.executor import LocalExecutor
from daemon.logbook import Logbook
from daemon.publish import Naming, naming_of
from daemon.status import Snapshot
from daemon.statusfile import write_status
from engines.media.codecs import opened
from engines.media.hardware import Hardware

GIB = 1 << 30


def info(*lines: str) -> str:
    return "".join(f"{number} 1 8:{number} / {line}\n" for number, line in enumerate(lines))


def test_a_cart_in_order_has_no_error(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.doctor.engines.examined", lambda _: iter(()))  # the command's own stories have them
    found = list(examined(config, NOW))
    subjects = {finding.subject for finding in found}
    expected = {"media", "hardware", "kernel", "clock", "mounts", "permissions", "disks", "watching", "certificates"}
    assert subjects == expected
    assert "error" not in levels(found).values()
    told = {finding.name: finding.found for finding in found}
    assert told["codecs"] == "41 encoders, decoders and containers open"
    assert "aces-v2.0" in told["colour"]
    assert "seccomp" in told["children without network"]
    assert not list(config.delivery.root.iterdir()), "it leaves nothing behind"
    assert not config.state.root.exists()


# Mounts


def test_a_state_on_a_network_is_an_error_and_an_offload_there_is_scanned(config: Config, tmp_path: Path) -> None:
    nas = info("/ rw - ext4 /dev/sda rw", f"{tmp_path} rw - nfs4 nas:/vol rw")
    found = list(mounts.examined(config, nas))
    assert levels(found) == {"offload": "ok", "delivery": "ok", "names on delivery": "ok", "state": "error"}
    assert "so it is scanned" in found[0].found


def test_an_offload_that_nothing_can_be_written_to_or_run_from_is_best(config: Config, tmp_path: Path) -> None:
    safe = info("/ rw - ext4 /dev/sda rw", f"{tmp_path / 'cards'} ro,noexec,nosuid,nodev - exfat /dev/sdb ro")
    assert next(mounts.examined(config, safe)).found.endswith("on exfat (ro, noexec, nosuid, nodev)")
    assert "would be safer" in next(mounts.examined(config, info("/ rw - ext4 /dev/sda rw"))).found


def test_a_delivery_volume_that_is_read_only_delivers_nothing(config: Config, tmp_path: Path) -> None:
    table = info("/ rw - ext4 /dev/sda rw", f"{tmp_path / 'delivery'} ro - ntfs3 /dev/sdc rw")
    assert levels(mounts.examined(config, table))["delivery"] == "error"


def test_what_is_not_mounted_and_a_state_that_is_lost_at_a_restart_are_warned_of(tmp_path: Path) -> None:
    config = configured(tmp_path, delivery=", targets: [{name: nas, path: nas}]")
    found = levels(mounts.examined(config, info(f"{tmp_path} rw - tmpfs none rw")))
    assert found == {"offload": "warn", "delivery": "warn", "target nas": "warn", "state": "warn"}


def test_names_on_a_volume_without_links_are_warned_of_where_renames_may_replace(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_: object) -> None:
        raise PermissionError

    assert naming_of(config.delivery.root) is Naming.LINKS
    monkeypatch.setattr("daemon.publish.os.link", no)
    assert naming_of(config.delivery.root) is Naming.RENAMES
    monkeypatch.setattr("daemon.publish._renamed_new", lambda *_: 22)
    assert levels(mounts.examined(config))["names on delivery"] == "warn"
    assert not list(config.delivery.root.iterdir())


# Permissions


def test_what_the_service_may_not_read_or_write_is_an_error(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    (config.offload.roots[0].path / "A001").mkdir()
    config.production_state.mkdir(parents=True, mode=0o700)
    assert levels(permissions.examined(config)) == {"offload": "ok", "delivery": "ok", "state": "ok"}
    closed = {"A001", "delivery"}
    monkeypatch.setattr("daemon.doctor.permissions.os.access", lambda path, _: Path(path).name not in closed)
    found = list(permissions.examined(config))
    assert levels(found) == {"offload": "error", "delivery": "error", "state": "ok"}
    assert found[0].found.endswith("cannot read " + str(config.offload.roots[0].path / "A001"))


def test_a_state_that_others_may_look_into_is_warned_of(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    config.production_state.mkdir(parents=True)
    config.production_state.chmod(0o755)
    assert levels(permissions.examined(config))["state"] == "warn"
    config.production_state.chmod(0o700)
    somebody_else = os.geteuid() + 1
    monkeypatch.setattr("daemon.doctor.permissions.os.geteuid", lambda: somebody_else)
    assert levels(permissions.examined(config))["state"] == "warn"


# Disks


def test_room_for_todays_cards_is_told_of_before_it_is_gone(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    from daemon.capacity import Volume

    config.production_state.mkdir(parents=True)
    needs = Volume("delivery", "", 100 * GIB, 50 * GIB, 2 * GIB, 30 * GIB)
    write_status(config.production_state, Snapshot("SHOW", NOW.iso, (), (), 0, {}, volumes=(needs,)))
    for free, level, state in ((33, "ok", "ok"), (31, "warn", "ok"), (1, "error", "ok"), (0.5, "error", "warn")):
        monkeypatch.setattr("daemon.doctor.disks.room_at", lambda _, free=free: (100 * GIB, int(free * GIB)))
        found = levels(disks.examined(config))
        assert (found["delivery"], found["state"], found["caches"]) == (level, state, "ok")


# Watching


def test_more_folders_than_the_kernel_watches_are_warned_of_with_a_number(config: Config, tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / "cards" / str(number)).mkdir()
    for watches, instances, level in (("100", "128", "ok"), ("12", "128", "warn"), ("100", "1", "warn")):
        (tmp_path / "max_user_watches").write_text(f"{watches}\n")
        (tmp_path / "max_user_instances").write_text(instances)
        (found,) = watching.examined(config, tmp_path)
        assert found.level == level
        if watches == "12":
            assert found.fix == "sysctl fs.inotify.max_user_watches=32"
    polled = configured(tmp_path, offload="[{path: cards, watch: poll}]")
    assert "they are scanned" in next(watching.examined(polled, tmp_path)).found


# Clock


def test_a_clock_that_nobody_keeps_and_a_machine_without_a_zone_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TZ", raising=False)
    assert levels([clocks._synchronised(True, 0.01), clocks._zone(NOW.utc, tmp_path)]) == {
        "synchronised": "ok",
        "time zone": "ok",
    }
    ill = [clocks._synchronised(False, 16.0), clocks._zone(NOW.utc, tmp_path / "none")]
    assert set(levels(ill).values()) == {"warn"}
    kept, most_seconds = clocks._kernel_clock()
    assert isinstance(kept, bool)
    assert most_seconds >= 0


def test_a_clock_that_jumped_or_went_back_is_warned_of(config: Config) -> None:
    assert clocks._jumps(config, NOW).level == "ok"
    log.configure("info", "json", io.StringIO())
    with log.kept_in(Logbook(config.logbook, 1 << 20)):
        log.get().warning("clock.jumped", seconds=-3600.0)
    structlog.reset_defaults()
    (line,) = (config.logbook / "nearset.log").read_text().splitlines()
    at = json.loads(line)["timestamp"]
    today = replace(NOW, utc=NOW.utc.fromisoformat(at))
    assert "the last by -3600.0 s" in clocks._jumps(config, today).found
    assert clocks._jumps(config, replace(NOW, utc=today.utc + timedelta(days=2))).level == "ok"
    write_status(config.production_state, Snapshot("SHOW", NOW.iso, (), (), 0, {}))
    assert "went back" in clocks._jumps(config, replace(NOW, utc=NOW.utc - timedelta(hours=1))).found


# Kernel


def test_leases_matter_where_old_revisions_go(config: Config, tmp_path: Path) -> None:
    assert "file leases" not in levels(kernel.examined(config))
    assert "file leases" in levels(kernel.examined(configured(tmp_path, delivery=", keep_revisions: 2")))
    (tmp_path / "on").write_text("1\n")
    assert kernel._leases(tmp_path / "on").level == "ok"
    assert kernel._leases(tmp_path / "none").level == "warn"


# Media


def test_a_codec_that_does_not_open_and_a_broken_lut_are_errors(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = [replace(it, why_not="no such encoder") if it.name == "encoder libx264" else it for it in opened()]
    monkeypatch.setattr("engines.media.codecs.opened", lambda: iter(bad))
    (tmp_path / "show.cube").write_text("LUT_3D_SIZE 2\n0 0 0\n")
    found = wire.load(media.Examined, media.work(wire.dump(str, str(tmp_path / "show.cube")), lambda *_: None))
    assert found.missing == (("encoder libx264", "h264", "no such encoder"),)
    assert found.good == len(bad) - 1
    assert "show.cube" in found.colour
    assert "exported again" in found.fix


def test_a_show_lut_that_does_not_open_is_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "show.clf").write_text('<ProcessList id="x" compCLFversion="3"></ProcessList>')
    found = {one.name: one for one in media.examined(configured(tmp_path, "colour: {show_lut: show.clf}\n"))}
    show = tmp_path / "show.clf"
    assert found["colour"].found.startswith(
        f"the look with {show} cannot be made: The specified transform file '{show}'"
    )


def test_a_lut_of_resolves_kind_with_a_title_opens_as_renders_are_given_it(tmp_path: Path) -> None:
    lut, folder = tmp_path / "show.cube", tmp_path / "as rendered"
    folder.mkdir()
    lut.write_text('TITLE "show"\nLUT_1D_SIZE 2\nLUT_1D_INPUT_RANGE 0 1\n0 0 0\n1 1 1\n')
    given = media._as_rendered(lut, folder)
    assert not wire.load(media.Examined, media.work(wire.dump(str, str(given)), lambda *_: None)).colour


def test_a_machine_that_cannot_seal_its_children_is_an_error_of_the_kernel(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daemon.errors import EgressError
    from daemon.executor import Report
    from daemon.store import trouble_of

    unsealed = trouble_of(
        EgressError("a child cannot be kept from the network", why="no seccomp", fix="another kernel")
    )
    monkeypatch.setattr(media, "done", lambda *_: Report(0, "", trouble=unsealed))
    (finding,) = media.examined(config)
    assert (finding.subject, str(finding.level), finding.fix) == ("kernel", "error", "another kernel")


def befalls_children(sent: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each child of the doctor's is sent a signal as it gets its task."""
    started = LocalExecutor.start

    def start(self: LocalExecutor, *words: Any) -> None:
        started(self, *words)
        ((post,),) = self._posts.values()
        post.child.process.send_signal(sent)

    monkeypatch.setattr(LocalExecutor, "start", start)


@pytest.mark.parametrize(("subject", "level"), [(media, "error"), (hardware, "warn")])
def test_a_machine_that_is_too_busy_is_told_from_media_that_are_damaged(
    subject: ModuleType, level: str, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    befalls_children(signal.SIGSTOP, monkeypatch)
    monkeypatch.setattr(subject, "_HUNG_SECONDS", 0.0)
    (finding,) = subject.examined(config)
    assert (finding.name, str(finding.level)) == ("a child", level)
    assert finding.found.startswith("it was not done in time: no progress for 0 s, its limit: the machine is too busy")
    assert finding.found.endswith("[worker.hung]")
    assert "damaged" not in finding.found
    assert finding.fix == "let other work end, then `nearset doctor` again"


def test_a_child_that_the_kernel_ended_is_no_time_out(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    befalls_children(signal.SIGKILL, monkeypatch)
    (finding,) = media.examined(config)
    assert finding.found == "it ended without an answer: the child process exited with code -9 [worker.died]"
    assert finding.fix == "see to memory and the kernel's log, then `nearset doctor` again"


# Hardware


def test_what_a_card_decodes_and_encodes_is_told_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    card = PaperCard(forms=("yuv420p", "yuv420p10le"))
    monkeypatch.setattr("engines.media.hardware.here", lambda: Hardware(card))
    found = wire.load(hardware.Tried, hardware.work("", lambda *_: None))
    assert found.card == card.name
    lacks = {name for name, why in found.abilities if why}
    assert lacks == {"decode H.264 4:2:2 10 bit", "decode HEVC 4:2:2 10 bit"}
    assert ("encode H.264", "") in found.abilities


def test_a_card_is_missed_only_where_the_configuration_has_it_encode(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daemon.executor import Report

    def found(tried: hardware.Tried) -> None:
        monkeypatch.setattr(hardware, "done", lambda *_: Report(0, "", result=wire.dump(hardware.Tried, tried)))

    asking = configured(tmp_path, "gpu: {encode: nvenc}\n")
    found(hardware.Tried("", "engine.gpu_missing: no driver"))
    assert levels(hardware.examined(config)) == {"card": "ok"}
    assert levels(hardware.examined(asking)) == {"card": "warn"}
    found(hardware.Tried("NVDEC (Paper)", "", (("decode HEVC", ""), ("encode H.264", "the card does not encode"))))
    assert levels(hardware.examined(config)) == {"card": "ok", "decode HEVC": "ok", "encode H.264": "ok"}
    assert levels(hardware.examined(asking)) == {"card": "ok", "decode HEVC": "ok", "encode H.264": "warn"}


# Certificates


def test_certificates_are_looked_at_as_those_who_verify_do(config: Config, tmp_path: Path) -> None:
    ours = Certificates(config.certificates)
    assert levels(certificates.examined(config, NOW)) == {"signing": "warn"}
    ours.make("SHOW", NOW.utc)
    assert levels(certificates.examined(config, NOW)) == {"chain": "ok", "term": "ok", "key": "ok"}
    for days, level in ((-2, "error"), (3640, "warn"), (3700, "error")):
        later = replace(NOW, utc=NOW.utc + timedelta(days=days))
        assert levels(certificates.examined(config, later))["term"] == level
    (ours.folder / "key.pem").chmod(0o640)
    assert levels(certificates.examined(config, NOW))["key"] == "error"
    other = Certificates(tmp_path / "other")
    other.make("SHOW", NOW.utc)
    for name in ("key.pem", "root.pem"):
        kept = (ours.folder / name).read_bytes()
        (ours.folder / name).write_bytes((other.folder / name).read_bytes())
        assert levels(certificates.examined(config, NOW))["chain"] == "error", name
        (ours.folder / name).write_bytes(kept)
    (ours.folder / "chain.pem").write_text("no certificate")
    assert levels(certificates.examined(config, NOW)) == {"signing": "error"}
    (ours.folder / "chain.pem").unlink()
    assert levels(certificates.examined(config, NOW)) == {"signing": "error"}
    unsigned = configured(tmp_path, "provenance: {sign: false}\n")
    assert levels(certificates.examined(unsigned, NOW)) == {"signing": "ok"}


# Onlookers


def test_who_cannot_be_told_is_an_error_and_figures_without_a_folder_a_warning(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(onlookers.examined(config)) == []
    words = "egress: ['office.set:80']\nnotify: {urls: ['env:OFFICE']}\nmetrics: {textfile: figures/nearset.prom}\n"
    looked_on = configured(tmp_path, words)
    assert levels(onlookers.examined(looked_on)) == {"notify": "error", "metrics": "warn"}
    (tmp_path / "figures").mkdir()
    monkeypatch.setenv("OFFICE", "json://office.set/SECRET")
    found = list(onlookers.examined(looked_on))
    assert levels(found) == {"notify": "ok", "metrics": "ok"}
    assert found[0].found == "json office.set:80; `nearset notify --test` tries them"


# The command


def test_an_error_ends_with_3_and_a_warning_with_0(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., tuple[int, str, str]]
) -> None:
    from daemon.doctor.finding import Finding, Level

    for level, code in ((Level.OK, 0), (Level.WARN, 0), (Level.ERROR, 3)):
        one = Finding("disks", "delivery", level, "it is so", "do this")
        monkeypatch.setattr("daemon.doctor.examined", lambda *_, one=one: iter([one]))
        ended, out, _ = command("doctor", "-c", tmp_path / "config.yaml")
        assert ended == code
        assert [line.split() for line in out.splitlines()][1][0] == {"ok": "lacks"}.get(str(level), str(level))
        assert "do this" in out
