"""One request through six services is one trace."""

from collections.abc import Callable
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from baseline import local
from tests.conftest import Render
from tests.support import Collector, Service, wait_for

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
FORWARD = """
import os
from fastapi import APIRouter
from app.observability import Http

router = APIRouter()

@router.get("/hop")
async def hop(http: Http) -> int:
    following = os.environ.get("NEXT")
    return 1 + (await http.get(following)).json() if following else 1
"""


def test_six_services_make_one_trace(
    render: Render, collector: Collector, start: Callable[..., Service]
) -> None:
    """Six services, six SERVER spans, five calls, one trace id, each span but the first a child."""
    following = ""
    services = []
    for name in ("f", "e", "d", "c", "b", "a"):
        folder: Path = render(service_name=name)
        (folder / "app/api/greetings.py").write_text(FORWARD)
        service = start(folder, NEXT=following, **collector.variables)
        services.append(service)
        following = service.url + "/hop"
    for service in services:
        service.ready()

    headers = {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01", "tracestate": "vendor=1"}
    assert local.get(following, headers=headers).json() == 6
    wait_for(lambda: len(collector.spans) >= 11)

    spans = [span for _, span in collector.spans]
    assert {TRACE_ID} == {span.trace_id.hex() for span in spans}
    assert {"vendor=1"} == {span.trace_state for span in spans}
    server = [name for name, span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert sorted(server) == ["a", "b", "c", "d", "e", "f"]
    known = {span.span_id for span in spans}
    orphans = [span.parent_span_id.hex() for span in spans if span.parent_span_id not in known]
    assert orphans == ["00f067aa0ba902b7"]
    for service in services:
        lines = [line for line in service.lines() if line["event"] == "request"]
        assert [line["trace_id"] for line in lines] == [TRACE_ID]
