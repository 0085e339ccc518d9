"""The body of an unhandled error: RFC 9457 problem details that give nothing away but the trace."""

from http import HTTPStatus

import orjson
from opentelemetry import trace
from starlette.requests import Request
from starlette.responses import Response

from . import names
from .tracecontext import ids_of


def internal_error() -> Response:
    """Return a 500 with the trace id, by which the caller's report finds the log line."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    body: dict[str, object] = {"type": "about:blank", "title": status.phrase, "status": status}
    if ids := ids_of(trace.get_current_span()):
        body[names.TRACE_ID] = ids.trace_id
    return Response(orjson.dumps(body), status, media_type="application/problem+json")


async def handle(request: Request, error: Exception) -> Response:
    """Answer an unhandled exception: a handler as Starlette calls it."""
    return internal_error()
