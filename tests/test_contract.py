"""The contract and a running service name the same things, no more and no less."""

import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from websockets.sync.client import connect

from baseline import local
from tests.conftest import Render
from tests.support import CONTRACT, Collector, Service, free_port, wait_for

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"

# A service with routes that show every part of the contract.
ROUTES = """
from typing import Any
from fastapi import APIRouter, FastAPI, Request, WebSocket
from app.observability import Http, get_logger

router = APIRouter()

@router.get("/items/{item}")
async def item(item: str) -> str:
    get_logger("test").info("item read", note="x" * 40_000)
    return item

@router.get("/fails")
async def fails() -> None:
    raise ValueError("broken")

@router.get("/calls")
async def calls(http: Http, url: str) -> int:
    return (await http.get(url)).status_code

@router.websocket("/socket")
async def socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()
"""


@pytest.fixture(scope="module")
def observed(
    render: Render, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Collector, list[dict[str, Any]], str, str]]:
    """Spans, log lines and both forms of /metrics of a service after traffic of every kind."""
    folder = render(namespace="shop")
    (folder / "app/api/greetings.py").write_text(ROUTES)
    with Collector() as collector:
        port = free_port()
        environment = {**os.environ, **collector.variables, "PORT": str(port)}
        environment |= {"SHUTDOWN_DRAIN_SECONDS": "0", "ENVIRONMENT": "test"}
        out = tmp_path_factory.mktemp("out") / "out"
        service = Service([sys.executable, "-m", "app"], folder, environment, port, out)
        try:
            service.ready()
            with httpx.Client(base_url=service.url) as client:
                headers = {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"}
                client.get("/items/1?token=abc", headers=headers)
                client.get("/fails", headers=headers)
                client.get("/calls", params={"url": service.url + "/nowhere"}, headers=headers)
                client.request("PROPFIND", "/items/1")
                with connect(service.url.replace("http", "ws") + "/socket"):
                    pass
                wait_for(lambda: len(collector.spans) >= 6)
                texts = [
                    client.get("/metrics", headers={"accept": accept}).text
                    for accept in ("text/plain", "application/openmetrics-text")
                ]
            service.stop()
            yield collector, service.lines(), texts[0], texts[1]
        finally:
            service.kill()


def test_log_fields(observed: tuple[Any, list[dict[str, Any]], str, str]) -> None:
    """Each line has the fields of its kind, and the access line has no other."""
    fields, lines = CONTRACT["log_fields"], observed[1]
    always = set(fields["every_line"])
    for line in lines:
        assert always <= line.keys(), line
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() is not None
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])
        assert (line["service"], line["environment"]) == ("orders", "test")
        if "trace_id" in line:
            assert re.fullmatch(
                "[0-9a-f]{32} [0-9a-f]{16}", f"{line['trace_id']} {line['span_id']}"
            )
    access = [line for line in lines if line["event"] == "request"]
    assert len(access) == 5
    allowed = always | set(fields["in_a_span"]) | set(fields["access_line"])
    for line in access:
        failed = line["http.response.status_code"] >= 500
        assert allowed | (set(fields["access_line_of_an_error"]) if failed else set()) == set(line)
    (error,) = [line for line in lines if "exception" in line]
    assert set(CONTRACT["exception_fields"]) == set(error["exception"])
    assert error["trace_id"] == TRACE_ID
    (cut,) = [line for line in lines if line["event"] == "item read"]
    assert cut["truncated"] is True


def test_metrics(observed: tuple[Any, Any, str, str]) -> None:
    """Names, types, labels and bounds are those of the contract."""
    labels: dict[str, set[str]] = defaultdict(set)
    kinds: dict[str, str] = {}
    bounds: dict[str, list[float]] = defaultdict(list)
    for family in plain(observed[2]):
        name = family.name + ("_total" if family.type == "counter" else "")
        kinds[name] = family.type
        for sample in family.samples:
            labels[name] |= sample.labels.keys() - {"le"}
            bound = sample.labels.get("le", "+Inf")
            if bound != "+Inf" and float(bound) not in bounds[name]:
                bounds[name].append(float(bound))
    assert CONTRACT["metrics"].keys() == kinds.keys()
    for name, promised in CONTRACT["metrics"].items():
        assert promised["type"] == kinds[name], name
        assert set(promised["labels"]) == labels[name], name
        assert promised.get("bounds", []) == bounds[name], name
    assert not labels.keys() & set(CONTRACT["target_labels"])


def test_exemplars(observed: tuple[Any, Any, str, str]) -> None:
    """In OpenMetrics the histograms that promise exemplars have them, with both ids."""
    found = {
        family.name
        for family in openmetrics(observed[3])
        for sample in family.samples
        if sample.exemplar and {"trace_id", "span_id"} == sample.exemplar.labels.keys()
    }
    assert {name for name, m in CONTRACT["metrics"].items() if m.get("exemplars")} == found


def test_spans(observed: tuple[Collector, Any, str, str]) -> None:
    """Span and resource attributes are those of the contract, and requests make one span each."""
    spans, promised = [span for _, span in observed[0].spans], CONTRACT["span_attributes"]
    found: dict[str, set[str]] = defaultdict(set)
    for span in spans:
        found[kind(span)] |= {attribute.key for attribute in span.attributes}
    # the socket closed as it should
    assert {
        **{name: set(keys) for name, keys in promised.items()},
        "websocket": {"http.route", "url.path"},
    } == found
    for resource in observed[0].resources:
        assert set(CONTRACT["resource_attributes"]) == set(resource)
    names = sorted(span.name for span in spans if span.kind == Span.SPAN_KIND_SERVER)
    assert names == [
        "GET", "GET /calls", "GET /fails", "GET /items/{item}", "HTTP /items/{item}",
        "WEBSOCKET /socket",
    ]  # fmt: skip


def kind(span: Span) -> str:
    """Return the contract's word for a span's kind."""
    if span.name.startswith("WEBSOCKET"):
        return "websocket"
    return {Span.SPAN_KIND_SERVER: "server", Span.SPAN_KIND_CLIENT: "client"}[span.kind]


def test_names_in_the_service(service_folder: Path) -> None:
    """names.py and the contract list the same metrics, labels, endpoints and log fields."""
    source = (service_folder / "app/observability/names.py").read_text()
    literals = set(re.findall(r'"([^"\n]+)"', source.split('"""', 2)[2]))
    metrics = {name for name in CONTRACT["metrics"] if not name.startswith(("process_", "python_"))}
    labels = {label for m in metrics for label in CONTRACT["metrics"][m]["labels"]}
    attributes = {key for keys in CONTRACT["span_attributes"].values() for key in keys}
    fields = {field for group in CONTRACT["log_fields"].values() for field in group}
    methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"}
    others = {"request", "_OTHER"} | methods | set(CONTRACT["endpoints"])
    assert metrics | labels | attributes | fields | others == literals


def test_alerts(service_folder: Path) -> None:
    """The service ships exactly the alerts that the contract names."""
    rules = yaml.safe_load((service_folder / "alerts/rules.yml").read_text())
    found = [
        rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule
    ]
    assert CONTRACT["alerts"] == found


def test_nothing_but_json_from_start_to_exit(
    service_folder: Path, start: Callable[..., Service]
) -> None:
    """Also with warnings on, in development mode of Python, every byte printed is JSON."""
    service = start(service_folder, PYTHONWARNINGS="always", PYTHONDEVMODE="1").ready()
    local.get(service.url + "/greetings/Ada")
    assert service.stop() == 0
    assert {"service started", "request", "service stopped"} <= {
        line["event"] for line in service.lines()
    }
