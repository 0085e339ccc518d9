"""Whatever becomes of stdout, requests are answered, and lost lines are counted."""

import fcntl
import json
import os
import pty
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from baseline import local
from tests.faults.service import metric, running, send
from tests.support import Collector, Service, free_port, wait_for

SMALLEST_PIPE = 4096
LINES_AT_START = 2  # "service starting" and "service started"
LINES_PER_REQUEST = 2  # the sample route's own and the access line


def dropped(service: Service, error_type: str) -> float:
    """Return how many lines were lost."""
    return metric(service, "log_lines_dropped_total", error_type=error_type)


@dataclass
class Pipe:
    """A service's stdout, read when the test reads it."""

    path: Path
    text: bytes = b""
    _reader: int = field(init=False)

    def __post_init__(self) -> None:
        os.mkfifo(self.path)
        self._reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._reader, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)

    def read(self) -> None:
        """Take everything that is in the pipe."""
        try:
            while data := os.read(self._reader, 65536):
                self.text += data
        except BlockingIOError:
            return

    def lines(self) -> list[dict[str, Any]]:
        """Return what was read; raises ValueError when a line is cut or not JSON."""
        assert self.text.endswith(b"\n")
        return [json.loads(line) for line in self.text.splitlines()]

    def close(self) -> None:
        """Go away, as a log collector that crashed."""
        if self._reader >= 0:
            os.close(self._reader)
        self._reader = -1


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    """A pipe that holds a few lines."""
    made = Pipe(tmp_path / "pipe")
    yield made
    made.close()


def test_blocked(folder: Path, pipe: Pipe) -> None:
    """A reader that stands still costs lines, which are counted, and no request's time."""
    with running(folder, pipe.path) as service:
        traffic = send(service, 300)
        assert traffic.statuses == {200: 300}
        assert traffic.slowest < 1
        assert dropped(service, "blocked") > 0

        def resumed() -> bool:
            """Read, send a request, and look for its line."""
            pipe.read()
            traffic.send(service, lambda: traffic.count > 300)
            pipe.read()
            return traffic.trace_ids[-1].encode() in pipe.text

        def all_accounted_for() -> bool:
            """Read until each line was read or counted; an access line follows its response."""
            pipe.read()
            known = len(pipe.lines()) + dropped(service, "blocked")
            return known == LINES_AT_START + LINES_PER_REQUEST * traffic.count

        assert resumed()
        wait_for(all_accounted_for)
        assert traffic.count == 301
        assert len(pipe.lines()) == metric(service, "log_lines_written_total")


def test_blocked_inside_a_line(folder: Path, pipe: Pipe) -> None:
    """When the reader resumes, the line it stopped in is finished before the next begins."""
    with running(folder, pipe.path) as service:
        pipe.read()
        for length in (10_000, 10_000, 100):
            assert local.get(f"{service.url}/faults/line?length={length}").status_code == 200
        for _ in range(10):
            pipe.read()
            local.get(f"{service.url}/faults/line?length=100")
        pipe.read()
        texts = [len(line["text"]) for line in pipe.lines() if line["event"] == "long line"]
        assert texts[0] == 10_000
        assert texts.count(100) >= 5


def test_stop_while_blocked(folder: Path, pipe: Pipe) -> None:
    """SIGTERM ends a service whose stdout is stuck, in the usual time."""
    with running(folder, pipe.path) as service:
        send(service, 100)
        assert service.stop() == 0
        pipe.read()
        assert pipe.lines()


def test_reader_gone(folder: Path, pipe: Pipe) -> None:
    """Nothing but lines is lost when the reader has closed the pipe."""
    with running(folder, pipe.path) as service:
        send(service, 1)
        pipe.close()
        assert send(service, 100).statuses == {200: 100}
        assert dropped(service, "error") >= LINES_PER_REQUEST * 100
        assert service.stop() == 0


def test_disk_full(folder: Path) -> None:
    """So it is when stdout is a file on a full disk."""
    with running(folder, Path("/dev/full")) as service:
        assert send(service, 100).statuses == {200: 100}
        assert dropped(service, "error") >= LINES_PER_REQUEST * 100
        assert service.stop() == 0


def test_disk_that_is_full_for_a_while(folder: Path, tmp_path: Path) -> None:
    """A line that could not be finished does not spoil the next one."""
    port, out = free_port(), tmp_path / "out"
    limited = ["sh", "-c", 'ulimit -f 8; exec "$0" -m app >> "$1"', sys.executable, str(out)]
    environment = {**os.environ, "PORT": str(port)}
    service = Service(limited, folder, environment, port, tmp_path / "shell")
    try:
        service.ready()
        send(service, 50)
        assert dropped(service, "error") > 0
        out.write_bytes(b"")  # somebody made room
        send(service, 5)
        assert service.stop() == 0
        broken, *lines = out.read_bytes().splitlines()
        assert len([json.loads(line) for line in lines]) >= 10
        assert broken == b""
    finally:
        service.kill()


def test_terminal_that_stands_still(folder: Path) -> None:
    """So it is with a terminal, as `docker run --tty` gives one."""
    leader, follower = pty.openpty()
    port = free_port()
    environment = {**os.environ, "PORT": str(port)}
    service = Service([sys.executable, "-m", "app"], folder, environment, port,
                      Path(os.ttyname(follower)))  # fmt: skip
    try:
        service.ready()
        assert send(service, 300).statuses == {200: 300}
        assert dropped(service, "blocked") > 0
        assert service.stop() == 0
    finally:
        service.kill()
        os.close(leader)
        os.close(follower)


def test_no_stdout(folder: Path, tmp_path: Path, collector: Collector) -> None:
    """A service that is started without stdout and stderr answers, exports and stops."""
    port = free_port()
    environment = {**os.environ, **collector.variables, "PORT": str(port)}
    command = ["sh", "-c", 'exec "$0" -m app >&- 2>&-', sys.executable]
    service = Service(command, folder, environment, port, tmp_path / "out")
    try:
        service.ready()
        traffic = send(service, 100)
        assert traffic.statuses == {200: 100}
        assert service.stop() == 0
        assert {span.trace_id.hex() for _, span in collector.spans} == set(traffic.trace_ids)
    finally:
        service.kill()


def test_nothing_is_dropped_while_it_is_read(folder: Path, tmp_path: Path) -> None:
    """Under load each line arrives when a reader, a process of its own, keeps reading."""
    pipe, kept = tmp_path / "pipe", tmp_path / "kept"
    os.mkfifo(pipe)
    # Room for a second's lines: the reader of a busy machine may get no turn for that long.
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 2**20)
    with kept.open("wb") as sink:
        reader = subprocess.Popen(["cat", str(pipe)], stdout=sink)
    with running(folder, pipe) as service:
        os.close(descriptor)
        traffic = send(service, 2000)
        assert dropped(service, "blocked") == 0
        assert service.stop() == 0
    reader.wait(10)
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    printed = Counter(line["trace_id"] for line in lines if "trace_id" in line)
    assert printed == {trace_id: LINES_PER_REQUEST for trace_id in traffic.trace_ids}
