"""The shared client: trace context on every hop, time limits, bounded series, no secret kept."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app.main import create_app
from app.observability import Http
from app.observability.http import MAX_CONNECTIONS, HttpClient, TotalTimeout
from app.observability.testing import Metric, Upstream

COUNT = "http_client_request_duration_seconds_count"


@pytest.fixture(autouse=True)
def routes(app: FastAPI) -> None:
    """A route that calls out."""

    @app.get("/call")
    async def call(http: Http, url: str) -> int:
        return (await http.get(url, follow_redirects=True)).status_code


def test_redirects_carry_the_trace(
    client: TestClient, upstream: Upstream, spans: InMemorySpanExporter
) -> None:
    """Each hop of a redirect has a span of its own, under one SERVER span."""
    upstream.answer = lambda request: (
        httpx.Response(302, headers={"location": "http://second.example/"})
        if request.url.host == "first.example"
        else httpx.Response(200, json={})
    )
    assert client.get("/call", params={"url": "http://first.example/"}).json() == 200
    calls = [s for s in spans.get_finished_spans() if s.kind is SpanKind.CLIENT]
    sent = [request.headers["traceparent"].split("-")[2] for request in upstream.requests]
    assert [f"{s.context.span_id:016x}" for s in calls if s.context] == sent
    assert len(set(sent)) == 2


def test_url_secrets_are_not_kept(
    client: TestClient, upstream: Upstream, spans: InMemorySpanExporter
) -> None:
    """Neither the user part nor the query of a URL stands on the span."""
    client.get("/call", params={"url": "http://user:hunter2@first.example/path?token=hunter2"})
    assert len(upstream.requests) == 1
    text = " ".join(span.to_json() for span in spans.get_finished_spans())
    assert "http://first.example/path" in text
    assert "hunter2" not in text


def test_failed_call(
    client: TestClient, upstream: Upstream, spans: InMemorySpanExporter, metric: Metric
) -> None:
    """A call without a response is an ERROR span and a series without a status."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    upstream.answer = refuse
    assert client.get("/call", params={"url": "http://first.example/"}).status_code == 500
    (call,) = [s for s in spans.get_finished_spans() if s.kind is SpanKind.CLIENT]
    assert StatusCode.ERROR is call.status.status_code
    assert (
        metric(
            COUNT,
            http_request_method="GET",
            server_address="first.example",
            http_response_status_code="",
            error_type="ConnectError",
        )
        == 1.0
    )


def test_addresses_are_bounded(client: TestClient, upstream: Upstream, metric: Metric) -> None:
    """A service that calls any host makes at most a hundred series of addresses, and _OTHER."""
    for number in range(103):
        client.get("/call", params={"url": f"http://host{number}.example/"})
    assert len(upstream.requests) == 103
    assert (
        metric(
            COUNT,
            http_request_method="GET",
            server_address="_OTHER",
            http_response_status_code="200",
            error_type="",
        )
        == 3.0
    )


def test_total_limit() -> None:
    """A server that drips bytes cannot hold a call longer than the total limit."""

    class Drip(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b"x"
                await asyncio.sleep(0.02)

    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Drip()))

    async def call() -> None:
        async with HttpClient(transport, total_seconds=0.2) as client:
            await client.get("http://drip.example/")

    start = time.monotonic()
    with pytest.raises(TotalTimeout):
        asyncio.run(call())
    assert time.monotonic() - start < 2


def test_no_start_waits_for_what_calls_and_exports_need() -> None:
    """Creating the application loads neither a transport with its certificates nor an exporter."""
    program = "import sys; from app.main import create_app; create_app(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True, capture_output=True, text=True,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
    )  # fmt: skip
    loaded = set(done.stdout.split())
    assert "app.observability.http" in loaded
    assert not loaded & {"httpcore", "requests", "google.protobuf"}


class SlowTransport(httpx.MockTransport):
    """Stands in for httpx's own; it opens when it may."""

    made: list["SlowTransport"]
    may_open: threading.Event

    def __init__(self, limits: httpx.Limits) -> None:
        self.limits, self.thread, self.closed = limits, threading.current_thread(), False
        self.made.append(self)
        self.may_open.wait(30)
        super().__init__(lambda _: httpx.Response(204))

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> type[SlowTransport]:
    """The transport that the client opens."""
    monkeypatch.setattr(SlowTransport, "made", [], raising=False)
    monkeypatch.setattr(SlowTransport, "may_open", threading.Event(), raising=False)
    monkeypatch.setattr(httpx, "AsyncHTTPTransport", SlowTransport)
    return SlowTransport


def test_the_first_calls_open_one_transport(slow: type[SlowTransport]) -> None:
    """In a thread, so that the event loop goes on meanwhile; the client closes it."""

    async def calls() -> None:
        client = create_app().state.observability.http
        both = asyncio.gather(*(client.get("http://first.example/") for _ in range(2)))
        asyncio.get_running_loop().call_later(0.1, slow.may_open.set)
        assert [response.status_code for response in await both] == [204, 204]
        await client.aclose()

    asyncio.run(calls())
    (transport,) = slow.made
    assert transport.thread is not threading.main_thread()
    assert transport.limits.max_connections == MAX_CONNECTIONS
    assert transport.closed


def test_a_call_that_gives_up_leaves_the_transport_to_the_next(
    monkeypatch: pytest.MonkeyPatch, slow: type[SlowTransport]
) -> None:
    """Else a service with little CPU and short limits would open it for ever."""
    monkeypatch.setenv("HTTP_CLIENT_TIMEOUT_SECONDS", "1")

    async def calls() -> None:
        client = create_app().state.observability.http
        with pytest.raises(TotalTimeout):
            await client.get("http://first.example/")
        slow.may_open.set()
        assert (await client.get("http://first.example/")).status_code == 204
        await client.aclose()

    asyncio.run(calls())
    assert len(slow.made) == 1


def test_every_limit_is_set(app: FastAPI) -> None:
    """Connect, read, write and pool limits are explicit."""
    limits = app.state.observability.http.timeout
    assert None not in (limits.connect, limits.read, limits.write, limits.pool)
