"""pytest fixtures that show what a service emits: spans, log lines, metrics, outbound calls.

Load them with `pytest_plugins = ["app.observability.testing"]` in tests/conftest.py, beside a
fixture `app` that returns the application under test.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from . import output

LogLine = dict[str, Any]
Metric = Callable[..., float | None]
Answer = Callable[[httpx.Request], httpx.Response]

# W3C Trace Context 3.2: version 00, ids that are not all zero
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> list[LogLine]:
    """Every log line from here on, parsed; a line that is not JSON fails the test."""
    lines: list[LogLine] = []
    monkeypatch.setattr(output, "write", lambda line: lines.append(json.loads(line)))
    return lines


@pytest.fixture
def spans(app: FastAPI) -> InMemorySpanExporter:
    """Ended spans: `spans.get_finished_spans()`."""
    exporter = InMemorySpanExporter()
    app.state.observability.tracing.provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture
def metric(app: FastAPI) -> Metric:
    """A reader of one series: `metric("http_server_active_requests", label="value")`.

    It returns None for a series that does not exist.
    """

    def read(name: str, **labels: str) -> float | None:
        registry = app.state.observability.metrics.registry
        value: float | None = registry.get_sample_value(name, labels)
        return value

    return read


@pytest.fixture
def client(app: FastAPI, log_lines: list[LogLine]) -> Iterator[TestClient]:
    """A client of the started service; an unhandled exception is its 500, as for any caller."""
    with TestClient(app, raise_server_exceptions=False) as started:
        yield started


class Upstream:
    """The other services: answers each outbound call and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answer: Answer = lambda _: httpx.Response(200, json={})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, with a body that is read from a stream as from a socket."""
        self.requests.append(request)
        made = self.answer(request)
        body = httpx.ByteStream(made.content)
        return httpx.Response(made.status_code, headers=made.headers, stream=body)


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """Catch every call that httpx sends out, by whatever client.

    Set `upstream.answer` to a function from httpx.Request to httpx.Response. The test fails when
    one of the calls carried no valid traceparent.
    """
    others = Upstream()

    async def handle_async(_: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return others(request)

    def handle(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        request.read()
        return others(request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle_async)
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    yield others
    for request in others.requests:
        sent = request.headers.get_list("traceparent")
        assert [bool(_TRACEPARENT.fullmatch(value)) for value in sent] == [True], (
            f"{request.method} {request.url} went out without a valid traceparent: "
            "call other services with app.observability.Http"
        )
