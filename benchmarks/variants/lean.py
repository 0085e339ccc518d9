"""One access line and one duration histogram from one pure-ASGI middleware."""

import sys
import time
from datetime import UTC, datetime
from typing import Final

import orjson
from opentelemetry import trace
from prometheus_client import REGISTRY, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# In seconds; those that the HTTP semantic conventions advise.
BUCKETS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip


class Middleware:
    """Writes the line and observes the duration when the last byte has been sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._seconds = Histogram(
            "http_server_request_duration_seconds",
            "Time from the first byte of a request to the last byte of its response.",
            ["http_request_method", "http_route", "http_response_status_code"],
            buckets=BUCKETS,
        )
        self._series: dict[tuple[str, str, int], Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; anything but HTTP and /metrics goes by unseen."""
        if scope["type"] != "http" or scope["path"] == "/metrics":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            self._finish(scope, status, time.perf_counter() - start)

    def _finish(self, scope: Scope, status: int, seconds: float) -> None:
        span = trace.get_current_span().get_span_context()
        trace_id, span_id = f"{span.trace_id:032x}", f"{span.span_id:016x}"
        context = scope.get("fastapi", {}).get("effective_route_context")
        route = context.path_format if context else ""
        key = (scope["method"], route, status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._seconds.labels(*map(str, key))
        exemplar = {"trace_id": trace_id, "span_id": span_id} if span.trace_flags.sampled else None
        series.observe(seconds, exemplar)
        line = {
            "timestamp": datetime.now(UTC).isoformat(),
            "level": "info",
            "event": "request",
            "service": "items",
            "trace_id": trace_id,
            "span_id": span_id,
            "http.request.method": scope["method"],
            "url.path": scope["path"],
            "http.route": route,
            "http.response.status_code": status,
            "duration_s": round(seconds, 6),
        }
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.buffer.flush()


async def metrics(_: Request) -> Response:
    """Show the histogram."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_PLAIN_0_0_4)
