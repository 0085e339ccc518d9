"""The local stack as a user starts it, with the real components."""

import time
from collections.abc import Iterator

import pytest

from tests.e2e.support import PROOFS, compose, run


@pytest.fixture(scope="session", autouse=True)
def running() -> Iterator[None]:
    """The stack with the examples and two minutes of their traffic."""
    run("make", "up", "PROFILE=examples", seconds=900)
    time.sleep(120)
    yield
    compose("down", "--volumes")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was proved, with its figure."""
    terminalreporter.section("proved")
    for proof, figure in PROOFS:
        terminalreporter.write_line(f"{figure:>24}  {proof}")
