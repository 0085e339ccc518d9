"""The span of a request is what the SDK would have recorded."""

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import (
    ReadableSpan,
    SpanLimits,
    SynchronousMultiSpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
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

from app.observability.sampling import HeadSampler
from app.observability.spans import ServerSpan, ServerSpans

Deed = Callable[[Span], object]

EVERYTHING = HeadSampler(1, follow=True)
ROOT = Context()


class Fixed:
    """An id generator that always has the same ids."""

    def generate_trace_id(self) -> int:
        return 2**127 + 5

    def generate_span_id(self) -> int:
        return 7

    def is_trace_id_random(self) -> bool:
        return True


def caller(flags: int, state: str = "") -> Context:
    """A context with a remote span."""
    members = TraceState.from_header([state])
    context = SpanContext(2**127 + 1, 3, True, TraceFlags(flags), members)
    return set_span_in_context(NonRecordingSpan(context), Context())


def both(
    deed: Deed, sampler: HeadSampler = EVERYTHING, context: Context = ROOT,
    links: tuple[Link, ...] = (), **limits: int,
) -> tuple[list[ReadableSpan], list[ReadableSpan], tuple[SpanContext, SpanContext]]:  # fmt: skip
    """Do the same to a span of ours and to one of the SDK; return what processors got."""
    processors, exporter = SynchronousMultiSpanProcessor(), InMemorySpanExporter()
    provider = TracerProvider(
        sampler=sampler, id_generator=Fixed(), active_span_processor=processors,  # type: ignore[arg-type]
        span_limits=SpanLimits(**limits), shutdown_on_exit=False,
    )  # fmt: skip
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    scope = InstrumentationScope("x", "")
    ours = ServerSpans(provider, sampler, processors, SpanLimits(**limits), scope)
    parent = get_current_span(context).get_span_context() if context else None
    found, contexts = [], []
    for start in (
        lambda: ours.start("GET", context, parent, links),
        lambda: provider.get_tracer("x").start_span("GET", context, SpanKind.SERVER, links=links),
    ):
        span = start()
        contexts.append(span.get_span_context())
        deed(span)
        span.end(5_000)
        span.end(6_000)
        span.set_attribute("after", "the end")
        found.append(list(exporter.get_finished_spans()))
        exporter.clear()
    return found[0], found[1], (contexts[0], contexts[1])


def told(span: ReadableSpan) -> dict[str, Any]:
    """What a processor can see of a span, but for the clock."""
    return {
        "name": span.name, "kind": span.kind, "context": span.context, "parent": span.parent,
        "status": (span.status.status_code, span.status.description),
        "attributes": dict(span.attributes or {}),
        "events": [(one.name, dict(one.attributes or {}), one.timestamp) for one in span.events],
        "links": [(one.context, dict(one.attributes or {})) for one in span.links],
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
        "scope": span.instrumentation_scope, "resource": span.resource, "end": span.end_time,
    }  # fmt: skip


def changing(span: Span) -> None:
    """Set a list and change it afterwards."""
    values = ["a"]
    span.set_attribute("list", values)
    values.append("b")


DEEDS: dict[str, Deed] = {
    "nothing": lambda span: None,
    "attributes": lambda span: span.set_attributes({"a": 1, "b": "x", "c": 1.5, "d": True}),
    "an attribute twice": lambda span: [span.set_attribute("a", n) for n in (1, 2)],
    "a list that changes": changing,
    "bytes": lambda span: span.set_attribute("a", b"\xff"),
    "an object": lambda span: span.set_attribute("a", object()),  # type: ignore[arg-type]
    "a name": lambda span: span.update_name("POST /orders"),
    "an event": lambda span: span.add_event("cache", {"hit": True}, 4_000),
    "an error": lambda span: span.set_status(Status(StatusCode.ERROR, "why")),
    "an error by code": lambda span: span.set_status(StatusCode.ERROR, "why"),
    "unset after an error": lambda span: [
        span.set_status(StatusCode.ERROR),
        span.set_status(StatusCode.UNSET),
    ],
    "an error after ok": lambda span: [
        span.set_status(StatusCode.OK),
        span.set_status(StatusCode.ERROR),
    ],
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_records_what_the_sdk_records(deed: Deed) -> None:
    """Each method of the API leaves the same behind, and none does after the end."""
    ours, theirs, _ = both(deed)
    assert [told(span) for span in ours] == [told(span) for span in theirs]
    assert len(ours) == 1


@pytest.mark.parametrize(
    "limits",
    [{"max_span_attributes": 2}, {"max_span_attribute_length": 3}, {"max_events": 1},
     {"max_event_attributes": 1}, {"max_attribute_length": 2}],
    ids=str,
)  # fmt: skip
def test_keeps_the_limits(limits: dict[str, int]) -> None:
    """Attributes and events beyond the limits are dropped, cut and counted alike."""

    def much(span: Span) -> None:
        span.set_attributes({"a": "aaaaaa", "b": "bbbbbb", "c": "cccccc"})
        for number in range(3):
            span.add_event(f"event {number}", {"x": "xxxxxx", "y": number}, number + 1)

    ours, theirs, _ = both(much, **limits)
    assert told(ours[0]) == told(theirs[0])


@pytest.mark.parametrize("share", [0, 1])
@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize(
    "context",
    [ROOT, caller(1, "vendor=1"), caller(0), caller(3), caller(2)],
    ids=["root", "sampled", "not sampled", "sampled and random", "random"],
)
def test_samples_as_the_sdk(share: float, follow: bool, context: Context) -> None:
    """The sampler's decision, the flags and the trace state are the same."""
    sampler = HeadSampler(share, follow)
    ours, theirs, contexts = both(lambda span: span.is_recording(), sampler, context)
    assert contexts[0] == contexts[1]
    assert [told(span) for span in ours] == [told(span) for span in theirs]


def test_an_attribute_without_a_key_is_dropped() -> None:
    """As the SDK does, which counts it too."""
    ours, theirs, _ = both(lambda span: span.set_attribute("", "x"))
    assert ours[0].attributes == theirs[0].attributes == {}


def test_links() -> None:
    """A restarted trace links its caller."""
    link = Link(SpanContext(9, 9, True), {"why": "restart"})
    ours, theirs, _ = both(lambda span: None, links=(link,))
    assert told(ours[0]) == told(theirs[0])


def test_a_recorded_exception_has_no_secrets() -> None:
    """Unlike the SDK's own, the event is clean before it leaves the process."""

    def failing(span: Span) -> None:
        try:
            raise ValueError("password=hunter2")
        except ValueError as error:
            span.record_exception(error, {"attempt": 2})

    ours, theirs, _ = both(failing)
    event = dict(ours[0].events[0].attributes or {})
    assert event.keys() == {*dict(theirs[0].events[0].attributes or {}), "attempt"} - {
        "exception.escaped"
    }
    assert event["exception.type"] == "ValueError"
    assert "hunter2" not in str(event)


def test_is_recording_until_it_ends() -> None:
    """So that nobody prepares data for a span that is over."""
    seen: list[Span] = []
    both(seen.append)
    assert isinstance(seen[0], ServerSpan)
    assert not seen[0].is_recording()
