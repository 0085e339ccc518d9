"""An OTLP/HTTP receiver as a process of its own, which counts the spans that it gets.

`POST /NAME/v1/traces` takes spans, so each sender has its own NAME; `GET /NAME` says how many
have come. Its CPU time is nobody's: it is the collector's.
"""

import gzip
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

_ANSWER: Final = ExportTraceServiceResponse().SerializeToString()
_TRACES: Final = "/v1/traces"


@dataclass(frozen=True)
class Receiver:
    """A running receiver, seen from outside."""

    url: str

    def endpoint(self, name: str) -> str:
        """Return the value of OTEL_EXPORTER_OTLP_ENDPOINT for the sender of that name."""
        return f"{self.url}/{name}"

    def spans(self, name: str) -> int:
        """Return how many spans that sender has delivered."""
        with urllib.request.urlopen(self.endpoint(name), timeout=10) as answer:  # noqa: S310
            return int(answer.read())


@contextmanager
def running() -> Iterator[Receiver]:
    """Start the receiver on a free port of this machine, and end it."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.receiver"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101  # it is a pipe
            yield Receiver(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()


def serve() -> None:
    """Print the port and receive until the process is killed."""
    counts: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer(str(counts[self.path.strip("/")]).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            sender = self.path.removesuffix(_TRACES).strip("/")
            counts[sender] += sum(
                len(scope.spans) for group in request.resource_spans for scope in group.scope_spans
            )
            self._answer(_ANSWER)

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    serve()
