"""Spans: where they go, how they are sampled, and how W3C trace context comes in and goes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter, TextMapPropagator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SynchronousMultiSpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Span, Status, StatusCode

from . import lines, sampling
from .export import SpanQueue
from .settings import ObservabilitySettings
from .spans import ServerSpans
from .tracecontext import TraceContext

NAME: Final = "app.observability"

Headers = Sequence[tuple[bytes, bytes]]

_NOTHING: Final = Context()

_PROPAGATORS: dict[str, type[TextMapPropagator]] = {
    "tracecontext": TraceContext,
    "baggage": W3CBaggagePropagator,
}


@dataclass(frozen=True)
class Tracing:
    """What the other modules need to make, carry and flush spans."""

    provider: TracerProvider
    tracer: trace.Tracer
    spans: ServerSpans | None
    """None when the SDK is disabled."""
    propagator: TextMapPropagator
    header_names: frozenset[bytes]
    """The headers that the propagator reads."""
    destination: str
    """Where spans go, in words: an endpoint, or why they go nowhere."""
    queue: SpanQueue | None
    restart: bool
    """Whether a caller's trace is linked instead of continued (W3C Trace Context 3.4)."""

    def server_span(self, headers: Headers, name: str) -> tuple[Span, Context]:
        """Start the SERVER span of a request and return it with the context that carries it."""
        context, parent = self._extract(headers), None
        links: Sequence[Link] = ()
        if context:
            caller = trace.get_current_span(context).get_span_context()
            parent = caller if caller.is_valid else None
        if self.restart:
            links = [Link(parent)] if parent else links
            context, parent = _NOTHING, None
        if self.spans is None:
            span = self.tracer.start_span(name, context)
        else:
            span = self.spans.start(name, context, parent, links)
        return span, trace.set_span_in_context(span, context)

    def _extract(self, headers: Headers) -> Context:
        """Return what the caller sent. A request that begins a trace costs a look at the names."""
        for name, _ in headers:
            if name in self.header_names:
                return self.propagator.extract(headers, Context(), _getter)
        return _NOTHING


def fail(span: Span, error: BaseException | None) -> None:
    """Set a span's status to ERROR, and record on it the exception that is the reason, redacted."""
    span.set_status(Status(StatusCode.ERROR))
    if error is not None:
        span.add_event("exception", lines.exception_event(error))


class _AsgiHeaders(Getter[Headers]):
    """Read the header list of an ASGI scope, where names are lower-case bytes."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        """Return every value of header `key`, or None."""
        wanted, found = key.encode("latin-1"), None
        for name, value in carrier:
            if name == wanted:
                found = [*(found or ()), value.decode("latin-1")]
        return found

    def keys(self, carrier: Headers) -> list[str]:
        """Return the names of all headers."""
        return [name.decode("latin-1") for name, _ in carrier]


_getter = _AsgiHeaders()


def start(settings: ObservabilitySettings, resource: Resource) -> Tracing:
    """Build the tracer provider and make it the process's own when there is none yet.

    The span limits are read from the environment by the SDK itself.
    """
    # atexit is no place to flush: uvicorn ends the process by the signal it was sent.
    processors = SynchronousMultiSpanProcessor()  # type: ignore[no-untyped-call]
    limits, sampler = SpanLimits(), sampling.sampler(settings)
    provider = TracerProvider(
        sampler,
        resource,
        shutdown_on_exit=False,
        active_span_processor=processors,
        span_limits=limits,
    )
    silence, queue = _silence(settings), None
    if silence is None:
        queue = SpanQueue(
            partial(_exporter, settings),
            capacity=settings.otel_bsp_max_queue_size,
            batch=min(settings.otel_bsp_max_export_batch_size, settings.otel_bsp_max_queue_size),
            delay_ms=settings.otel_bsp_schedule_delay,
        )
        provider.add_span_processor(queue)
    chosen = [_PROPAGATORS[name]() for name in settings.otel_propagators if name != "none"]
    propagator = chosen[0] if len(chosen) == 1 else CompositePropagator(chosen)
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        # Imported after OTEL_PROPAGATORS was checked: the module reads it when it is loaded.
        from opentelemetry import propagate

        trace.set_tracer_provider(provider)
        propagate.set_global_textmap(propagator)
    tracer = provider.get_tracer(NAME)
    spans = None
    if settings.otel_sdk_disabled != "true":
        scope = InstrumentationScope(NAME, "")
        spans = ServerSpans(provider, sampler, processors, limits, scope)
    return Tracing(
        provider,
        tracer,
        spans,
        propagator,
        header_names=frozenset(name.encode("latin-1") for name in propagator.fields),
        destination=f"not exported: {silence}" if silence else str(settings.traces_endpoint),
        queue=queue,
        restart=settings.public_endpoint,
    )


def _silence(settings: ObservabilitySettings) -> str | None:
    """Return why spans are not exported, or None when they are."""
    if settings.otel_sdk_disabled == "true":
        return "OTEL_SDK_DISABLED is true"
    if settings.otel_traces_exporter == "none":
        return "OTEL_TRACES_EXPORTER is none"
    return None if settings.traces_endpoint else "OTEL_EXPORTER_OTLP_ENDPOINT is not set"


def _exporter(settings: ObservabilitySettings) -> SpanExporter:
    from . import otlp  # takes 100 ms, and is called by the thread that exports

    return otlp.exporter(settings)
