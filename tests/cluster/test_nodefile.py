"""The node file is read as the configuration is: whole, strictly, each fault with its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.cluster import nodefile, raylet
from daemon.cluster.nodefile import NodeFile
from daemon.errors import ClusterError, ConfigError

HEAD = "name: head\naddress: 10.0.0.1\ninterface: eno2\nnetwork: 10.0.0.0/24\ntoken: token\n"
NODE = (
    HEAD.replace("head", "box2").replace("address: 10.0.0.1", "address: 10.0.0.2")
    + "head: 10.0.0.1\nproductions: [SHOW]\n"
)


def node_file(folder: Path, text: str, token: str = "0123456789abcdef" * 4, mode: int = 0o600) -> Path:
    (folder / "token").write_text(token)
    (folder / "token").chmod(mode)
    (folder / "cluster.yaml").write_text(text)
    return folder / "cluster.yaml"


def test_head_and_node_know_where_the_head_is(tmp_path):
    head = nodefile.load(node_file(tmp_path, HEAD))
    node = nodefile.load(node_file(tmp_path, NODE))
    assert head.is_head
    assert not node.is_head
    assert head.cluster_address == node.cluster_address == "10.0.0.1:6399"
    assert node.home("SHOW") == Path("/var/lib/nearset-node/SHOW")


def test_a_node_takes_no_production_that_it_does_not_name(tmp_path):
    with pytest.raises(ConfigError, match="whose data may come here"):
        nodefile.load(node_file(tmp_path, NODE.replace("productions: [SHOW]\n", "")))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("lanes: {render: 40}", "render"),
        ("shared: {media: /mnt}", "absolute paths"),
        ("hosts: [a]", "unknown key"),
        ("address: cart.local", "key stands here twice"),
        ("tls: {certificate: box2.pem}", "key"),
    ],
)
def test_a_fault_is_told_with_its_line(line, told, tmp_path):
    with pytest.raises(ConfigError, match=rf"cluster\.yaml:8:.*{told}"):
        nodefile.load(node_file(tmp_path, f"{NODE}{line}\n"))


def test_who_is_not_on_the_network_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"10\.0\.1\.2 is not in network 10\.0\.0\.0/24"):
        nodefile.load(node_file(tmp_path, NODE.replace("10.0.0.2", "10.0.1.2")))


def test_a_token_that_others_can_read_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="others can read"):
        nodefile.load(node_file(tmp_path, HEAD, mode=0o644))


@pytest.mark.parametrize("token", ["short", "with a space in it, which is not what a token has in it"])
def test_a_weak_token_is_refused(token, tmp_path):
    with pytest.raises(ConfigError, match="too weak"):
        nodefile.load(node_file(tmp_path, HEAD, token))


def loaded(folder: Path, text: str) -> NodeFile:
    return nodefile.load(node_file(folder, text))


def test_nothing_is_started_that_other_networks_would_reach(tmp_path, monkeypatch):
    file = loaded(tmp_path, HEAD)
    monkeypatch.delenv(raylet.KEPT_TO, raising=False)
    with pytest.raises(ClusterError, match="other networks would reach it"):
        raylet.check_kept(file, lambda: ["lo", "eno1", "eno2"])
    raylet.check_kept(file, lambda: ["lo", "eno2"])
    monkeypatch.setenv(raylet.KEPT_TO, "eno1")
    with pytest.raises(ClusterError, match="nothing keeps it to eno2"):
        raylet.check_kept(file, lambda: ["lo", "eno1", "eno2"])
    monkeypatch.setenv(raylet.KEPT_TO, "eno2")
    raylet.check_kept(file, lambda: ["lo", "eno1", "eno2"])


def test_who_says_that_a_firewall_does_it_is_believed(tmp_path):
    file = loaded(tmp_path, f"{HEAD}exposed: true\n")
    assert file.exposed
    raylet.check_kept(file, lambda: ["lo", "eno1"])
    with pytest.raises(ClusterError):
        raylet.check_kept(file.model_copy(update={"exposed": False}), lambda: ["lo", "eno1"])


def test_the_token_is_on_and_statistics_are_off(tmp_path):
    told = raylet.environment(loaded(tmp_path, HEAD))
    assert told["RAY_AUTH_MODE"] == "token"
    assert Path(told["RAY_AUTH_TOKEN_PATH"]) == tmp_path / "token"
    assert told["RAY_USAGE_STATS_ENABLED"] == "0"
    assert "--disable-usage-stats" in raylet.command(loaded(tmp_path, NODE), tmp_path)
    assert os.environ.get("RAY_AUTH_TOKEN_PATH") is None


def test_start_and_join_are_told_apart(command, tmp_path):
    code, _, error = command("cluster", "join", node_file(tmp_path, HEAD))
    assert code == 2
    assert "is the head, by its node file" in error
    assert "nearset cluster start" in error


@pytest.mark.parametrize("code", ["..", "../SHOW", "/etc", "", "SHOW/models", ".hidden"])
def test_what_is_destroyed_is_a_productions_folder_and_nothing_else(code, command, tmp_path):
    file = node_file(tmp_path, f"{NODE}state: state\n")
    with pytest.raises(ClusterError, match="no production's code"):
        nodefile.load(file).home(code)
    exit_code, _, error = command("cluster", "forget", code, file)
    assert exit_code == 2
    assert "no production's code" in error
    assert file.exists()


def test_a_node_drains_and_comes_back(command, tmp_path):
    file = node_file(tmp_path, f"{NODE}state: state\n")
    assert command("cluster", "drain", file)[0] == 0
    assert nodefile.load(file).draining.exists()
    assert command("cluster", "drain", file, "--back")[0] == 0
    assert not nodefile.load(file).draining.exists()
