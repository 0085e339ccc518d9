"""Each failure is one line with stack and trace id, one ERROR span and one count."""

import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from baseline import local
from tests.faults.service import metric, running
from tests.support import Collector, Service, wait_for

SECRET: Final = "hunter2"  # the one of routes.py
ERRORS: Final = ("error", "critical")
REQUESTS: Final = "http_server_request_duration_seconds_count"


@dataclass(frozen=True)
class Observed:
    """A service and its collector."""

    service: Service
    collector: Collector

    def get(self, path: str) -> tuple[httpx.Response, str]:
        """Send a request and return the response with its trace id."""
        response = local.get(self.service.url + path)
        return response, response.headers["traceresponse"].split("-")[1]

    def lines(self, trace_id: str) -> list[dict[str, Any]]:
        """Return the lines of a trace, as soon as its request's own is among them."""

        def finished() -> list[dict[str, Any]]:
            lines = [line for line in self.service.lines() if line.get("trace_id") == trace_id]
            return lines if any(line["event"] == "request" for line in lines) else []

        return wait_for(finished)  # type: ignore[no-any-return]

    def errors(self, trace_id: str) -> list[dict[str, Any]]:
        """Return the error lines of a trace, as soon as there are any."""

        def errors() -> list[dict[str, Any]]:
            return [line for line in self.lines(trace_id) if line["level"] in ERRORS]

        return wait_for(errors)  # type: ignore[no-any-return]

    def spans(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace, as soon as there are any."""
        return wait_for(  # type: ignore[no-any-return]
            lambda: [s for _, s in list(self.collector.spans) if s.trace_id.hex() == trace_id]
        )

    def count(self, route: str, status: str) -> float:
        """Return how many GET requests of a route had a status."""
        error = status if status >= "500" else ""
        return metric(
            self.service, REQUESTS, http_request_method="GET", http_route=route,
            http_response_status_code=status, error_type=error,
        )  # fmt: skip


@pytest.fixture(scope="module")
def observed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """One service for all tests of this module."""
    out = tmp_path_factory.mktemp("errors") / "out"
    with Collector() as collector, running(folder, out, **collector.variables) as service:
        yield Observed(service, collector)
        assert SECRET not in out.read_text()
        assert not [span for _, span in collector.spans if SECRET in str(span)]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("exception", "RuntimeError"),
        ("sync", "RuntimeError"),
        ("group", "ExceptionGroup"),
        ("cancelled", "CancelledError"),
        ("long", "RuntimeError"),
    ],
)
def test_unhandled_exception(observed: Observed, name: str, error: str) -> None:
    """One line, one ERROR span, one count, and problem details that give nothing away."""
    path = f"/faults/{name}"
    before = observed.count(path, "500")
    response, trace_id = observed.get(path)
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank", "title": "Internal Server Error", "status": 500,
        "trace_id": trace_id,
    }  # fmt: skip
    (line,) = observed.errors(trace_id)
    assert line["exception"]["type"].endswith(error)
    assert f"in {name}" in line["exception"]["stacktrace"]
    (span,) = observed.spans(trace_id)
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert span.name == f"GET {path}"
    assert [event.name for event in span.events] == ["exception"]
    assert observed.count(path, "500") == before + 1


def test_long_exception(observed: Observed) -> None:
    """A line that had to be cut says so, and keeps type, message, cause and innermost frames."""
    _, trace_id = observed.get("/faults/long")
    (line,) = observed.errors(trace_id)
    assert len(json.dumps(line)) <= 16_384
    assert line["truncated"] is True
    told = line["exception"]
    assert told["type"] == "RuntimeError"
    assert told["message"].startswith("xxx")
    assert told["causes"] == ["LookupError: the cause"]
    assert told["stacktrace"].rstrip().endswith("xxx...")


def test_exception_group_names_its_members(observed: Observed) -> None:
    """Every member of the group stands in the stack."""
    _, trace_id = observed.get("/faults/group")
    (line,) = observed.errors(trace_id)
    assert "LookupError: the other one" in line["exception"]["stacktrace"]


def test_broken_stream(observed: Observed) -> None:
    """It is cut, so that no reader takes it for complete, and counted as an error."""
    with httpx.stream("GET", observed.service.url + "/faults/broken-stream") as response:
        trace_id = response.headers["traceresponse"].split("-")[1]
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()
    (line,) = observed.errors(trace_id)
    assert line["exception"]["type"] == "RuntimeError"
    (span,) = observed.spans(trace_id)
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert observed.count("/faults/broken-stream", "500") == 1


def test_background_task(observed: Observed) -> None:
    """The request was answered and counts as such; the failure is a span and a line after it."""
    response, trace_id = observed.get("/faults/broken-background")
    assert response.json() == "done"
    (line,) = observed.errors(trace_id)
    spans = wait_for(lambda: len(found := observed.spans(trace_id)) == 2 and found)
    failed = {span.name for span in spans if span.status.code == Status.STATUS_CODE_ERROR}
    assert failed == {"background task"}
    assert line["span_id"] in {span.span_id.hex() for span in spans if span.name in failed}
    assert observed.count("/faults/broken-background", "200") == 1
    assert observed.count("/faults/broken-background", "500") == 0


def test_websocket(observed: Observed) -> None:
    """The connection is closed with 1011 or cut; one line, one span."""
    address = observed.service.url.removeprefix("http://")
    connection = http.client.HTTPConnection(address)
    connection.request("GET", "/faults/socket", headers={
        "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    })  # fmt: skip
    assert connection.getresponse().status == 101
    (line,) = wait_for(
        lambda: [n for n in observed.service.lines() if n["event"].endswith("in websocket")]
    )
    connection.close()
    (span,) = observed.spans(line["trace_id"])
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert metric(
        observed.service, "websocket_server_connection_duration_seconds_count",
        http_route="/faults/socket", error_type="500",
    ) == 1  # fmt: skip


def test_thread(observed: Observed) -> None:
    """A thread belongs to no request: its line has the stack."""
    assert observed.get("/faults/thread")[0].status_code == 200
    (line,) = [n for n in observed.service.lines() if n["event"] == "uncaught exception in thread"]
    assert line["level"] == "critical"
    assert "in fail" in line["exception"]["stacktrace"]


def test_log_calls(observed: Observed) -> None:
    """A broken call, odd values and warnings are a line each, in the trace of their request."""
    response, trace_id = observed.get("/faults/log")
    assert response.status_code == 200
    lines = observed.lines(trace_id)
    broken, odd, *warned, access = lines
    assert broken["log_error"].startswith("TypeError")
    assert (odd["nan"], odd["data"]) == ("nan", "\\xff\x00")
    assert odd["text"] == "\x1b[31mred\x00\u2028\n"
    assert [line["logger"] for line in warned] == ["py.warnings"] * len(warned)
    assert any("[redacted]" in line["event"] for line in warned)
    assert access["event"] == "request"


def test_client_that_leaves(observed: Observed) -> None:
    """It is counted as 499 once, with its span and its line, and is no error."""
    path = "/faults/stream"
    with httpx.stream("GET", observed.service.url + path) as response:
        trace_id = response.headers["traceresponse"].split("-")[1]
        next(response.iter_raw())
    (line,) = observed.lines(trace_id)
    assert line["level"] == "info"
    (span,) = observed.spans(trace_id)
    assert span.status.code != Status.STATUS_CODE_ERROR
    assert observed.count(path, "499") == 1


def test_client_errors(observed: Observed) -> None:
    """A wrong parameter, path or method is the caller's fault: no ERROR line and no ERROR span."""
    for path, status in (("/faults/slow?seconds=x", 422), ("/nowhere", 404)):
        response, trace_id = observed.get(path)
        assert response.status_code == status
        assert [line["level"] for line in observed.lines(trace_id)] == ["info"]
        (span,) = observed.spans(trace_id)
        assert span.status.code != Status.STATUS_CODE_ERROR


def test_half_a_request(observed: Observed) -> None:
    """A client that leaves in the middle of its body is 499 in metric, span and line."""
    host, port = observed.service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        head = b"POST /faults/upload HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n"
        client.sendall(head + b"abc")
        time.sleep(0.2)

    def its_line() -> list[dict[str, Any]]:
        lines = observed.service.lines()
        return [line for line in lines if line.get("url.path") == "/faults/upload"]

    (line,) = wait_for(its_line)
    assert (line["level"], line["http.response.status_code"]) == ("info", 499)
    (span,) = observed.spans(line["trace_id"])
    assert span.status.code != Status.STATUS_CODE_ERROR


def test_exception_in_start_up(render: Any, tmp_path: Path) -> None:
    """An import that fails ends the process with one line and an exit status."""
    folder = render()
    main = folder / "app/main.py"
    main.write_text(main.read_text().replace("    app = FastAPI(", "    1 / 0\n    app = FastAPI("))
    service = Service([sys.executable, "-m", "app"], folder, dict(os.environ), 1, tmp_path / "out")
    assert service.process.wait(20) != 0
    (line,) = service.lines()
    assert line["exception"]["type"] == "ZeroDivisionError"
