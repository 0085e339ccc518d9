"""The OTLP exporter of spans that the variables ask for; loaded for the first batch."""

from typing import Any, Final

import requests
from opentelemetry.sdk.trace.export import SpanExporter

from . import encode
from .settings import ObservabilitySettings

SLOW_SECONDS: Final = 3.0  # what a distant collector may take and does not hang


def exporter(settings: ObservabilitySettings) -> SpanExporter:
    """Return the exporter; endpoint, headers, certificates and compression are its own reading."""
    protocol = settings.otel_exporter_otlp_traces_protocol or settings.otel_exporter_otlp_protocol
    # The specification counts milliseconds, the exporters' own reading of the variable seconds.
    limit = settings.otel_exporter_otlp_traces_timeout or settings.otel_exporter_otlp_timeout
    seconds = limit / 1000
    made: SpanExporter
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

        made = Grpc(timeout=seconds)
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

        made = Http(timeout=seconds, session=_Session(_attempt(seconds)))
    encode.use(made)
    return made


def _attempt(seconds: float) -> float:
    """Return a third of the time, but not less than a slow collector needs, and at most half."""
    return max(seconds / 3, min(SLOW_SECONDS, seconds / 2))


class _Session(requests.Session):
    """Gives up each attempt after a part of the time that a batch has.

    The exporter's first attempt would use up all of it on a collector that hangs; the next one
    finds it back.
    """

    def __init__(self, longest: float) -> None:
        super().__init__()
        self._longest = longest

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        options["timeout"] = min(options["timeout"], self._longest)
        return super().send(request, **options)
