"""The SERVER span of each request: recorded as the SDK would, at a quarter of its cost.

Id generator, limits, processors and the sampler are those of the provider; what a processor gets in
the end is the SDK's ReadableSpan. Every other span of the process is the SDK's own.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.util import BoundedList
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
)
from opentelemetry.util.types import AnyValue, Attributes

from . import lines
from .sampling import HeadSampler

_UNSET: Final = Status()
_FLAGS: Final = {
    (sampled, random): TraceFlags(
        TraceFlags.SAMPLED * sampled | TraceFlags.RANDOM_TRACE_ID * random
    )
    for sampled in (False, True)
    for random in (False, True)
}


@dataclass(frozen=True)
class ServerSpans:
    """Starts SERVER spans and hands them to the processors."""

    provider: TracerProvider
    sampler: HeadSampler
    processor: SpanProcessor
    limits: SpanLimits
    scope: InstrumentationScope

    def start(
        self, name: str, context: Context, parent: SpanContext | None, links: Sequence[Link]
    ) -> Span:
        """Start a child of `parent`, or the first span of a trace; `context` is for processors."""
        ids = self.provider.id_generator
        trace_id = parent.trace_id if parent else ids.generate_trace_id()
        sampled = self.sampler.keeps(trace_id, parent)
        random = parent.trace_flags.random_trace_id if parent else ids.is_trace_id_random()
        state = parent.trace_state if parent else None
        own = SpanContext(trace_id, ids.generate_span_id(), False, _FLAGS[sampled, random], state)
        if not sampled:
            return NonRecordingSpan(own)
        span = ServerSpan(self, name, own, parent, links)
        self.processor.on_start(span, context)  # type: ignore[arg-type]  # all that one may do with it
        return span


class ServerSpan(Span):
    """A span that is kept as plain values until it ends; nothing changes it after that."""

    __slots__ = (
        "_attributes", "_context", "_ended", "_events", "_links", "_origin", "_parent", "_start",
        "_status", "name",
    )  # fmt: skip

    def __init__(
        self,
        origin: ServerSpans,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        links: Sequence[Link],
    ) -> None:
        self._start = time.time_ns()
        self._origin, self.name, self._context, self._parent = origin, name, context, parent
        self._attributes: dict[str, AnyValue] = {}
        self._links, self._status, self._ended = links, _UNSET, False
        self._events: BoundedList[Event] | None = None

    def get_span_context(self) -> SpanContext:
        return self._context

    def is_recording(self) -> bool:
        return not self._ended

    def describe(self, name: str, attributes: Mapping[str, AnyValue]) -> None:
        """Set name and attributes; unlike the API's own methods, without a look at each value."""
        if not self._ended:
            self.name = name
            self._attributes.update(attributes)

    def update_name(self, name: str) -> None:
        self.describe(name, {})

    def set_attribute(self, key: str, value: AnyValue) -> None:
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set attributes as they are now; a list may change before the span ends."""
        self.describe(self.name, BoundedAttributes(attributes=attributes))

    def add_event(
        self, name: str, attributes: Attributes = None, timestamp: int | None = None
    ) -> None:
        if not self._ended:
            limits = self._origin.limits
            if self._events is None:
                self._events = BoundedList(limits.max_events)
            bounded = BoundedAttributes(
                limits.max_event_attributes, attributes, max_value_len=limits.max_attribute_length
            )
            self._events.append(Event(name, bounded, timestamp))

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status: OK is final, unset changes nothing (Trace API, Set Status)."""
        new = Status(status, description) if isinstance(status, StatusCode) else status
        final = self._ended or self._status.status_code is StatusCode.OK
        if not final and not new.is_unset:
            self._status = new

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add the exception as an event, without the secrets in its text."""
        told = lines.exception_event(exception)
        self.add_event("exception", {**told, **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """End the span and hand it to the processors; only the first call counts."""
        if self._ended:
            return
        self._ended = True
        origin = self._origin
        origin.processor.on_end(
            ReadableSpan(
                self.name,
                self._context,
                self._parent,
                origin.provider.resource,
                self._within_limits(),
                self._events or (),
                self._links,
                SpanKind.SERVER,
                None,
                self._status,
                self._start,
                end_time or time.time_ns(),
                origin.scope,
            )
        )

    def _within_limits(self) -> Attributes:
        """Return the attributes; what the limits cost is counted by the container."""
        limits = self._origin.limits
        count, length = limits.max_span_attributes, limits.max_span_attribute_length
        if length is None and (count is None or len(self._attributes) <= count):
            return self._attributes
        return BoundedAttributes(count, self._attributes, max_value_len=length)
