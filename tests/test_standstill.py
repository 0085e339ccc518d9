"""A failing test gets another run only when the machine stood still meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.standstill import RUNS
from tests.support import ROOT

BEGIN = """
import os, subprocess
import pytest

def pause():
    # Nothing tells a stopped process from a paused machine.
    subprocess.run(["sh", "-c", "kill -STOP $0; sleep 1; kill -CONT $0", str(os.getpid())])

def run():
    with open("runs", "a") as runs:
        runs.write("x")
    return os.path.getsize("runs")
"""
LATE = "def test(): pause(); assert run() > 1"
LATE_AND_BROKEN = "def test(): pause(); run(); assert False"
BROKEN = "def test(): run(); assert False"
DIES = "def test(): run() > 1 or os._exit(3)"
TEARDOWN = """
@pytest.fixture(scope="module")
def service():
    emitted = []
    yield emitted
    assert "secret" not in emitted

def test_one(service): service.append("secret")
def test_two(service): run(); pause()
"""


@pytest.mark.parametrize(
    ("test", "runs", "passes"),
    [(LATE, 2, True), (LATE_AND_BROKEN, RUNS, False), (BROKEN, 1, False), (TEARDOWN, 1, False)],
    ids=["late", "late-and-broken", "broken", "broken-for-the-module"],
)
def test_another_run(tmp_path: Path, test: str, runs: int, passes: bool) -> None:
    """A standstill earns a test another run, and hides none that is broken."""
    assert outcome(tmp_path, test) == (runs, passes)


def test_worker_that_died(tmp_path: Path) -> None:
    """A crash is no standstill."""
    assert outcome(tmp_path, DIES, "-n", "1")[1] is False


def outcome(folder: Path, test: str, *options: str) -> tuple[int, bool]:
    """Return how often a test ran, and whether pytest was content."""
    (folder / "test_it.py").write_text(BEGIN + test)
    command = [sys.executable, "-m", "pytest", "-p", "tests.standstill", "--rootdir", "."]
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    }
    done = subprocess.run(
        [*command, *options], cwd=folder, env={**inherited, "PYTHONPATH": str(ROOT)}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return (folder / "runs").stat().st_size, done.returncode == 0
