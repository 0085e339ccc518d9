"""WebSocket connections: a span and a duration of their own, outside the request metrics."""

import time

from opentelemetry.context import attach, detach
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from . import lines, names, routes
from .lines import is_only, mark_reported, report
from .metrics import Metrics
from .tracing import Tracing, fail


async def serve(
    app: ASGIApp,
    service: Starlette,
    tracing: Tracing,
    metrics: Metrics,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Serve one connection from its handshake to its end."""
    start, root = time.perf_counter(), scope.get("root_path", "")
    span, context = tracing.server_span(scope["headers"], "WEBSOCKET")
    scope["fastapi.telemetry"] = None  # a mounted FastAPI application makes no second span
    token = attach(context)
    error_type = ""
    try:
        await app(scope, receive, send)
    except BaseException as error:
        if is_only(error, WebSocketDisconnect):
            mark_reported(error)  # a client that leaves is no error
            raise
        error_type = "500"
        span.set_attribute(names.ERROR_TYPE, type(error).__qualname__)
        fail(span, error)
        report("error", "unhandled exception in websocket", error, __name__)
        raise
    finally:
        route = routes.template(scope, root, service)
        span.update_name(f"WEBSOCKET {route}".rstrip())
        span.set_attributes({names.ROUTE: route, names.PATH: lines.clean(scope["path"])})
        span.end()
        metrics.websocket(route, error_type, time.perf_counter() - start)
        detach(token)
