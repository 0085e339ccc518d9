"""The headers `traceparent` and `tracestate`, by W3C Trace Context Level 2.

The API's own propagator takes the first of two traceparent headers, has the key grammar of Level 1
and logs what clients sent. This one logs nothing: a bad header is its sender's fault.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from . import tracestate

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
KNOWN_FLAGS: Final = TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID

_TRACEPARENT = re.compile(
    r"[ \t]*([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?[ \t]*"
)


class Ids(NamedTuple):
    """A span's ids in hexadecimal digits, as headers, log lines and exemplars have them."""

    trace_id: str
    span_id: str
    flags: int

    @property
    def traceparent(self) -> str:
        """The value of the header, version 00."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def ids_of(span: Span) -> Ids | None:
    """Return the ids of a span, or None when there is no trace."""
    trace_id, span_id, _, flags, _, is_valid = span.get_span_context()
    return Ids(trace_id.to_bytes(16).hex(), span_id.to_bytes(8).hex(), flags) if is_valid else None


class TraceContext(TextMapPropagator):
    """Carries a span's context in the two headers; whoever sends a bad one starts a new trace."""

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Return `context` with the caller's span, if the carrier names one."""
        context = Context() if context is None else context
        caller = _span_context(getter.get(carrier, TRACEPARENT) or ())
        if caller is None:
            return context
        if found := getter.get(carrier, TRACESTATE):
            caller = SpanContext(
                caller.trace_id, caller.span_id, True, caller.trace_flags, tracestate.parse(found)
            )
        return set_span_in_context(NonRecordingSpan(caller), context)

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write the current span of `context` into the carrier."""
        span = get_current_span(context)
        if ids := ids_of(span):
            setter.set(carrier, TRACEPARENT, ids.traceparent)
            if state := span.get_span_context().trace_state:
                setter.set(carrier, TRACESTATE, state.to_header())

    @property
    def fields(self) -> set[str]:
        """The names of the headers."""
        return {TRACEPARENT, TRACESTATE}


def _span_context(values: Sequence[str]) -> SpanContext | None:
    found = _TRACEPARENT.fullmatch(values[0]) if len(values) == 1 else None
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest):
        return None
    known = TraceFlags(int(flags, 16) & KNOWN_FLAGS)
    context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=known)
    return context if context.is_valid else None
