"""The process that serves a variant in memory: requests go straight into the ASGI application.

Started as `python -m benchmarks.worker MODULE FD`. Each line on stdin is a command: `run COUNT`
with or without `traceparent`, or `metrics`. Each answer is one JSON line on the descriptor FD:
the CPU seconds of the requests, or the text of /metrics.
"""

import asyncio
import gc
import importlib
import json
import os
import sys
import time
from typing import Any, Final

from opentelemetry import trace
from starlette.types import ASGIApp, Message, Scope

_HEADERS: Final = (
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", b"benchmark"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"connection", b"keep-alive"),
)


def main() -> None:
    """Serve commands until stdin ends."""
    app = importlib.import_module(sys.argv[1]).create_app()
    answers = os.fdopen(int(sys.argv[2]), "w")
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_start(app))
    for line in sys.stdin:
        match line.split():
            case ["metrics"]:
                answer: Any = loop.run_until_complete(_get(app, "/metrics", ())).decode()
            case ["run", count, *traceparent]:
                answer = loop.run_until_complete(_run(app, int(count), bool(traceparent)))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


async def _run(app: ASGIApp, count: int, traceparent: bool) -> float:
    """Return the CPU seconds of `count` requests, all threads and the export included."""
    gc.collect()
    start = time.process_time()
    for _ in range(count):
        await _get(app, "/v1/items/42", (_traceparent(),) if traceparent else ())
    _flush()
    return time.process_time() - start


def _flush() -> None:
    force_flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if force_flush is not None:
        force_flush()


def _traceparent() -> tuple[bytes, bytes]:
    ids = os.urandom(24).hex()
    return b"traceparent", f"00-{ids[:32]}-{ids[32:]}-01".encode()


async def _get(app: ASGIApp, path: str, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Return the body of a GET; raises RuntimeError for any status but 200."""
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "root_path": "",
        "headers": [*_HEADERS, *headers],
        "state": {},
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
    }
    asked, body = False, b""

    async def receive() -> Message:
        nonlocal asked
        if asked:  # a client that stays
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal body
        if message["type"] == "http.response.body":
            body += message.get("body", b"")
        elif message["status"] != 200:
            raise RuntimeError(f"{path} answered {message['status']}")

    await app(scope, receive, send)
    return body


async def _start(app: ASGIApp) -> None:
    """Take the application through its start-up; it stays in its lifespan."""
    begin, started = asyncio.Queue[Message](), asyncio.Event()
    begin.put_nowait({"type": "lifespan.startup"})

    async def send(message: Message) -> None:
        if message["type"] != "lifespan.startup.complete":
            raise RuntimeError(f"start-up: {message}")
        started.set()

    scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    _running.append(asyncio.ensure_future(app(scope, begin.get, send)))
    await started.wait()


_running: list["asyncio.Future[None]"] = []  # the event loop itself keeps only weak references


if __name__ == "__main__":
    main()
