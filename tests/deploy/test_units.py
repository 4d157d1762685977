"""The systemd units: what they open is counted, what they say is checked, and a production's drop-ins fit them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daemon import config as configuration
from daemon.dropins import dropins, unresolved

UNITS = Path(__file__).parents[2] / "systemd"
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not here: apt-get install systemd")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units of a production, with a program that is there."""
    for unit in UNITS.iterdir():
        text = (
            unit.read_text().replace("/opt/nearset/current/bin/nearset", sys.executable).replace("man:nearset(1) ", "")
        )
        (tmp_path / unit.name.replace("@", "@SHOW")).write_text(text)
    return tmp_path


def analyze(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ANALYZE), "--no-pager", *map(str, words)], capture_output=True, text=True, timeout=60, check=False
    )


@needs_systemd
@pytest.mark.parametrize(
    ("unit", "most"),
    [
        ("nearset@SHOW", 2.0),
        ("nearset-worker@SHOW", 1.0),
        ("nearset-page@SHOW", 2.0),
        ("nearset-cluster-head", 2.0),
        ("nearset-cluster-node", 2.0),
    ],
)
def test_a_unit_is_as_closed_as_it_is_said_to_be(installed: Path, unit: str, most: float) -> None:
    done = analyze("security", "--offline=true", f"--threshold={most * 10:.0f}", installed / f"{unit}.service")
    assert done.returncode == 0, done.stdout
    exposure = re.search(r"exposure level for .*: ([\d.]+)", done.stdout)
    assert exposure
    assert float(exposure[1]) <= most


@needs_systemd
def test_systemd_has_nothing_to_say_against_units_or_drop_ins(installed: Path, tmp_path: Path) -> None:
    config = tmp_path / "SHOW.yaml"
    config.write_text(CONFIG)
    for path, text in dropins(configuration.load(config), "SHOW").items():
        (installed / path).parent.mkdir()
        (installed / path).write_text(text)
    for role in ("head", "node"):
        network = installed / f"nearset-cluster-{role}.service.d" / "network.conf"
        network.parent.mkdir()
        network.write_text(networked())
    done = analyze("verify", *installed.glob("*.service"))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", ["nearset@.service", "nearset-worker@.service"])
def test_what_a_unit_must_have(unit: str) -> None:
    lines = (UNITS / unit).read_text().splitlines()
    for line in ("Type=notify", "StartLimitBurst=5", "DevicePolicy=closed", "ProtectSystem=strict", "User=nearset"):
        assert line in lines
    assert any(line.startswith("WatchdogSec=") for line in lines)
    assert any(line.startswith("RequiresMountsFor=") for line in lines)
    networks = {"nearset@.service": "IPAddressAllow=localhost", "nearset-worker@.service": "PrivateNetwork=yes"}
    assert networks[unit] in lines
    allowed = [line for line in lines if line.startswith("DeviceAllow=")]
    assert all("nvidia" in line for line in allowed)


def test_the_page_leaves_the_state_closed_to_others_and_may_give_up_what_it_gives_up() -> None:
    lines = (UNITS / "nearset-page@.service").read_text().splitlines()
    for line in ("User=nearset", "StateDirectoryMode=0700", "ProtectSystem=strict", "IPAddressAllow=localhost"):
        assert line in lines
    [calls] = [line for line in lines if line.startswith("SystemCallFilter=@")]
    assert calls.endswith(" seccomp"), "@system-service lacks it, and a page that cannot be sealed is not served"
    assert not any(line.startswith("SystemCallFilter=~") and "@resources" in line for line in lines)


CLUSTER = ("nearset-cluster-head.service", "nearset-cluster-node.service")


@pytest.mark.parametrize("unit", CLUSTER)
def test_a_cluster_is_kept_to_one_network_by_the_kernel_and_to_none_without_a_drop_in(unit: str) -> None:
    lines = (UNITS / unit).read_text().splitlines()
    for line in ("RestrictNetworkInterfaces=lo", "IPAddressDeny=any", "IPAddressAllow=localhost", "User=nearset"):
        assert line in lines
    assert not any("NEARSET_CLUSTER_INTERFACE=" in line for line in lines)
    assert any("RAY_AUTH_MODE=token" in line and "RAY_USAGE_STATS_ENABLED=0" in line for line in lines)
    assert [line for line in lines if line.startswith(("CapabilityBoundingSet=", "AmbientCapabilities="))] == [
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
    ]


@pytest.mark.parametrize("unit", CLUSTER)
def test_a_cluster_is_brought_back_whatever_ended_it_but_a_configuration_that_is_wrong(unit: str) -> None:
    lines = (UNITS / unit).read_text().splitlines()
    for line in ("Restart=always", "RestartPreventExitStatus=2", "KillMode=mixed", "LimitCORE=0"):
        assert line in lines
    counted = {
        "nearset-cluster-head.service": "StartLimitBurst=5",
        "nearset-cluster-node.service": "StartLimitIntervalSec=0",
    }
    assert counted[unit] in lines


def test_the_drop_in_of_the_guide_names_one_interface_to_kernel_and_program_alike() -> None:
    text = networked()
    kernel = re.search(r"^RestrictNetworkInterfaces=(\S+)$", text, re.MULTILINE)
    program = re.search(r"^Environment=NEARSET_CLUSTER_INTERFACE=(\S+)$", text, re.MULTILINE)
    assert kernel
    assert program
    assert kernel[1] == program[1]
    assert f"BindsTo=sys-subsystem-net-devices-{kernel[1]}.device" in text


def networked() -> str:
    """The drop-in that the guide shows."""
    guide = (UNITS.parent / "docs" / "deploy.md").read_text()
    found = re.search(r"```\n(\[Unit\]\nBindsTo=sys-subsystem-net.*?)```", guide, re.DOTALL)
    assert found
    return found[1]


CONFIG = """\
production: {code: SHOW}
offload: {roots: [/media/offload, "/mnt/100% of it"], stand_ins: {folders: [/mnt/transcodes]}}
delivery: {root: "/media/the delivery", targets: [{name: nas, path: /mnt/nas}, {name: lab, url: "s3://bucket", \
endpoint: "https://10.0.0.5:9000"}]}
state: {root: /var/lib/nearset}
egress: ["10.0.0.5:9000", s3.example.com]
metrics: {textfile: /var/lib/node_exporter/nearset.prom}
"""


def test_drop_ins_open_what_the_configuration_names_and_no_more(tmp_path: Path) -> None:
    config = tmp_path / "SHOW.yaml"
    config.write_text(CONFIG)
    settings = configuration.load(config)
    made = dropins(settings, "SHOW")
    control, worker = (made[Path(f"{unit}@SHOW.service.d/folders.conf")] for unit in ("nearset", "nearset-worker"))
    for text in (control, worker):
        assert 'ReadOnlyPaths="-/media/offload"' in text
        assert 'ReadOnlyPaths="-/mnt/100%% of it"' in text
        assert 'ReadWritePaths="-/media/the delivery"' in text
        assert 'ReadWritePaths="-/var/lib/nearset"' in text
        assert '[Unit]\nRequiresMountsFor="/var/lib/nearset"\n' in text, "a start waits for the state's volume"
    assert 'ReadWritePaths="-/mnt/nas"' in control
    assert "nas" not in worker
    assert 'ReadWritePaths="-/var/lib/node_exporter"' in control
    assert "node_exporter" not in worker
    assert "IPAddressAllow=10.0.0.5" in control
    assert "IPAddress" not in worker
    assert unresolved(settings) == ("s3.example.com",)
