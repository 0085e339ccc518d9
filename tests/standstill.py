"""A test that failed while the whole machine stood still is run again.

The host of a virtual machine may pause it for seconds, while its clocks run on: whatever a test
limits in time fails then, and says nothing about the service.
"""

import threading
import time

import pytest

TICK = 0.1
PAUSE = 1.0
AGAIN = 2


class Standstill:
    """The longest time, in seconds, in which a thread of this process got no turn."""

    def __init__(self) -> None:
        self.longest = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def happened(self) -> bool:
        """Say whether it was longer than a busy machine explains."""
        return self.longest > PAUSE

    def forget(self) -> None:
        """Begin anew."""
        self.longest = 0.0

    def _watch(self) -> None:
        while True:
            began = time.monotonic()
            time.sleep(TICK)
            self.longest = max(self.longest, time.monotonic() - began - TICK)


standstill = Standstill()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Allow each test another run, if there is that reason."""
    for item in items:
        item.add_marker(pytest.mark.flaky(reruns=AGAIN, condition=standstill.happened))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Look at one run of one test, its fixtures included."""
    standstill.forget()
