"""Rendered services, and running ones, for all tests."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from copier import run_copy

from tests.standstill import (
    pytest_collection_modifyitems,
    pytest_handlecrashitem,
    pytest_runtest_makereport,
    pytest_runtest_setup,
)
from tests.support import ROOT, Collector, Service, free_port
from tools import build

__all__ = [  # hooks
    "pytest_collection_modifyitems",
    "pytest_handlecrashitem",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
]

collect_ignore = ["inside"]  # run inside a generated service, by test_inside.py

ANSWERS = {"service_name": "orders", "owner_team": "checkout", "oncall": "#checkout-oncall"}

Render = Callable[..., Path]


@pytest.fixture(autouse=True, scope="session")
def clean_environment() -> Iterator[None]:
    """The machine's git configuration, telemetry variables and proxy change no test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("OTEL_", "GIT_"))]:
            patch.delenv(name)
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
        for name in ("NO_PROXY", "no_proxy"):  # services export to this machine
            here = "127.0.0.1,localhost"
            patch.setenv(name, f"{os.environ[name]},{here}" if os.environ.get(name) else here)
        for who in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{who}_NAME", "Somebody")
            patch.setenv(f"GIT_{who}_EMAIL", "somebody@example.com")
        yield


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as it stands in the working tree, as a git repository with one tag."""
    copy = tmp_path_factory.mktemp("template") / "kit"
    copy.mkdir()
    for name in ("copier.yml", "template", "refused"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(
            source, copy / name, **({"ignore": shutil.ignore_patterns("__pycache__", ".*_cache")}
                                    if source.is_dir() else {})
        )  # fmt: skip
    git(copy, "init", "--quiet")
    commit(copy, "v0.1.0")
    return copy


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def commit(folder: Path, tag: str | None = None) -> None:
    """Commit everything in a folder, and tag it."""
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", tag or "change")
    if tag:
        git(folder, "tag", tag)


@pytest.fixture(scope="session")
def render(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Render a service: `render(port=9000)`; unanswered questions get their defaults."""

    def rendered(**answers: object) -> Path:
        folder = tmp_path_factory.mktemp("service") / "service"
        run_copy(str(template), folder, data={**ANSWERS, **answers}, defaults=True, quiet=True)
        return folder

    return rendered


@pytest.fixture(scope="session")
def service_folder(render: Render) -> Path:
    """A service with default answers; tests must not change it."""
    return render()


@pytest.fixture
def collector() -> Iterator[Collector]:
    """An OTLP/HTTP receiver that keeps the spans it gets."""
    with Collector() as running:
        yield running


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start a service's process: `start(folder, ENVIRONMENT="test")`; it is ended afterwards."""
    started: list[Service] = []

    def run(folder: Path, **variables: str) -> Service:
        port = free_port()
        environment = {**os.environ, "PORT": str(port), "SHUTDOWN_DRAIN_SECONDS": "0", **variables}
        command = [sys.executable, "-m", "app"]
        service = Service(command, folder, environment, port, tmp_path / f"{port}.out")
        started.append(service)
        return service

    yield run
    for service in started:
        service.kill()


@pytest.fixture(scope="session")
def promtool() -> str:
    """The promtool binary; in CI a missing one is a failure."""
    found = build.find("promtool")
    if found is None:
        message = "promtool is missing: run make promtool"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found
