"""Every name that leaves this process: metrics, labels, span attributes, log fields, paths.

The names follow the OpenTelemetry semantic conventions (HTTP, resource, SDK metrics) and
Prometheus naming; the kit's contract lists the same names and a test compares both.
"""

from typing import Final

# Endpoints
HEALTHZ: Final = "/healthz"
READY: Final = "/ready"
METRICS: Final = "/metrics"

# Metrics
REQUEST_DURATION: Final = "http_server_request_duration_seconds"
ACTIVE_REQUESTS: Final = "http_server_active_requests"
WEBSOCKET_DURATION: Final = "websocket_server_connection_duration_seconds"
CLIENT_DURATION: Final = "http_client_request_duration_seconds"
TARGET_INFO: Final = "target_info"
AVAILABILITY_OBJECTIVE: Final = "service_availability_objective_ratio"
SERVICE_READY: Final = "service_ready"
EVENT_LOOP_LAG: Final = "event_loop_lag_seconds"
SPAN_QUEUE_SIZE: Final = "otel_sdk_processor_span_queue_size"
SPAN_QUEUE_CAPACITY: Final = "otel_sdk_processor_span_queue_capacity"
SPANS_PROCESSED: Final = "otel_sdk_processor_span_processed_total"
SPANS_EXPORTED: Final = "otel_sdk_exporter_span_exported_total"
LOG_LINES_WRITTEN: Final = "log_lines_written_total"
LOG_LINES_DROPPED: Final = "log_lines_dropped_total"

# Metric labels
LABEL_METHOD: Final = "http_request_method"
LABEL_ROUTE: Final = "http_route"
LABEL_STATUS: Final = "http_response_status_code"
LABEL_ERROR_TYPE: Final = "error_type"
LABEL_SERVER_ADDRESS: Final = "server_address"
LABEL_CHECK: Final = "check"
LABEL_SERVICE_VERSION: Final = "service_version"
LABEL_TEMPLATE_VERSION: Final = "template_version"

# Bounds in seconds. 1 is one of them, so an alert at one second is exact.
DURATION_BUCKETS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
WEBSOCKET_BUCKETS: Final = (1.0, 10.0, 60.0, 300.0, 1800.0, 3600.0, 14400.0)
LAG_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

# Span attributes; the first five are also the fields of the access line
METHOD: Final = "http.request.method"
PATH: Final = "url.path"
ROUTE: Final = "http.route"
STATUS: Final = "http.response.status_code"
CLIENT_ADDRESS: Final = "client.address"
ORIGINAL_METHOD: Final = "http.request.method_original"
SCHEME: Final = "url.scheme"
FULL_URL: Final = "url.full"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"

# Log fields
TIMESTAMP: Final = "timestamp"
LEVEL: Final = "level"
EVENT: Final = "event"
SERVICE: Final = "service"
VERSION: Final = "version"
ENVIRONMENT: Final = "environment"
TRACE_ID: Final = "trace_id"
SPAN_ID: Final = "span_id"
LOGGER: Final = "logger"
EXCEPTION: Final = "exception"
DURATION: Final = "duration_s"
TRUNCATED: Final = "truncated"
ACCESS_EVENT: Final = "request"

# RFC 9110 section 9.1 and RFC 5789; any other method is counted as _OTHER, as the HTTP
# semantic conventions ask, so that a client cannot invent new series.
KNOWN_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"}
)
OTHER: Final = "_OTHER"
