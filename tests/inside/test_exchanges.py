"""What a request leaves behind when it streams, breaks, goes on in the background or is left."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from fastapi import BackgroundTasks, FastAPI, Request, WebSocket
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Scope

from app.observability import get_logger
from app.observability.testing import LogLine, Metric

COUNT = "http_server_request_duration_seconds_count"
SUM = "http_server_request_duration_seconds_sum"


def labels(route: str, status: str, error: str = "") -> dict[str, str]:
    """The labels of a GET request's series."""
    return {
        "http_request_method": "GET",
        "http_route": route,
        "http_response_status_code": status,
        "error_type": error,
    }


@pytest.fixture(autouse=True)
def routes(app: FastAPI) -> None:
    """Routes whose responses end in every way."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"first"
        raise OSError("disk gone")

    async def ticks() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        await asyncio.sleep(0.3)
        yield b"data: 2\n\n"

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    @app.get("/stream/broken")
    async def stream_broken() -> StreamingResponse:
        return StreamingResponse(broken())

    @app.get("/stream/events")
    async def stream_events() -> StreamingResponse:
        return StreamingResponse(ticks(), media_type="text/event-stream")

    @app.get("/stream/endless")
    async def stream_endless() -> StreamingResponse:
        return StreamingResponse(endless())

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> str:
        async def fail() -> None:
            await asyncio.sleep(0.3)
            raise LookupError("after the response")

        tasks.add_task(fail)
        return "done"

    @app.get("/sync-fails")
    def sync_fails() -> None:
        raise ZeroDivisionError

    failure = LookupError("one object")

    @app.get("/same-error")
    async def same_error() -> None:
        raise failure

    @app.get("/logged-and-raised")
    async def logged_and_raised() -> None:
        try:
            raise LookupError("told already")
        except LookupError:
            get_logger("test").exception("lookup failed")
            raise

    @app.get("/refuses")
    async def refuses() -> None:
        raise Refusing

    @app.post("/upload")
    async def upload(data: dict[str, str]) -> None:
        """Nothing is done with it."""

    @app.post("/upload/raw")
    async def upload_raw(request: Request) -> None:
        await request.body()

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        raise ValueError(await socket.receive_text())

    @app.websocket("/socket/group")
    async def socket_group(socket: WebSocket) -> None:
        await socket.accept()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(socket.receive_text())


class Refusing(Exception):
    """An exception that takes no attribute and has no text."""

    def __setattr__(self, *_: object) -> None:
        raise AttributeError

    def __str__(self) -> str:
        raise RuntimeError


def scope(method: str, path: str) -> Scope:
    """The ASGI scope of a request without a server."""
    return {
        "type": "http", "method": method, "path": path, "query_string": b"", "scheme": "http",
        "headers": [(b"content-type", b"application/json")], "server": None, "client": None,
        "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip


def errors(lines: list[LogLine]) -> list[LogLine]:
    """The lines with a stack."""
    return [line for line in lines if "exception" in line]


def test_broken_stream(
    client: TestClient, log_lines: list[LogLine], spans: InMemorySpanExporter, metric: Metric
) -> None:
    """A stream that breaks counts as 500; span and line keep the status that was sent."""
    client.get("/stream/broken")
    (span,) = spans.get_finished_spans()
    (error,) = errors(log_lines)
    (access,) = [line for line in log_lines if line["event"] == "request"]
    assert metric(COUNT, **labels("/stream/broken", "500", "500")) == 1.0
    assert StatusCode.ERROR is span.status.status_code
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 200
    assert (access["http.response.status_code"], access["error.type"]) == (200, "OSError")
    assert error["trace_id"] == access["trace_id"]


def test_event_stream_is_timed_to_its_first_byte(client: TestClient, metric: Metric) -> None:
    """A stream of events stays open by design: only its first byte is latency."""
    client.get("/stream/events")
    assert metric(COUNT, **labels("/stream/events", "200")) == 1.0
    assert (metric(SUM, **labels("/stream/events", "200")) or 1) < 0.2


def test_failure_in_the_background(
    client: TestClient, log_lines: list[LogLine], spans: InMemorySpanExporter, metric: Metric
) -> None:
    """Background work is no latency; its failure has the request's trace."""
    assert client.get("/background").json() == "done"
    (error,) = errors(log_lines)
    server, background = spans.get_finished_spans()
    assert server.context is not None
    assert f"{server.context.trace_id:032x}" == error["trace_id"]
    assert [span.status.status_code for span in (server, background)] == [
        StatusCode.UNSET,
        StatusCode.ERROR,
    ]
    assert metric(COUNT, **labels("/background", "200")) == 1.0
    assert (metric(SUM, **labels("/background", "200")) or 1) < 0.2


