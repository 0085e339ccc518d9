"""A generated service passes its own gates with its own commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tools import build


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run make in a service's folder; promtool is on PATH when it was built."""
    path = os.environ["PATH"]
    if promtool := build.find("promtool"):
        path = f"{Path(promtool).parent}:{path}"
    return subprocess.run(
        ["make", *arguments], cwd=folder, check=False, capture_output=True, text=True,
        env={**os.environ, "PATH": path, **variables},
    )  # fmt: skip


@pytest.mark.parametrize("name", ["orders", "payments"])
def test_examples_pass_their_own_tests(name: str) -> None:
    """make test of each example, with this interpreter; the kit's make check checks their types."""
    done = make(ROOT / "examples" / name, "test", f"PYTHON={sys.executable}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_fresh_service_passes_its_own_gates(service_folder: Path) -> None:
    """So does a service as it comes out of the template: formatting must change nothing."""
    for target in ("check", "test"):
        done = make(service_folder, target, f"PYTHON={sys.executable}")
        assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout or not os.environ.get("CI")


@pytest.mark.network
def test_fresh_service_sets_itself_up(service_folder: Path, tmp_path: Path) -> None:
    """make test needs nothing but make and Python: it makes its own environment."""
    folder = tmp_path / "service"
    subprocess.run(["cp", "-r", str(service_folder), str(folder)], check=True)
    done = make(folder, "test", VIRTUAL_ENV="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / ".venv/bin/python").exists()


def test_plain_client_fails_lint(service_folder: Path, tmp_path: Path) -> None:
    """A client made any other way than the shared one fails make check."""
    folder = tmp_path / "service"
    subprocess.run(["cp", "-r", str(service_folder), str(folder)], check=True)
    (folder / "app/api/calls.py").write_text(
        '"""Calls out."""\n\nimport httpx\n\nclient = httpx.AsyncClient()\n'
    )
    done = make(folder, "check", f"PYTHON={sys.executable}")
    assert done.returncode != 0
    assert "app.observability.Http" in done.stdout
