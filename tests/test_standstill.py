"""A failing test gets another run only when the machine stood still meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.standstill import AGAIN
from tests.support import ROOT

TEST = """
import os, subprocess

def test_late():
    # Nothing tells a stopped process from a paused machine.
    subprocess.run(["sh", "-c", "kill -STOP $0; sleep {pause}; kill -CONT $0", str(os.getpid())])
    with open("runs", "a") as runs:
        runs.write("x")
    assert os.path.getsize("runs") > {passes_after}
"""


@pytest.mark.parametrize(
    ("pause", "passes_after", "runs", "status"),
    [(2, 1, 2, 0), (2, 9, 1 + AGAIN, 1), (0, 1, 1, 1)],
    ids=["paused", "paused-and-broken", "broken"],
)
def test_another_run(tmp_path: Path, pause: int, passes_after: int, runs: int, status: int) -> None:
    """Neither hides a test that is broken."""
    (tmp_path / "test_it.py").write_text(TEST.format(pause=pause, passes_after=passes_after))
    command = [sys.executable, "-m", "pytest", "-p", "tests.standstill", "--rootdir", ".", "-q"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, (tmp_path / "runs").stat().st_size) == (status, runs), done.stdout
