"""Spans reach the collector as the official encoder would send them."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)

from app.observability import encode


def caller(remote: bool, state: str = "") -> SpanContext:
    """A parent's context."""
    members = TraceState.from_header([state])
    return SpanContext(2**127 + 1, 3, remote, TraceFlags(TraceFlags.SAMPLED), members)


PLAIN: list[dict[str, Any]] = [
    {},
    {"attributes": {"text": "a", "one": 1, "yes": True, "real": 1.0, "no": False, "zero": 0}},
    {"attributes": {"long": "x" * 5000, "empty": "", "unicode": "\u2028é\x00"}},
    {"attributes": {"negative": -1, "big": 2**62, "small": 1e-300}},
    *({"kind": kind} for kind in SpanKind),
    {"parent": caller(remote=True)},
    {"parent": caller(remote=False)},
]
UNUSUAL: list[dict[str, Any]] = [
    {"attributes": {"list": ["a", "b"], "bytes": b"\xff"}},
    {"attributes": {str(number): number for number in range(20)}},  # more than its limit
    {"parent": caller(remote=True, state="vendor=1")},
    {"attributes": {"huge": 2**64, "good": 1}},
    {"attributes": {"half": "\ud800"}},
    {"attributes": {"x" * 100: "a long key"}},
    {"attributes": {"zero": 0.0}},
    {"attributes": {"zero": -0.0}},
    {"links": [Link(caller(remote=True), {"a": 1})]},
    {"then": lambda span: span.set_status(Status(StatusCode.OK))},
    {"then": lambda span: span.set_status(Status(StatusCode.ERROR, "why"))},
    {"then": lambda span: span.add_event("exception", {"exception.type": "ValueError"})},
]


def ended(*kinds: dict[str, Any], scope: str = "app") -> list[ReadableSpan]:
    """Return ended spans of these kinds, from one provider."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=10))
    provider.add_span_processor(SimpleSpanProcessor(kept))
    for number, kind in enumerate(kinds):
        arguments = dict(kind)
        then: Callable[[Span], Any] = arguments.pop("then", lambda _: None)
        if parent := arguments.pop("parent", None):
            arguments["context"] = set_span_in_context(NonRecordingSpan(parent))
        span = provider.get_tracer(f"{scope}{number % 2}", "1").start_span("name", **arguments)
        then(span)
        span.end()
    return list(kept.get_finished_spans())


def in_order(message: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """Sort what may come in any order."""
    for resource in message.resource_spans:
        resource.scope_spans.sort(key=lambda scope: scope.scope.name)
        for scope in resource.scope_spans:
            scope.spans.sort(key=lambda span: span.span_id)
    message.resource_spans.sort(key=lambda resource: resource.SerializeToString())
    return message


@pytest.mark.parametrize(
    "batch",
    [
        *([span] for span in ended(*PLAIN, *UNUSUAL)),
        ended(*PLAIN),
        ended(*UNUSUAL),
        ended(*UNUSUAL, *PLAIN, *PLAIN, *UNUSUAL),
        [*ended(*PLAIN), *ended(*UNUSUAL, *PLAIN, scope="other")],
        [],
    ],
    ids=lambda batch: f"{len(batch)} spans",
)
def test_same_message(batch: list[ReadableSpan]) -> None:
    """Whatever the spans hold, in whatever mixture."""
    for _ in range(2):  # the second time with what was kept
        assert in_order(encode.encode(batch)) == in_order(encode_spans(batch))


def test_exceptions_of_the_sdk_have_no_secrets() -> None:
    """A span of a service's own records what ended it, in an event and in its status."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    error = ValueError("no route to postgres://ada:canary@db/orders, password=canary")
    with contextlib.suppress(ValueError), provider.get_tracer("app").start_as_current_span("query"):
        get_current_span().record_exception(error, {"password": "canary"})
        raise error
    spans = kept.get_finished_spans()
    assert "canary" in str(encode_spans(spans))
    for batch in (spans, [*ended({}), *spans]):
        sent = str(encode.encode(batch))
        assert "canary" not in sent
        assert sent.count("postgres://[redacted]@db/orders, password=[redacted]") >= 3


def test_types_are_kept_apart() -> None:
    """1, 1.0 and True are equal in Python and three types in OTLP."""
    values: list[str | None] = []
    for value in (1, True, 1.0):
        (span,) = ended({"attributes": {"value": value}})
        (resource,) = encode.encode([span]).resource_spans
        (attribute,) = resource.scope_spans[0].spans[0].attributes
        values.append(attribute.value.WhichOneof("value"))
    assert values == ["int_value", "bool_value", "double_value"]


@pytest.mark.parametrize("kind", [Http, Grpc])
def test_exporters_use_it(monkeypatch: pytest.MonkeyPatch, kind: type[SpanExporter]) -> None:
    """Both OTLP exporters; when one day they don't, this fails and the spans still arrive."""
    batches: list[list[ReadableSpan]] = []

    def seen(batch: list[ReadableSpan]) -> ExportTraceServiceRequest:
        batches.append(batch)
        return encode_spans(batch)

    monkeypatch.setattr(encode, "encode", seen)
    exporter = kind(endpoint="http://127.0.0.1:9", timeout=0.01)  # type: ignore[call-arg]
    encode.use(exporter)
    spans = ended({})
    exporter.export(spans)
    exporter.shutdown()
    assert batches == [spans]
