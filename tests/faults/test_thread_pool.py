"""Operational endpoints answer when every thread is taken."""

import threading
import time
from pathlib import Path

import httpx

from tests.faults.service import metric, running
from tests.support import wait_for

THREADS = 40
SECONDS = 0.5


def test_full_thread_pool(folder: Path, tmp_path: Path) -> None:
    """With 45 synchronous routes of 5 s in flight each of the three answers within 0.5 s."""
    with running(folder, tmp_path / "out") as service, httpx.Client(timeout=20) as client:
        statuses: list[int] = []

        def block() -> None:
            statuses.append(client.get(f"{service.url}/faults/blocking?seconds=5").status_code)

        blocked = [threading.Thread(target=block) for _ in range(THREADS + 5)]
        for thread in blocked:
            thread.start()
        wait_for(lambda: metric(service, "http_server_active_requests") == len(blocked))
        for path in ("/healthz", "/ready", "/metrics") * 3:
            start = time.perf_counter()
            assert client.get(service.url + path).status_code == 200
            assert time.perf_counter() - start < SECONDS, path
        assert not statuses
        for thread in blocked:
            thread.join()
        assert statuses == [200] * len(blocked)
