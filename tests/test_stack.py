"""The local stack's commands say in one line what is missing, and leave nothing half done."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from baseline import cli, local, stack, targets
from tests.support import ROOT

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Docker and its plugin are there, no component answers, and no state is kept."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(stack, "succeeds", lambda *command: True)
    monkeypatch.setattr(local, "answers", lambda address: False)
    monkeypatch.setattr(targets, "TARGETS", tmp_path / "targets")
    stack.environment.cache_clear()


def fails(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that fails and return its one line on stderr."""
    assert cli.main([command]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("command", ["up", "down"])
def test_no_docker(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to install."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert fails(command, capsys) == (
        "baseline: Docker is needed for the local stack: install it, then try again"
    )


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (("docker", "version"), "the Docker engine does not answer: start it, then try again"),
        (
            ("docker", "compose", "version"),
            "docker compose is needed (version 2.20 or newer): install its plugin",
        ),
    ],
)
def test_no_engine_or_plugin(
    refused: tuple[str, ...], reason: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """It says which of the two."""
    monkeypatch.setattr(stack, "succeeds", lambda *command: command != refused)
    assert fails("up", capsys) == f"baseline: {reason}"


def test_compose_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own last line is the reason: a port that is taken, for example."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "pulling\nport is already allocated\n")

    monkeypatch.setattr(subprocess, "run", run)
    assert fails("down", capsys).endswith("compose failed: port is already allocated")


@pytest.mark.parametrize("name", ["loki", "orders"])
def test_a_component_that_never_is_ready(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The name, and where it says why."""
    monkeypatch.setattr(stack, "UP_SECONDS", 0.0)
    monkeypatch.setattr(stack, "_compose", lambda *_: "")
    reason = f"{name} is not ready: docker compose logs {name} says why"
    with pytest.raises(stack.StackError, match=reason):
        stack.restart([name], {})


def test_trace_without_examples(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how to start them."""
    monkeypatch.setattr(stack, "example", lambda name: "http://127.0.0.1:9")
    assert fails("trace", capsys) == "baseline: the examples do not run: make up PROFILE=examples"


def test_status_shows_every_component(capsys: pytest.CaptureFixture[str]) -> None:
    """And its exit status says that something is down."""
    assert cli.main(["status"]) == 1
    shown = capsys.readouterr().out
    assert all(component.name in shown for component in stack.COMPONENTS)


def test_targets_of_ended_services_are_removed() -> None:
    """A service that was killed could not remove its own."""
    targets.TARGETS.mkdir()
    ended = subprocess.Popen(["true"])
    ended.wait()
    written = {
        "runs": [{"targets": [], "labels": {"__process_id__": str(os.getpid())}}],
        "ended": [{"targets": [], "labels": {"__process_id__": str(ended.pid)}}],
        "nameless": [{"targets": [], "labels": {}}],
    }
    for name, content in written.items():
        (targets.TARGETS / f"{name}.json").write_text(json.dumps(content))
    (targets.TARGETS / "broken.json").write_text("{")
    targets.prepare()
    assert [path.stem for path in targets.TARGETS.glob("*")] == ["runs"]


def test_everything_listens_on_this_machine_only() -> None:
    """No port of the stack is reachable from outside."""
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert len(ports) >= 10
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_container_is_hardened() -> None:
    """No root but for the one that prepares the volumes, no capability, a limit of memory."""
    for name, service in COMPOSE["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        if name != "volumes":
            assert "no-new-privileges:true" in service["security_opt"], name
            assert service["mem_limit"], name
            assert str(service.get("user", "image's own")).split(":")[0] not in ("0", "root"), name


def test_versions_and_ports_stand_in_one_place() -> None:
    """compose.yaml names no version of a component, and each variable of .env is used."""
    text = (ROOT / "compose.yaml").read_text()
    for name in stack.variables():
        assert f"${{{name}}}" in text, name
    images = [service["image"] for service in COMPOSE["services"].values()]
    assert all("${" in image or image.startswith("baseline-") for image in images)
