"""What README tells a newcomer to type works, and what the documents name is there."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.conftest import git
from tests.support import ROOT, free_port, wait_for
from tools import build, check_links


def blocks(page: Path) -> list[list[str]]:
    """The commands of a page, by shell block."""
    found = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    return [block.strip().splitlines() for block in found]


def shell(command: str, folder: Path, **variables: str) -> str:
    """Run a command as typed, with the checkout's own tools first on PATH."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    if promtool := build.find("promtool"):
        path = f"{Path(promtool).parent}:{path}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, check=False, capture_output=True, text=True,
        env={**os.environ, "PATH": path, **variables},
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_readme(tmp_path: Path) -> None:
    """The commands of README, in its order, on a clean clone and a new service."""
    first, interactive, unattended, asked = blocks(ROOT / "README.md")
    # `make test` is what runs this test; `make demo` has its own, of the command that it calls
    assert first == ["make demo", "make test"]
    assert "baseline demo" in shell("make --dry-run demo", ROOT)

    clone = tmp_path / "kit"
    git(tmp_path, "clone", "--quiet", str(ROOT), str(clone))
    (clone / ".venv").symlink_to(Path(sys.executable).parents[1])  # as `make demo` made it
    assert interactive[0] == ".venv/bin/copier copy . ../my-service"
    (copy,) = unattended
    shell(copy, clone)
    assert interactive[1:] == ["cd ../my-service", "make test", "make run"]
    service = (clone / "../my-service").resolve()
    python = f"PYTHON={sys.executable}"
    assert "passed" in shell(f"make test {python}", service)

    port = free_port()
    running = subprocess.Popen(
        ["make", "run", python], cwd=service, env={**os.environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        ready = f"curl --fail --silent http://127.0.0.1:{port}/ready"
        wait_for(lambda: subprocess.run(ready.split(), check=False).returncode == 0, 20)
        assert len(asked) == 4
        for command in asked:
            assert shell(command.replace("curl ", "curl -sSf ").replace("8000", str(port)), service)
    finally:
        running.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(20)
        still_answers = subprocess.run(ready.split(), check=False).returncode == 0
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    assert not still_answers, "make run was ended, and its service was not"


def test_targets_are_named() -> None:
    """README names each make target that exists, and continuous integration calls no other."""
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE)) - {"help"}
    assert targets <= set(re.findall(r"make ([a-z0-9-]+)", readme))
    (called,) = re.findall(r"^make (.+)$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert set(called.split()) <= targets


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "ARCHITECTURE.md"])
def test_paths_exist(page: Path) -> None:
    """A file or folder that a page names is in the checkout or in a service."""
    for name in re.findall(r"`([\w./-]+/[\w./-]*|[\w.-]+\.(?:py|yml|md))`", page.read_text()):
        places = (ROOT, ROOT / "template", ROOT / "template/app/observability")
        named = [place / name for place in places] + [ROOT / "template" / f"{name}.jinja"]
        named.append(ROOT / "template/app" / f"{name}.jinja")
        assert name.startswith("/") or any(path.exists() for path in named), name


def test_modules_are_described() -> None:
    """ARCHITECTURE.md names each module of the package."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for module in (ROOT / "template/app/observability").glob("*.py"):
        assert f"`{module.name}`" in text


def test_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link to a missing file or heading is found."""
    monkeypatch.setattr(check_links, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("# One Two\n\n[a](#one-two) [b](page.md#one-two) [c](gone.md) [d](#three)\n")
    assert len(check_links.broken(page)) == 2


def test_version_is_one() -> None:
    """The package, the template and the newest entry of the changelog have one version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    questions = yaml.safe_load((ROOT / "copier.yml").read_text())
    assert questions["template_version"]["default"] == project
    newest = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert newest == project
