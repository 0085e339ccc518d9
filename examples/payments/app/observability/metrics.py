"""The service's metrics: prometheus-client instruments under OpenTelemetry's names."""

import asyncio
from collections.abc import Iterable
from typing import Final

from opentelemetry.trace import TraceFlags
from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from . import names
from .durations import RequestDurations, labels_of
from .export import SpanQueue
from .exposition import TelemetryHealth
from .settings import Identity
from .tracecontext import Ids

LAG_INTERVAL: Final = 0.5
IDLE_INTERVAL: Final = 0.01
MAX_ADDRESSES: Final = 100
# RFC 9110: what a route can only answer when something is broken
PRECREATED: Final = ("500", "503")


class Metrics:
    """The instruments of one service, in a registry of their own.

    `identity` is what the service was generated with, `version` its running version, `queue` the
    span queue whose health is shown, or None when nothing is exported.
    """

    def __init__(self, identity: Identity, version: str, queue: SpanQueue | None) -> None:
        self.registry = CollectorRegistry(
            target_info={
                names.LABEL_SERVICE_VERSION: version,
                names.LABEL_TEMPLATE_VERSION: identity.template_version,
            }
        )
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.registry.register(TelemetryHealth(queue))
        self.requests = RequestDurations()
        self.registry.register(self.requests)
        self.active_requests = 0
        Gauge(
            names.ACTIVE_REQUESTS, "Requests being answered now.", registry=self.registry
        ).set_function(lambda: self.active_requests)
        self._websockets = Histogram(
            names.WEBSOCKET_DURATION,
            "Time a WebSocket connection was open.",
            [names.LABEL_ROUTE, names.LABEL_ERROR_TYPE],
            buckets=names.WEBSOCKET_BUCKETS,
            registry=self.registry,
        )
        self._calls = Histogram(
            names.CLIENT_DURATION,
            "Time of a call to another service, to the last byte of its response.",
            [
                names.LABEL_METHOD,
                names.LABEL_SERVER_ADDRESS,
                names.LABEL_STATUS,
                names.LABEL_ERROR_TYPE,
            ],
            buckets=names.DURATION_BUCKETS,
            registry=self.registry,
        )
        self._addresses: set[str] = set()
        self._ready = Gauge(
            names.SERVICE_READY,
            "1 when the readiness check passes, else 0.",
            [names.LABEL_CHECK],
            registry=self.registry,
        )
        self._lag = Histogram(
            names.EVENT_LOOP_LAG,
            "Time by which the event loop is late for a task that is due.",
            buckets=names.LAG_BUCKETS,
            registry=self.registry,
        )
        Gauge(
            names.AVAILABILITY_OBJECTIVE,
            "Share of requests that must not fail.",
            registry=self.registry,
        ).set(round(identity.availability_objective_percent / 100, 8))

    def precreate(self, routes: Iterable[tuple[str, str]]) -> None:
        """Start the 5xx series of each (method, route) at zero.

        A counter that is born inside a burst of errors is invisible to `rate()`.
        """
        for method, route in routes:
            for status in PRECREATED:
                self.requests.create(method, route, status)

    def call(
        self, method: str, address: str, status: str, error: str, seconds: float, ids: Ids | None
    ) -> None:
        """Count one call to another service; addresses beyond a hundred are counted together."""
        if address not in self._addresses:
            if len(self._addresses) < MAX_ADDRESSES:
                self._addresses.add(address)
            else:
                address = names.OTHER
        self._calls.labels(method, address, status, error).observe(seconds, _exemplar(ids))

    def websocket(self, route: str, error: str, seconds: float) -> None:
        """Count one closed WebSocket connection."""
        self._websockets.labels(route, error).observe(seconds)

    def ready(self, check: str, passed: bool) -> None:
        """Show the last result of a readiness check."""
        self._ready.labels(check).set(passed)

    async def watch_event_loop(self) -> None:
        """Measure how late the event loop is, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_INTERVAL
            await asyncio.sleep(LAG_INTERVAL)
            self._lag.observe(max(0.0, loop.time() - due))

    async def idle(self, seconds: float) -> None:
        """Wait until no request is being answered, but not longer than `seconds`."""
        for _ in range(round(seconds / IDLE_INTERVAL)):
            if not self.active_requests:
                return
            await asyncio.sleep(IDLE_INTERVAL)


def _exemplar(ids: Ids | None) -> dict[str, str] | None:
    return labels_of(ids) if ids is not None and ids.flags & TraceFlags.SAMPLED else None
