"""A stop is announced, loses nothing that was begun, and ends in time whatever hangs."""

import contextlib
import signal
import threading
import time
from collections import Counter
from http.client import HTTPException
from pathlib import Path

import httpx
import pytest

from baseline import local
from tests.faults.collector import FAULTS, FaultyCollector
from tests.faults.service import GREETING, Traffic, metric, running, send
from tests.support import Collector, Service, wait_for

STOP_SECONDS = 10.0
GRACE_SECONDS = 28.0

NEVER_ENDING = {
    "request": "/faults/slow?seconds=600",
    "stream": "/faults/stream",
    "thread": "/faults/blocking?seconds=600",
    "executor": "/faults/executor?seconds=600",
    "event loop": "/faults/blocked-loop?seconds=600",
}


def answers(service: Service) -> bool:
    """Say whether the service's event loop runs."""
    try:
        return local.get(service.url + "/healthz", timeout=0.5).status_code == 200
    except httpx.TimeoutException:
        return False


def begin(service: Service, path: str) -> threading.Thread:
    """Send a request in a thread and return when the service works on it."""

    def ask() -> None:
        with contextlib.suppress(httpx.TransportError):
            local.get(service.url + path, timeout=60)

    before = metric(service, "http_server_active_requests")
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    if "blocked-loop" in path:
        wait_for(lambda: not answers(service))
    else:
        wait_for(lambda: metric(service, "http_server_active_requests") > before)
    return asking


def terminate(service: Service) -> float:
    """Send SIGTERM and return the time until the process has ended."""
    start = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    service.process.wait(60)
    return time.monotonic() - start


def test_stop_is_announced(folder: Path, tmp_path: Path) -> None:
    """From SIGTERM on /ready is 503 while new requests are served and /healthz is 200."""
    with (
        running(folder, tmp_path / "out") as service,
        httpx.Client(base_url=service.url, headers={"connection": "close"}) as client,
    ):
        assert client.get("/ready").status_code == 200
        signalled = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        wait_for(lambda: client.get("/ready").status_code == 503, 1)
        while time.monotonic() < signalled + 1.5:
            assert client.get(GREETING).status_code == 200
            assert client.get("/healthz").status_code == 200
            assert client.get("/ready").status_code == 503
        assert service.process.wait(STOP_SECONDS) == 0
        assert time.monotonic() > signalled + 2


def test_what_was_begun_is_finished(folder: Path, tmp_path: Path) -> None:
    """A request in flight is answered and a background task ends, both after the drain."""
    with running(folder, tmp_path / "out", SHUTDOWN_DRAIN_SECONDS="0") as service:
        began = time.monotonic()
        local.get(service.url + "/faults/background?seconds=2")
        answers: list[httpx.Response] = []
        slow = threading.Thread(
            target=lambda: answers.append(local.get(service.url + "/faults/slow?seconds=2"))
        )
        slow.start()
        wait_for(lambda: metric(service, "http_server_active_requests") == 1)
        assert terminate(service) < STOP_SECONDS
        assert time.monotonic() > began + 2
        slow.join()
        assert answers[0].status_code == 200
        assert service.process.returncode == 0
        assert "background task done" in {line["event"] for line in service.lines()}


