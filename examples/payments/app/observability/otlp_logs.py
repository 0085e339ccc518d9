"""Log lines to OTLP, beside stdout, when OTEL_LOGS_EXPORTER asks for it.

Python's log SDK is still `opentelemetry.sdk._logs`; this is the one module that uses it.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import orjson
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.resources import Resource

from . import names
from .settings import ObservabilitySettings

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SEVERITY: Final = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}
# What a log record or its resource holds in a place of its own
_ELSEWHERE: Final = (
    names.TIMESTAMP, names.LEVEL, names.EVENT, names.SERVICE, names.VERSION, names.ENVIRONMENT,
    names.TRACE_ID, names.SPAN_ID,
)  # fmt: skip


class OtlpLogs:
    """Sends finished lines to the collector as log records of the current span."""

    def __init__(self, settings: ObservabilitySettings, resource: Resource) -> None:
        self._provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_log_record_processor(BatchLogRecordProcessor(_exporter(settings)))
        self._logger = self._provider.get_logger("app.observability")

    def write(self, line: bytes) -> None:
        """Send one line: the event is the body, the fields are attributes."""
        fields = orjson.loads(line)
        if str(fields.get(names.LOGGER)).startswith("opentelemetry"):
            return  # what the exporter says of itself would come back to it
        since = datetime.fromisoformat(fields[names.TIMESTAMP]) - _EPOCH
        body, level = fields[names.EVENT], fields[names.LEVEL]
        self._logger.emit(
            timestamp=since // timedelta(microseconds=1) * 1000,
            severity_text=level,
            severity_number=_SEVERITY.get(level, SeverityNumber.UNSPECIFIED),
            body=body,
            attributes={key: fields[key] for key in fields if key not in _ELSEWHERE},
        )

    def shutdown(self) -> None:
        """Send what is queued; may block as long as the collector is silent."""
        self._provider.shutdown()


def _exporter(settings: ObservabilitySettings) -> LogRecordExporter:
    protocol = settings.otel_exporter_otlp_logs_protocol or settings.otel_exporter_otlp_protocol
    timeout = settings.otel_exporter_otlp_logs_timeout or settings.otel_exporter_otlp_timeout
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as Grpc

        return Grpc(timeout=timeout / 1000)
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as Http

    return Http(timeout=timeout / 1000)
