"""The protobuf form of spans, with what most of them have in common built once.

The official encoder builds every attribute of every span anew, which is a third of what a request
costs. It still encodes whatever is unusual: events, links, trace state, lists. An exception that
ends a span of the service's own is redacted here: the SDK records it without asking.
"""

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags, Status
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from . import lines

LONGEST_KEPT: Final = 64  # characters of a key or value that may come again

_FIELDS: Final = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
_KINDS: Final = {kind: kind.value + 1 for kind in SpanKind}  # OTLP's 0 is unspecified
_UNSET: Final = Status()
_LOCAL: Final = int(SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
_REMOTE: Final = _LOCAL | int(SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)


def use(exporter: SpanExporter) -> None:
    """Let an OTLP exporter encode by this module.

    There is no argument for that, so the name is replaced in the exporter's module. An exporter
    that has no such name keeps its own encoder.
    """
    module = sys.modules[type(exporter).__module__]
    if hasattr(module, encode_spans.__name__):
        setattr(module, encode_spans.__name__, encode)


def encode(batch: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
    """Return the message of the official encoder, except for the order of spans.

    Where the SDK itself has put an exception, in an event and the status, secrets are replaced.
    """
    usual: list[tuple[ReadableSpan, bytes]] = []
    others: list[ReadableSpan] = []
    for span in batch:
        attributes = _attributes(span)
        if attributes is None or (usual and not _have_one_origin(span, usual[0][0])):
            others.append(span)
        else:
            usual.append((span, attributes))
    if not usual:
        return _redacted(encode_spans(others))
    message = _redacted(encode_spans([usual[0][0], *others]))
    spans = message.resource_spans[0].scope_spans[0].spans
    del spans[0]  # it was there for its resource and scope
    for span, attributes in usual:
        context, parent = span.context, span.parent
        assert context is not None  # noqa: S101  # `_attributes` has looked
        spans.add(
            trace_id=context.trace_id.to_bytes(16),
            span_id=context.span_id.to_bytes(8),
            parent_span_id=parent.span_id.to_bytes(8) if parent else b"",
            name=span.name,
            kind=_KINDS[span.kind],
            start_time_unix_nano=span.start_time,
            end_time_unix_nano=span.end_time,
            status=_UNSET,
            flags=_REMOTE if parent and parent.is_remote else _LOCAL,
        ).MergeFromString(attributes)
    return message


def _redacted(message: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    scopes = (scope for origin in message.resource_spans for scope in origin.scope_spans)
    for span in (span for scope in scopes for span in scope.spans):
        if span.status.message:
            span.status.message = lines.clean(span.status.message)
        for event in span.events:
            if event.name == "exception":
                for attribute in event.attributes:
                    if text := attribute.value.string_value:
                        cleaned = lines.clean({attribute.key: text})
                        (attribute.value.string_value,) = cleaned.values()
    return message


def _have_one_origin(one: ReadableSpan, other: ReadableSpan) -> bool:
    scope = one.instrumentation_scope
    return one.resource is other.resource and (
        scope is other.instrumentation_scope or scope == other.instrumentation_scope
    )


def _attributes(span: ReadableSpan) -> bytes | None:
    """Return a span's attributes in wire format, or None when the span is unusual."""
    context = span.context
    if context is None or context.trace_state:
        return None
    if span.dropped_attributes or span.dropped_events or span.dropped_links:
        return None
    if span.status.status_code is not StatusCode.UNSET or span.events or span.links:
        return None
    attributes: dict[str, Any] = dict(span.attributes or {})
    parts = []
    for key, value in attributes.items():
        kind = type(value)
        if kind not in _FIELDS:
            return None
        # Zeros of both signs are equal, so no float is kept.
        kept = kind is not float and len(key) <= LONGEST_KEPT
        kept = kept and (kind is not str or len(value) <= LONGEST_KEPT)
        try:
            parts.append((_kept if kept else _attribute)(key, value, kind))
        except ValueError:  # too big an integer, half of a surrogate pair: not the batch's fault
            return None
    return b"".join(parts)


def _attribute(key: str, value: Any, kind: type) -> bytes:
    """Return one attribute as a span that has nothing else: messages are merged by joining them.

    `kind` is the type of the value, which keeps 1, 1.0 and True apart where they are kept.
    """
    return Span(
        attributes=[KeyValue(key=key, value=AnyValue(**{_FIELDS[kind]: value}))]
    ).SerializeToString()


_kept: Callable[[str, Any, type], bytes] = lru_cache(maxsize=4096)(_attribute)
