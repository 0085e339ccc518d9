"""A test that failed while the machine stood still is run again.

The host of a virtual machine may pause it, or one of its CPUs, for seconds while its clocks run on:
whatever a test limits in time fails then, and says nothing about the service.
"""

import os
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

TICK = 0.05
PAUSE = 0.3  # less than the shortest limit in a test, which is half a second
RUNS = 3


class Watch:
    """The longest time, in seconds, in which one CPU gave no turn to a thread that waits for one.

    A test that holds the interpreter in C code looks the same, which does no harm.
    """

    def __init__(self, cpu: int | None) -> None:
        self._cpu = cpu
        self.forget()
        threading.Thread(target=self._watch, daemon=True).start()

    def forget(self) -> None:
        """Begin anew."""
        self._longest, self._woke = 0.0, time.monotonic()

    def longest(self) -> float:
        """Return it; the watching thread itself may not have had its turn yet."""
        return max(self._longest, time.monotonic() - self._woke - TICK)

    def _watch(self) -> None:
        if self._cpu is not None:
            os.sched_setaffinity(0, {self._cpu})
        while True:
            time.sleep(TICK)
            self._longest, self._woke = self.longest(), time.monotonic()


_cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [None]
_watches = [Watch(cpu) for cpu in _cpus]


def happened() -> bool:
    """Say whether the machine, or one CPU of it, stood still in the test that runs."""
    return max(watch.longest() for watch in _watches) > PAUSE


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Allow each test more runs, if there is that reason; a debugger wants the first failure."""
    for item in [] if config.option.usepdb else items:
        item.add_marker(pytest.mark.flaky(reruns=RUNS - 1, condition=happened))


def forget() -> None:
    """Begin anew on each CPU."""
    for watch in _watches:
        watch.forget()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Look at one run of one test, its fixtures included."""
    forget()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A teardown that fails judges the tests before it too: no run of the last one alone."""
    report = yield
    if report.when == "teardown" and report.failed:
        forget()
    return report


@pytest.hookimpl(trylast=True, optionalhook=True)
def pytest_handlecrashitem(report: Any) -> None:
    """A worker that died did not stand still."""
    report.outcome = "failed"