def test_failure_in_a_sync_route(
    client: TestClient, log_lines: list[LogLine], metric: Metric
) -> None:
    """A route that runs in a thread fails as any other."""
    assert client.get("/sync-fails").status_code == 500
    assert [line["exception"]["type"] for line in errors(log_lines)] == ["ZeroDivisionError"]
    assert metric(COUNT, **labels("/sync-fails", "500", "500")) == 1.0


def test_each_request_has_its_error_line(client: TestClient, log_lines: list[LogLine]) -> None:
    """Two requests that fail with the same exception object have a line each."""
    client.get("/same-error")
    client.get("/same-error")
    first, second = errors(log_lines)
    assert first["trace_id"] != second["trace_id"]


def test_error_that_was_logged(client: TestClient, log_lines: list[LogLine]) -> None:
    """An exception that a route logs and raises again has the route's line and no second one."""
    client.get("/logged-and-raised")
    assert [line["event"] for line in errors(log_lines)] == ["lookup failed"]


def test_error_that_refuses(
    client: TestClient, log_lines: list[LogLine], spans: InMemorySpanExporter, metric: Metric
) -> None:
    """An exception of the oddest kind loses neither line, span nor metric."""
    assert client.get("/refuses").status_code == 500
    assert len(errors(log_lines)) == len(spans.get_finished_spans()) == 1
    assert metric(COUNT, **labels("/refuses", "500", "500")) == 1.0
    assert metric("http_server_active_requests") == 0.0


def test_failure_in_a_websocket(
    client: TestClient, log_lines: list[LogLine], spans: InMemorySpanExporter, metric: Metric
) -> None:
    """A WebSocket that fails has its line, its span and its own metric."""

    def talk() -> None:
        with client.websocket_connect("/socket") as socket:
            socket.send_text("sent")
            socket.receive_text()

    with pytest.raises(ValueError, match="sent"):
        talk()
    (error,) = errors(log_lines)
    (span,) = spans.get_finished_spans()
    assert "trace_id" in error
    assert (span.name, span.status.status_code) == ("WEBSOCKET /socket", StatusCode.ERROR)
    name = "websocket_server_connection_duration_seconds_count"
    assert metric(name, http_route="/socket", error_type="500") == 1.0


def test_client_that_leaves_a_websocket(
    client: TestClient, log_lines: list[LogLine], spans: InMemorySpanExporter
) -> None:
    """It is no error, also when the handler hears of it inside a group."""
    with contextlib.suppress(BaseExceptionGroup), client.websocket_connect("/socket/group"):
        pass
    assert errors(log_lines) == []
    assert [span.status.status_code for span in spans.get_finished_spans()] == [StatusCode.UNSET]


@pytest.mark.parametrize("path", ["/upload", "/upload/raw"])
def test_client_that_leaves_while_it_sends(
    app: FastAPI, client: TestClient, log_lines: list[LogLine], metric: Metric, path: str
) -> None:
    """A client that disconnects in the middle of its body is no error and no bad request."""
    parts: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return parts.pop(0)

    async def send(_: Message) -> None:
        """Nobody listens."""

    with contextlib.suppress(ClientDisconnect):
        asyncio.run(app(scope("POST", path), receive, send))
    left = {**labels(path, "499"), "http_request_method": "POST"}
    assert metric(COUNT, **left) == 1.0
    assert errors(log_lines) == []
    assert metric("http_server_active_requests") == 0.0


def test_client_that_leaves(
    app: FastAPI, client: TestClient, log_lines: list[LogLine], metric: Metric
) -> None:
    """A client that disconnects counts as 499 and is no error."""
    left = asyncio.Event()

    async def receive() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            left.set()

    asyncio.run(app(scope("GET", "/stream/endless"), receive, send))
    assert metric(COUNT, **labels("/stream/endless", "499")) == 1.0
    assert errors(log_lines) == []
    assert metric("http_server_active_requests") == 0.0
