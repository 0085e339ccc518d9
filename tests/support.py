"""A service as a process, and a collector inside the test."""

import gzip
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from baseline import local

ROOT = Path(__file__).parent.parent
CONTRACT: dict[str, Any] = yaml.safe_load((ROOT / "src/baseline/contract.yaml").read_text())


# A thousand for each of twelve workers, none of which the kernel gives to a socket by itself: so
# no other test takes a port between its choice and its use. Two runs begin at different ones.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 12
_ports = (20_000 + 1_000 * _worker + (os.getpid() + n) % 1_000 for n in range(1_000))


def free_port() -> int:
    """Return a port of this machine that nobody uses; no test gets it again."""
    for port in _ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise OSError("every port of this worker's range was given out")


def wait_for(what: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Return the first true answer of `what`; raises TimeoutError after `seconds`."""
    end = time.monotonic() + seconds
    while not (answer := what()):
        if time.monotonic() > end:
            raise TimeoutError(f"nothing within {seconds} s")
        time.sleep(0.02)
    return answer


class Service:
    """A running service, its address and what it printed (stdout and stderr together)."""

    def __init__(
        self, command: list[str], folder: Path, environment: dict[str, str], port: int, out: Path
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._out = out
        with out.open("wb") as stdout:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=stdout, stderr=subprocess.STDOUT
            )

    def ready(self) -> Self:
        """Wait until the service answers; a machine that is busy takes its time to start one."""

        def answers() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended: {self._said()}")
            return local.answers(self.url + "/healthz")

        try:
            wait_for(answers, 60)
        except TimeoutError:
            raise TimeoutError(f"no answer within 60 s: {self._said()}") from None
        return self

    def stop(self) -> int:
        """Send SIGTERM, wait and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        """End the process whatever it does."""
        self.process.kill()
        self.process.wait()

    def _said(self) -> str:
        """Return what was printed, if that is kept: a pipe is for its reader."""
        return self._out.read_text() if self._out.is_file() else "(its stdout is no file)"

    def lines(self) -> list[dict[str, Any]]:
        """Return everything printed so far, parsed; raises ValueError when a line is not JSON."""
        return [json.loads(line) for line in self._out.read_text().splitlines()]


@dataclass
class Collector:
    """An OTLP/HTTP receiver on a free port."""

    spans: list[tuple[str, Span]] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path == "/v1/logs":
                    collector.take_logs(ExportLogsServiceRequest.FromString(body))
                else:
                    collector.take(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Keep the spans of one request, each with its service's name."""
        for group in request.resource_spans:
            resource = {item.key: item.value.string_value for item in group.resource.attributes}
            self.resources.append(resource)
            for scope in group.scope_spans:
                self.spans.extend((resource["service.name"], span) for span in scope.spans)

    def take_logs(self, request: ExportLogsServiceRequest) -> None:
        """Keep the log records of one request."""
        for group in request.resource_logs:
            for scope in group.scope_logs:
                self.logs.extend(scope.log_records)

    @property
    def variables(self) -> dict[str, str]:
        """The environment that makes a service export here, without delay."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
