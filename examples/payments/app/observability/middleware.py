"""Span, metrics and access line of every request, in one pure-ASGI middleware.

The outermost layer sees the status that went out, the last byte, and each exception once.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.context import attach, detach
from opentelemetry.trace import set_span_in_context
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import names, problem, routes, websocket
from .lifespan import Lifespan
from .lines import is_only, report, write_access_line
from .metrics import Metrics
from .spans import ServerSpan
from .tracecontext import ids_of
from .tracing import Tracing, fail

CLIENT_CLOSED_REQUEST: Final = 499  # nginx's code: the client left before the response was complete
MAX_PATH: Final = 2_048  # characters of url.path in a span: a batch must fit into one message


class ObservabilityMiddleware:
    """Wraps an application; `endpoints` are answered here, without span or metric."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: Starlette,
        tracing: Tracing,
        metrics: Metrics,
        lifespan: Lifespan,
        endpoints: Mapping[str, ASGIApp],
    ) -> None:
        self.app = app
        self.service = service
        self.tracing = tracing
        self.metrics = metrics
        self.lifespan = lifespan
        self.endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self.lifespan.run(self.app, scope, receive, send)
        elif scope["type"] == "websocket":
            await websocket.serve(
                self.app, self.service, self.tracing, self.metrics, scope, receive, send
            )
        elif endpoint := self.endpoints.get(scope["path"]):
            await endpoint(scope, receive, send)
        else:
            await _Request(self, scope, receive, send).run()


class _Request:
    """One HTTP request, from its first byte to the last byte of its response.

    Span and access line end with the response: background tasks after it are no latency. A 5xx
    waits for the application to return, for only then is the exception behind it known.
    """

    __slots__ = (
        "_complete", "_context", "_disconnected", "_done", "_end", "_event_stream", "_ids",
        "_method", "_outer", "_receive", "_root", "_scope", "_seconds", "_send", "_span",
        "_start", "_status",
    )  # fmt: skip

    def __init__(
        self, outer: ObservabilityMiddleware, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._start = time.perf_counter()
        self._outer, self._scope, self._receive, self._send = outer, scope, receive, send
        self._method = scope["method"] if scope["method"] in names.KNOWN_METHODS else names.OTHER
        self._root = scope.get("root_path", "")
        self._status = 0
        self._seconds: float | None = None
        self._end: int | None = None
        self._complete = self._disconnected = self._done = self._event_stream = False
        self._span, self._context = outer.tracing.server_span(scope["headers"], self._method)
        self._ids = ids_of(self._span)
        scope["fastapi.telemetry"] = None  # a mounted FastAPI application makes no second span

    async def run(self) -> None:
        token = attach(self._context)
        self._outer.metrics.active_requests += 1
        try:
            await self._outer.app(self._scope, self.receive, self.send)
            if not self._done:
                self._finish(None)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and not self._status:
                # Starlette answers exceptions only, and a cancelled task is none.
                await problem.internal_error()(self._scope, self._receive, self.send)
            self._fail(error)
            # A complete response needs no more from the server: told of the error, it would only
            # close a connection that the caller is about to use again.
            if not (self._complete and isinstance(error, Exception)):
                raise
        finally:
            detach(token)

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._complete:
            self._disconnected = True
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            if not self._disconnected:  # else nobody gets it
                self._status = message["status"]
            headers = list(message.get("headers", ()))
            for name, value in headers:
                if name == b"content-type" and value.startswith(b"text/event-stream"):
                    self._event_stream = True
            if self._ids is not None:
                # By which a caller can quote the trace (W3C Trace Context Level 2, 4.2)
                headers.append((b"traceresponse", self._ids.traceparent.encode("ascii")))
            message = {**message, "headers": headers}
        await self._send(message)
        if kind != "http.response.body" or self._done:
            return
        self._complete = not message.get("more_body", False)
        if self._seconds is None and (self._complete or self._event_stream):
            self._seconds = time.perf_counter() - self._start
        if self._complete:
            self._end = time.time_ns()
            if self._status < 500:
                self._finish(None)

    def _fail(self, error: BaseException) -> None:
        if self._disconnected and is_only(error, ClientDisconnect):
            if not self._done:
                self._finish(None)
            return
        if not self._done:
            self._finish(error)
            report("error", "unhandled exception", error, __name__)
            return
        # The response is complete and so is its span: what fails now gets a span of its own.
        span = self._outer.tracing.tracer.start_span("background task", self._context)
        fail(span, error)
        with_span = attach(set_span_in_context(span, self._context))
        report("error", "unhandled exception in background task", error, __name__)
        detach(with_span)
        span.end()

    def _finish(self, error: BaseException | None) -> None:
        """End span, metric and access line; `error` is what the application raised, if it did."""
        self._done = True
        whole = time.perf_counter() - self._start
        seconds = whole if self._seconds is None else self._seconds
        if error is not None:
            counted = max(self._status, 500)  # a stream that broke is no success
        elif self._disconnected:
            counted = CLIENT_CLOSED_REQUEST
        else:
            counted = self._status or 500
        route = routes.template(self._scope, self._root, self._outer.service)
        fields = routes.fields(self._scope, self._method, route, self._status or counted)
        if counted >= 500:
            fields[names.ERROR_TYPE] = type(error).__qualname__ if error else str(counted)
        metrics, span = self._outer.metrics, self._span
        metrics.active_requests -= 1
        metrics.requests.observe(self._method, route, str(counted), seconds, self._ids)
        if type(span) is ServerSpan:  # an abstract class makes isinstance a slow question
            self._describe(span, route, fields)
            if counted >= 500:
                fail(span, error)
            span.end(self._end)
        fields[names.DURATION] = round(whole if self._event_stream else seconds, 6)
        level = "warning" if counted >= 500 else "info"
        write_access_line(level, __name__, self._ids, fields)

    def _describe(self, span: ServerSpan, route: str, fields: Mapping[str, Any]) -> None:
        """Give the span its name and attributes."""
        method = "HTTP" if self._method == names.OTHER else self._method
        attributes = {
            **fields,
            names.PATH: fields[names.PATH][:MAX_PATH],
            names.SCHEME: self._scope.get("scheme", "http"),
        }
        del attributes[names.CLIENT_ADDRESS]  # the line has it
        if not route:
            del attributes[names.ROUTE]
        if self._method == names.OTHER:
            attributes[names.ORIGINAL_METHOD] = self._scope["method"][:64]
        span.describe(f"{method} {route}" if route else method, attributes)
