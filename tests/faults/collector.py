"""A collector whose behaviour is switched while services export to it."""

import contextlib
import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Literal, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support import Collector, free_port


@dataclass(frozen=True)
class Behaviour:
    """What the collector does; without arguments it works."""

    port: Literal["open", "refused", "black-holed"] = "open"
    reply: Literal["answer", "none", "reset"] = "answer"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    """Time from a request to its answer."""
    every: int = 0
    """Work for this many requests, misbehave for as many, and so on; 0: always misbehave."""


WORKS: Final = Behaviour()

FAULTS: Final = {
    "refused": Behaviour(port="refused"),
    "black-holed": Behaviour(port="black-holed"),
    "silent": Behaviour(reply="none"),
    "slow": Behaviour(seconds=2.0),
    "503": Behaviour(status=503),
    "429": Behaviour(status=429, headers={"retry-after": "1"}),
    "400": Behaviour(status=400),
    "reset": Behaviour(reply="reset"),
    "flapping": Behaviour(status=503, every=3),
}


class FaultyCollector(Collector):
    """An OTLP/HTTP receiver on one port; `become` switches it, `spans` is what it accepted."""

    def __enter__(self) -> Self:
        self.requests = 0
        self.over = threading.Event()
        self.connections: set[socket.socket] = set()
        self._behaviour = WORKS
        self._fillers: list[socket.socket] = []
        self._bind(free_port())
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._drop_fillers()
        self._close()

    def become(self, behaviour: Behaviour) -> None:
        """Behave like this from now on; requests that hang go on hanging."""
        before = self._behaviour.port
        if "open" == before != behaviour.port:
            self._close()
            self._bind(self._server.server_port)
        self._behaviour = behaviour
        if before == behaviour.port:
            return
        if behaviour.port == "open":
            self._open()
        elif behaviour.port == "refused":
            self.disconnect()
        else:
            self._fill()

    def disconnect(self) -> None:
        """Close every connection, as the end of a process does."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def trace_ids(self) -> Counter[str]:
        """Return how often a span of each trace arrived."""
        return Counter(span.trace_id.hex() for _, span in list(self.spans))

    def behaviour(self) -> Behaviour:
        """Count a request and return how to treat it."""
        self.requests += 1
        if self._behaviour.port == "black-holed":
            return FAULTS["silent"]
        every = self._behaviour.every
        return WORKS if every and (self.requests - 1) // every % 2 == 0 else self._behaviour

    def _bind(self, port: int) -> None:
        """Take the port; connecting is refused until it is opened."""
        self._server = _Server(("127.0.0.1", port), _Handler, bind_and_activate=False)
        self._server.collector = self
        self._server.server_bind()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _open(self) -> None:
        self._server.server_activate()
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self._drop_fillers()

    def _fill(self) -> None:
        """Listen without accepting: the kernel drops what comes when the backlog is full."""
        self._server.socket.listen(0)
        for _ in range(4):
            self._fillers.append(filler := socket.socket())
            filler.setblocking(False)
            filler.connect_ex(self._server.server_address)

    def _drop_fillers(self) -> None:
        while self._fillers:
            self._fillers.pop().close()

    def _close(self) -> None:
        if self._behaviour.port == "open":
            self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    collector: FaultyCollector
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle(self) -> None:
        self.server.collector.connections.add(self.connection)
        with contextlib.suppress(OSError):
            super().handle()
        self.server.collector.connections.discard(self.connection)

    def handle_one_request(self) -> None:
        """Decide before the first byte is read."""
        if not self.connection.recv(1, socket.MSG_PEEK):
            self.close_connection = True
            return
        self.behaviour = self.server.collector.behaviour()
        if self.behaviour.reply == "none":
            self.server.collector.over.wait()
            self.close_connection = True
        elif self.behaviour.reply == "reset":
            # A socket that lingers for no time is closed by a reset.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            os.close(self.connection.detach())
            self.close_connection = True
        else:
            super().handle_one_request()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        time.sleep(self.behaviour.seconds)
        if self.behaviour.status == WORKS.status:
            self.server.collector.take(ExportTraceServiceRequest.FromString(body))
        self.send_response(self.behaviour.status)
        for name, value in {**self.behaviour.headers, "content-length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""
