"""The service's one HTTP client: every call has time limits, a span, a metric and trace context."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, cast

import httpx
from fastapi import Depends, Request
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from . import lines, names
from .metrics import Metrics
from .tracecontext import ids_of
from .tracing import Tracing

CONNECT_SECONDS: Final = 2.0
READ_SECONDS: Final = 5.0
WRITE_SECONDS: Final = 5.0
POOL_SECONDS: Final = 2.0
MAX_CONNECTIONS: Final = 100


class TotalTimeout(httpx.TimeoutException):
    """The whole call, redirects and body included, took longer than its limit."""


class HttpClient(httpx.AsyncClient):
    """An httpx client whose calls end in time and belong to the caller's trace.

    `total_seconds` limits a whole call; for `client.stream(...)` it limits the time to the
    response's headers, and the read limit holds for each chunk after that.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, total_seconds: float) -> None:
        timeout = httpx.Timeout(
            connect=CONNECT_SECONDS, read=READ_SECONDS, write=WRITE_SECONDS, pool=POOL_SECONDS
        )
        super().__init__(transport=transport, timeout=timeout, trust_env=False)
        self._total_seconds = total_seconds

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request as httpx does; raises TotalTimeout when it takes too long."""
        try:
            async with asyncio.timeout(self._total_seconds):
                return await super().send(request, **options)
        except TimeoutError:
            text = f"no complete response within {self._total_seconds} s"
            raise TotalTimeout(text, request=request) from None


def create_client(tracing: Tracing, metrics: Metrics, total_seconds: float) -> HttpClient:
    """Return the client of a service; it is closed when the service stops."""
    return HttpClient(TracedTransport(_LateTransport(), tracing, metrics), total_seconds)


def _shared_client(request: Request) -> HttpClient:
    client: HttpClient = request.app.state.observability.http
    return client


Http = Annotated[HttpClient, Depends(_shared_client)]
"""The shared client as a route's parameter: `async def route(http: Http): ...`."""


class _LateTransport(httpx.AsyncBaseTransport):
    """httpx's own transport, opened by the first call, in a thread.

    It reads the root certificates, a tenth of the work of a start, for which neither the start nor
    the event loop waits. The first call does, and its span and duration show it.
    """

    def __init__(self) -> None:
        self._opened: httpx.AsyncBaseTransport | None = None
        self._opening = threading.Lock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport = self._opened
        if transport is None:
            transport = await asyncio.to_thread(self._open)
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.aclose()

    def _open(self) -> httpx.AsyncBaseTransport:
        """Return the transport; it stays open for the next call if this one gives up meanwhile."""
        with self._opening:
            if self._opened is None:
                limits = httpx.Limits(max_connections=MAX_CONNECTIONS)
                self._opened = httpx.AsyncHTTPTransport(limits=limits)
            return self._opened


class TracedTransport(httpx.AsyncBaseTransport):
    """Makes one CLIENT span for each request that goes out, so each redirect has its own."""

    def __init__(
        self, transport: httpx.AsyncBaseTransport, tracing: Tracing, metrics: Metrics
    ) -> None:
        self._transport = transport
        self._tracing = tracing
        self._metrics = metrics

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = _Call(request, self._tracing, self._metrics)
        try:
            response = await self._transport.handle_async_request(request)
        except BaseException as error:
            call.end(error)
            raise
        call.status = response.status_code
        response.stream = _TracedStream(cast(httpx.AsyncByteStream, response.stream), call)
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


class _Call:
    """One request on its way, from its headers to the last byte of its response."""

    def __init__(self, request: httpx.Request, tracing: Tracing, metrics: Metrics) -> None:
        method = request.method if request.method in names.KNOWN_METHODS else names.OTHER
        self.method, self.address, self.status = method, request.url.host, 0
        self._metrics = metrics
        self._start = time.perf_counter()
        self._ended = False
        self._span: Span = tracing.tracer.start_span(
            "HTTP" if method == names.OTHER else method,
            kind=SpanKind.CLIENT,
            attributes={
                names.METHOD: method,
                names.SERVER_ADDRESS: self.address,
                names.SERVER_PORT: request.url.port
                or (443 if request.url.scheme == "https" else 80),
                # without user part and query: both may hold secrets
                names.FULL_URL: lines.clean(
                    str(request.url.copy_with(userinfo=b"", query=None, fragment=None))
                ),
            },
        )
        context = trace.set_span_in_context(self._span)
        tracing.propagator.inject(request.headers, context)

    def end(self, error: BaseException | None = None) -> None:
        """Finish span and metric, once."""
        if self._ended:
            return
        self._ended = True
        kind = type(error).__qualname__ if error else ""
        if self.status >= 400 and not kind:
            kind = str(self.status)
        if self.status:
            self._span.set_attribute(names.STATUS, self.status)
        if kind:
            self._span.set_attribute(names.ERROR_TYPE, kind)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()
        status = str(self.status) if self.status else ""
        seconds = time.perf_counter() - self._start
        self._metrics.call(self.method, self.address, status, kind, seconds, ids_of(self._span))


class _TracedStream(httpx.AsyncByteStream):
    """A response body that ends its call when it is read or closed."""

    def __init__(self, stream: httpx.AsyncByteStream, call: _Call) -> None:
        self._stream = stream
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except BaseException as error:
            self._call.end(error)
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()
        self._call.end()
