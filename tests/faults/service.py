"""A service under test, traffic to it, and what its `/metrics` says."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from baseline import local
from tests.support import Service, free_port

GREETING = "/greetings/Ada"


@contextmanager
def running(folder: Path, out: Path, **variables: str) -> Iterator[Service]:
    """A service's process with default settings and these variables; its stdout is `out`."""
    port = free_port()
    environment = {**os.environ, "PORT": str(port), **variables}
    service = Service([sys.executable, "-m", "app"], folder, environment, port, out)
    try:
        yield service.ready()
    finally:
        service.kill()


@dataclass
class Traffic:
    """What became of requests that were sent one after the other."""

    statuses: Counter[int] = field(default_factory=Counter)
    trace_ids: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def count(self) -> int:
        """How many requests were answered."""
        return len(self.trace_ids)

    def send(self, service: Service, enough: Callable[[], bool], pause: float = 0.0) -> None:
        """Send requests over one connection until there are enough, at most 10 s each."""
        connection = HTTPConnection(service.url.removeprefix("http://"), timeout=10)
        try:
            while not enough():
                start = time.perf_counter()
                connection.request("GET", GREETING)
                response = connection.getresponse()
                response.read()
                self.slowest = max(self.slowest, time.perf_counter() - start)
                self.statuses[response.status] += 1
                self.trace_ids.append(response.headers["traceresponse"].split("-")[1])
                time.sleep(pause)
        finally:
            connection.close()


def send(service: Service, count: int) -> Traffic:
    """Send that many requests."""
    traffic = Traffic()
    traffic.send(service, lambda: traffic.count >= count)
    return traffic


def metric(service: Service, name: str, **labels: str) -> float:
    """Return the value of a sample in `/metrics`."""
    text = local.get(service.url + "/metrics", timeout=10).text
    (value,) = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    return value


def memory(service: Service) -> int:
    """Return the resident memory of the process in bytes."""
    pages = Path(f"/proc/{service.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
