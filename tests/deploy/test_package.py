"""The Debian package: what it lists is there, what it installs says what to do, and its environments come and go."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPTS = ("nearset", "nearset-setup", "postinst", "prerm", "postrm", "trial")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_one_that_any_shell_reads(name: str) -> None:
    subprocess.run(["sh", "-n", ROOT / "package" / name], check=True)
    assert os.access(ROOT / "package" / name, os.X_OK)


@pytest.mark.parametrize("words", ["status", "logs A001", "doctor -c SHOW.yaml", "purge SHOW"])
def test_what_is_the_services_is_done_as_its_user_when_root_asks(words: str, tmp_path: Path) -> None:
    asked = run_as_root(tmp_path, words)
    assert asked == f"runuser -u nearset -- {tmp_path}/program {words}"


@pytest.mark.parametrize("words", ["config check", "verify /media/stick", "init SHOW.yaml"])
def test_what_is_anybodys_is_done_as_who_asks(words: str, tmp_path: Path) -> None:
    assert run_as_root(tmp_path, words) == f"program {words}"


def run_as_root(folder: Path, words: str) -> str:
    """What the command does when root types words, on a machine that has all of it."""
    machine = {"program": "echo program $*", "runuser": "echo runuser $*", "id": '[ "$1" = -u ] && echo 0 || echo root'}
    for name, line in machine.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    script = (ROOT / "package" / "nearset").read_text().replace("/opt/nearset/current/bin/nearset", f"{folder}/program")
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", script, "nearset", *words.split()], env={"PATH": path}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manual")
    subprocess.run([sys.executable, "-m", "package.manual", folder], check=True, cwd=ROOT)
    return folder


def test_everything_that_the_package_lists_is_there_or_made(manual: Path) -> None:
    for entry in yaml.safe_load((ROOT / "package" / "nfpm.yaml").read_text())["contents"]:
        source = entry.get("src", "docs")
        made = {"build/manual/": manual, "build/package/": ROOT / "package"}
        folder = next((made[part] for part in made if source.startswith(part)), None)
        assert (folder / Path(source).name if folder else ROOT / source).exists(), source
        assert not entry["dst"].endswith(".whl")


def test_the_manual_has_every_command_with_its_options(manual: Path) -> None:
    page = gzip.decompress((manual / "nearset.1.gz").read_bytes()).decode()
    for words in (
        "nearset run",
        "nearset worker",
        "nearset config units",
        "nearset queue first",
        "nearset model rollback",
    ):
        assert f".SS {words} " in page
    assert r"\-\-workers <path>" in page
    assert r"\-\-help" not in page
    example = gzip.decompress((manual / "nearset.yaml.5.gz").read_bytes()).decode()
    assert "«set this»" in example
    assert "_NEARSET_COMPLETE" in (manual / "nearset.bash").read_text()


@pytest.mark.skipif(not shutil.which("man"), reason="man is not here: apt-get install man-db")
@pytest.mark.parametrize("page", ["nearset.1.gz", "nearset.yaml.5.gz", "nearset-setup.8.gz"])
def test_man_has_nothing_to_say_against_a_page(manual: Path, page: str) -> None:
    command = ["man", "--warnings", "-E", "UTF-8", "-l", str(manual / page)]
    told = os.environ | {"MANWIDTH": "80"}
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=True)
    assert "nearset" in done.stdout
    assert done.stderr == ""


NFPM = shutil.which("nfpm") or shutil.which("nfpm", path=str(Path(sys.executable).parent))


@pytest.mark.skipif(not NFPM, reason="nfpm is not here: it comes with the extra dev")
@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is not here")
def test_the_package_is_small_and_has_no_python_in_it(manual: Path, tmp_path: Path) -> None:
    for part in ("systemd", "package", "docs", "config.example.yaml", "CHANGELOG.md"):
        (tmp_path / part).symlink_to(ROOT / part)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "manual").symlink_to(manual)
    (tmp_path / "build" / "package").symlink_to(ROOT / "package")
    told = os.environ | {"VERSION": "1.2.3", "MAINTAINER": "nearset <root@localhost>"}
    command = [str(NFPM), "package", "-f", "package/nfpm.yaml", "-p", "deb", "-t", "nearset.deb"]
    subprocess.run(command, cwd=tmp_path, env=told, check=True, capture_output=True)
    listed = subprocess.run(["dpkg-deb", "-c", tmp_path / "nearset.deb"], capture_output=True, text=True, check=True)
    for unit in ("nearset@", "nearset-worker@", "nearset-page@", "nearset-cluster-head", "nearset-cluster-node"):
        assert f"./usr/lib/systemd/system/{unit}.service" in listed.stdout
    assert re.search(r"-rwxr-xr-x root/root .* \./usr/sbin/nearset-setup", listed.stdout)
    assert not re.search(r"\.(py|whl|so)\b|site-packages", listed.stdout)
    assert (tmp_path / "nearset.deb").stat().st_size < 200_000


def wheel(folder: Path, version: str) -> None:
    """A nearset that says its version and stands on nothing."""
    with zipfile.ZipFile(folder / f"nearset-{version}-py3-none-any.whl", "w") as archive:
        info = f"nearset-{version}.dist-info"
        archive.writestr("said.py", f"def main(): print('{version}')\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: nearset\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\nnearset = said:main\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="nearset-setup wants root")
def test_an_environment_is_made_from_a_wheelhouse_and_the_one_before_is_gone_back_to(tmp_path: Path) -> None:
    place, house = tmp_path / "opt", tmp_path / "wheelhouse"
    house.mkdir()

    def setup(version: str, *words: str) -> subprocess.CompletedProcess[str]:
        script = tmp_path / f"setup-{version}"
        text = (ROOT / "package" / "nearset-setup").read_text()
        script.write_text(text.replace("@VERSION@", version).replace("place=/opt/nearset", f"place={place}"))
        return subprocess.run(["sh", script, *words], capture_output=True, text=True, check=False)

    def current() -> str:
        return subprocess.run(
            [place / "current/bin/nearset"], capture_output=True, text=True, check=True
        ).stdout.strip()

    lacks = setup("1.0", "--wheelhouse", str(house))
    assert lacks.returncode == 2
    assert "fix:" in lacks.stderr
    assert not (place / "current").exists()
    wheel(house, "1.0")
    assert setup("1.0", "--wheelhouse", str(house)).returncode == 0
    assert current() == "1.0"
    shutil.copytree(place / "1.0", place / "0.9", symlinks=True)
    assert setup("1.0", "--list").stdout.splitlines() == ["0.9", "1.0  in use"]
    assert setup("1.0", "--use", "0.9").returncode == 0
    assert (place / "current").readlink() == Path("0.9")
    assert "in use" in setup("1.0", "--remove", "0.9").stderr
    for wrong in ("..", "", "current", "2.0", "/etc"):
        assert setup("1.0", "--remove", wrong).returncode == 2
        assert setup("1.0", "--use", wrong).returncode == 2
    assert setup("1.0", "--remove", "1.0").returncode == 0
    assert not (place / "1.0").exists()
