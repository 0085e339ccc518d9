"""The tracer provider of the stacks that set one up themselves."""

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def export() -> None:
    """Send the spans of this process to OTEL_EXPORTER_OTLP_ENDPOINT over HTTP, in batches."""
    provider = TracerProvider(resource=Resource.create({"service.name": "items"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
