"""Route labels are templates, for routers in routers and for mounts, and stay bounded."""

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router

from app.observability.testing import Metric


@pytest.fixture(autouse=True)
def routes(app: FastAPI) -> None:
    """Nested routers, a mounted FastAPI application, a mount with a parameter, a mounted leaf."""

    async def thing(thing: str) -> str:
        return thing

    async def plain(_: Request) -> Response:
        return PlainTextResponse("plain")

    inner = APIRouter(prefix="/inner")
    inner.add_api_route("/{thing}", thing)
    outer = APIRouter(prefix="/outer")
    outer.include_router(inner)
    app.include_router(outer, prefix="/api")
    mounted = FastAPI()  # its own telemetry is on, as somebody else's application has it
    mounted.include_router(inner, prefix="/deep")
    app.mount("/mounted", mounted)
    area = Mount("/area", routes=[Route("/{thing}", plain)])
    app.mount("/tenants/{tenant}", Router([area]))
    app.mount("/leaf", PlainTextResponse("leaf"))


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/api/outer/inner/1", "/api/outer/inner/{thing}"),
        ("/mounted/deep/inner/1", "/mounted/deep/inner/{thing}"),
        ("/tenants/acme/area/1", "/tenants/{tenant}/area/{thing}"),
        ("/tenants/other/area/2", "/tenants/{tenant}/area/{thing}"),
        ("/leaf/anything", "/leaf"),
    ],
)
def test_label_and_span_name(
    client: TestClient, metric: Metric, spans: InMemorySpanExporter, path: str, template: str
) -> None:
    """The label is the whole template, and there is one SERVER span, named by it."""
    assert client.get(path).status_code == 200
    assert (
        metric(
            "http_server_request_duration_seconds_count",
            http_request_method="GET",
            http_route=template,
            http_response_status_code="200",
            error_type="",
        )
        == 1.0
    )
    servers = [s.name for s in spans.get_finished_spans() if s.kind is SpanKind.SERVER]
    assert [f"GET {template}"] == servers


@pytest.mark.parametrize(
    "template",
    ["/api/outer/inner/{thing}", "/mounted/deep/inner/{thing}", "/tenants/{tenant}/area/{thing}"],
)
def test_error_series_are_born_at_zero(client: TestClient, metric: Metric, template: str) -> None:
    """Nested and mounted routes have their 5xx series from the start."""
    assert (
        metric(
            "http_server_request_duration_seconds_count",
            http_request_method="GET",
            http_route=template,
            http_response_status_code="500",
            error_type="500",
        )
        == 0.0
    )