def test_last_second_arrives(folder: Path, tmp_path: Path, collector: Collector) -> None:
    """Each request that was answered until the end has its span and its line, exactly once."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    with running(folder, tmp_path / "out", **endpoint) as service:
        traffic = send(service, 10)

        def until_refused() -> None:
            with contextlib.suppress(OSError, HTTPException):
                traffic.send(service, lambda: False, pause=0.005)

        load = threading.Thread(target=until_refused)
        load.start()
        assert terminate(service) < STOP_SECONDS
        load.join()
        assert service.process.returncode == 0
        assert traffic.count > 100
        arrived = Counter(span.trace_id.hex() for _, span in collector.spans)
        access = [line for line in service.lines() if line["event"] == "request"]
        printed = Counter(line["trace_id"] for line in access if "trace_id" in line)
        assert arrived == printed
        # The connection may have been cut after the last answer was sent and before it was read.
        assert arrived - Counter(traffic.trace_ids) <= Counter(list(arrived)[-1:])
        assert not Counter(traffic.trace_ids) - arrived


@pytest.mark.parametrize("fault", FAULTS)
def test_stop_with_faulty_collector(folder: Path, tmp_path: Path, fault: str) -> None:
    """With more than a batch of spans waiting the process ends in ten seconds, with status 0."""
    with (
        FaultyCollector() as collector,
        running(folder, tmp_path / "out", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as service,
    ):
        collector.become(FAULTS[fault])
        count = send(service, 600).count
        assert terminate(service) < STOP_SECONDS
        assert service.process.returncode == 0
        told = [line["spans_lost"] for line in service.lines() if "spans_lost" in line]
        assert sum(told) + len(collector.spans) >= count


def test_stop_with_request_that_never_ends(
    folder: Path, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """The process ends within 28 s with default settings, while its collector hangs too."""
    with contextlib.ExitStack() as stack:
        collector = stack.enter_context(FaultyCollector())
        collector.become(FAULTS["black-holed"])
        services = {}
        for name, path in NEVER_ENDING.items():
            variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
            service = stack.enter_context(running(folder, tmp_path / name, **variables))
            begin(service, path)
            services[name] = service
        start = time.monotonic()
        for service in services.values():
            service.process.send_signal(signal.SIGTERM)
        for name, service in services.items():
            with subtests.test(name):
                left = start + GRACE_SECONDS - time.monotonic()
                assert service.process.wait(max(left, 0)) == 0


def test_what_is_cut_off_is_told(folder: Path, tmp_path: Path, collector: Collector) -> None:
    """A stream that had to be cut has its span and its line."""
    with running(
        folder, tmp_path / "out", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        SHUTDOWN_DRAIN_SECONDS="0", SHUTDOWN_TIMEOUT_SECONDS="1",
    ) as service:  # fmt: skip
        begin(service, NEVER_ENDING["stream"])
        assert terminate(service) < STOP_SECONDS
        (line,) = [line for line in service.lines() if line["event"] == "request"]
        assert [span.trace_id.hex() for _, span in collector.spans] == [line["trace_id"]]


def test_second_signal_ends_at_once(folder: Path, tmp_path: Path) -> None:
    """Whoever asks twice does not wait, whatever is still in flight."""
    with running(folder, tmp_path / "out") as service:
        begin(service, NEVER_ENDING["thread"])
        service.process.send_signal(signal.SIGTERM)
        wait_for(lambda: local.get(service.url + "/ready").status_code == 503)
        assert terminate(service) < 1
        assert service.process.returncode == 128 + signal.SIGTERM


def test_second_signal_ends_the_flush(folder: Path, tmp_path: Path) -> None:
    """So it is while spans are flushed to a collector that does not answer."""
    with FaultyCollector() as collector, running(
        folder, tmp_path / "out", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        SHUTDOWN_DRAIN_SECONDS="0",
    ) as service:  # fmt: skip
        collector.become(FAULTS["silent"])
        send(service, 1)
        service.process.send_signal(signal.SIGTERM)
        wait_for(lambda: service.lines()[-1]["event"] == "service stopped")
        assert terminate(service) < 1
        assert service.process.returncode == 128 + signal.SIGTERM


def test_interrupt_does_not_drain(folder: Path, tmp_path: Path, collector: Collector) -> None:
    """Ctrl-C at a terminal ends the process without a drain, with its spans sent."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    with running(folder, tmp_path / "out", SHUTDOWN_DRAIN_SECONDS="30", **endpoint) as service:
        traffic: Traffic = send(service, 5)
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(STOP_SECONDS) == 0
        arrived = {span.trace_id.hex() for _, span in collector.spans}
        assert arrived == set(traffic.trace_ids)
