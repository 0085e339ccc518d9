"""The operational baseline of this service. Managed by the template; independent of its routes."""

import json
import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app.identity import IDENTITY
from app.observability import Http, get_logger
from app.observability.testing import LogLine, Metric, Upstream

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
COUNT = "http_server_request_duration_seconds_count"


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
    """Routes that behave and misbehave, beside the service's own."""

    @app.get("/test/items/{item}")
    async def item(item: str) -> str:
        get_logger("test").info("item read", password="hunter2", nested={"api_key": "k"})
        return item

    @app.get("/test/fails")
    async def fails() -> None:
        raise ValueError("secret text")

    @app.get("/test/forbidden")
    async def forbidden() -> None:
        raise HTTPException(403)

    @app.get("/test/calls")
    async def calls(http: Http) -> Any:
        return (await http.get("http://other.example/thing")).json()


def test_healthz_answers_while_starting(app: FastAPI) -> None:
    """Liveness needs nothing but the process; readiness needs a finished start."""
    starting = TestClient(app)
    assert starting.get("/healthz").status_code == 200
    assert starting.get("/ready").status_code == 503


def test_ready_names_failing_checks_only(app: FastAPI, client: TestClient) -> None:
    """/ready is 503 with the names of failing checks, and leaks no internals."""

    async def database() -> None:
        raise ConnectionError("postgres://user:password@db")

    app.state.observability.readiness.add("database", database)
    response = client.get("/ready")
    assert response.status_code == 503
    assert "database" in response.json()["failing"]
    assert "postgres" not in response.text


def test_metrics_in_both_formats(client: TestClient) -> None:
    """/metrics answers in the format that is asked for, whatever else the header says."""
    plain = client.get("/metrics", headers={"accept": "text/plain; version=x.y"})
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    openmetrics = client.get("/metrics", headers={"accept": "application/openmetrics-text"})
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")


def test_log_lines_carry_identity_and_trace(client: TestClient, log_lines: list[LogLine]) -> None:
    """Each line of a request names the service, its version, its environment and the trace."""
    client.get("/test/items/1", headers={"traceparent": TRACEPARENT})
    lines = [line for line in log_lines if line.get("trace_id") == TRACE_ID]
    assert [line["event"] for line in lines] == ["item read", "request"]
    for line in lines:
        assert re.fullmatch("[0-9a-f]{16}", line["span_id"])
        assert {"service", "version", "environment", "timestamp", "level", "logger"} <= line.keys()


def test_secrets_are_redacted(client: TestClient, log_lines: list[LogLine]) -> None:
    """Keys that look like secrets never reach the log, nested or not, nor do query strings."""
    client.get("/test/items/1?token=xyzzy")
    assert not re.search('hunter2|xyzzy|"k"', json.dumps(log_lines))


def test_one_server_span_continues_the_trace(
    client: TestClient, spans: InMemorySpanExporter
) -> None:
    """A request is one SERVER span named by its route, child of the caller's."""
    response = client.get(
        "/test/items/1", headers={"traceparent": TRACEPARENT, "tracestate": "vendor=1"}
    )
    (span,) = spans.get_finished_spans()
    assert span.context is not None
    assert span.parent is not None
    assert (span.name, span.kind) == ("GET /test/items/{item}", SpanKind.SERVER)
    assert f"{span.context.trace_id:032x}" == TRACE_ID
    assert f"{span.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert span.context.trace_state.to_header() == "vendor=1"
    assert response.headers["traceresponse"].startswith(f"00-{TRACE_ID}-")


def test_unhandled_error_is_seen_once(
    client: TestClient, log_lines: list[LogLine], spans: InMemorySpanExporter, metric: Metric
) -> None:
    """An exception is one error line, one ERROR span and one counted 500; callers get an id."""
    response = client.get("/test/fails")
    (line,) = [line for line in log_lines if line["level"] == "error"]
    (span,) = spans.get_finished_spans()
    assert (
        line["exception"]["type"],
        line["exception"]["message"],
    ) == ("ValueError", "secret text")
    assert StatusCode.ERROR is span.status.status_code
    assert metric(COUNT, **labels("/test/fails", "500", "500")) == 1.0
    assert response.headers["content-type"] == "application/problem+json"
    assert line["trace_id"] == response.json()["trace_id"]
    assert "secret text" not in response.text


def test_client_errors_are_no_errors(
    client: TestClient, log_lines: list[LogLine], spans: InMemorySpanExporter, metric: Metric
) -> None:
    """A 4xx is counted, but is an error nowhere."""
    client.get("/test/forbidden")
    assert StatusCode.UNSET is spans.get_finished_spans()[0].status.status_code
    assert metric(COUNT, **labels("/test/forbidden", "403")) == 1.0
    assert [line["level"] for line in log_lines if line["event"] == "request"] == ["info"]


def test_error_series_exist_before_the_first_error(client: TestClient, metric: Metric) -> None:
    """A counter that is born inside a burst is invisible to rate()."""
    for status in ("500", "503"):
        assert metric(COUNT, **labels("/test/items/{item}", status, status)) == 0.0


def test_unknown_paths_share_one_series(client: TestClient, metric: Metric) -> None:
    """What a client invents makes no new series."""
    for path in ("/invented/1", "/invented/2"):
        client.get(path)
    assert metric(COUNT, **labels("", "404")) == 2.0


def test_probes_leave_no_trace(
    client: TestClient, log_lines: list[LogLine], spans: InMemorySpanExporter, metric: Metric
) -> None:
    """Probes and scrapes make no span, no access line and no request metric."""
    for path in ("/healthz", "/ready", "/metrics"):
        client.get(path)
        assert metric(COUNT, **labels(path, "200")) is None
    assert spans.get_finished_spans() == ()
    assert not [line for line in log_lines if line["event"] == "request" and "trace_id" in line]


def test_outbound_calls_carry_the_trace(
    client: TestClient, upstream: Upstream, spans: InMemorySpanExporter, metric: Metric
) -> None:
    """A call to another service has a CLIENT span, whose ids it carries, and a metric."""
    upstream.answer = lambda _: httpx.Response(200, json={"from": "other"})
    response = client.get(
        "/test/calls", headers={"traceparent": TRACEPARENT, "tracestate": "vendor=1"}
    )
    assert response.json() == {"from": "other"}
    call, server = spans.get_finished_spans()
    assert (call.kind, server.kind) == (SpanKind.CLIENT, SpanKind.SERVER)
    assert call.context is not None
    # A readiness check may call others too.
    (sent,) = [one.headers for one in upstream.requests if one.url.host == "other.example"]
    assert f"00-{TRACE_ID}-{call.context.span_id:016x}-01" == sent["traceparent"]
    assert sent["tracestate"] == "vendor=1"
    assert (
        metric(
            "http_client_request_duration_seconds_count",
            http_request_method="GET",
            server_address="other.example",
            http_response_status_code="200",
            error_type="",
        )
        == 1.0
    )


def test_metrics_name_version_and_objective(client: TestClient, metric: Metric) -> None:
    """The running version, the template's version and the objective can be read from /metrics."""
    info = {"service_version": "0.0.0-dev", "template_version": IDENTITY["template_version"]}
    objective = float(str(IDENTITY["availability_objective_percent"])) / 100
    assert metric("target_info", **info) == 1.0
    assert pytest.approx(objective) == metric("service_availability_objective_ratio")
    assert metric("service_ready", check="lifecycle") == 1.0
