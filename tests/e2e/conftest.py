"""The local stack as a user starts it, with the real components."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from baseline import stack
from tests.conftest import Render
from tests.e2e.support import PROOFS, compose, run
from tests.support import free_port


@pytest.fixture(scope="session", autouse=True)
def running() -> Iterator[None]:
    """The stack with the examples and two minutes of their traffic."""
    compose("down", "--volumes")  # of a run that was cut off
    try:
        run("make", "up", "PROFILE=examples", seconds=900)
        time.sleep(120)
        yield
    finally:
        compose("down", "--volumes")


@pytest.fixture
def third(render: Render) -> Path:
    """The folder of a service that was generated a moment ago."""
    return render(service_name="third", port=free_port())


@pytest.fixture
def container(third: Path) -> Iterator[str]:
    """The id of that service's container, started in its folder as its README says."""

    def in_folder(*arguments: str) -> str:
        return subprocess.run(
            ["docker", "compose", *arguments], cwd=third, check=True, text=True,
            capture_output=True, env={**os.environ, **stack.environment()},
        ).stdout.strip()  # fmt: skip

    in_folder("up", "--detach", "--build")
    yield in_folder("ps", "--quiet")
    in_folder("down")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was proved, with its figure."""
    terminalreporter.section("proved")
    for proof, figure in PROOFS:
        terminalreporter.write_line(f"{figure:>24}  {proof}")
