"""The operational baseline of a service, wired by one call: `install(app, settings)`.

This folder is managed by the template: `copier update` replaces it. Change what a service does
in `app/api/` and what it is set to by environment variables.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from opentelemetry.sdk.resources import SERVICE_VERSION, Resource

from . import (
    export,
    health,
    http,
    lines,
    logs,
    metrics,
    probes,
    problem,
    resource,
    routes,
    tracing,
    workers,
)  # fmt: skip
from .http import Http
from .lifespan import Lifespan
from .logs import get_logger
from .middleware import ObservabilityMiddleware
from .settings import ConfigurationError, Identity, ObservabilitySettings

if TYPE_CHECKING:
    from .otlp_logs import OtlpLogs

__all__ = [
    "TELEMETRY_OFF",
    "ConfigurationError",
    "Http",
    "Identity",
    "Observability",
    "ObservabilitySettings",
    "get_logger",
    "install",
]

CANCELLED_SECONDS: Final = 0.2  # for requests that the server has cut off to finish their spans

TELEMETRY_OFF: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}
"""For `FastAPI(telemetry=...)`: FastAPI's own server span would be a second one."""


@dataclass(frozen=True)
class Observability:
    """What `install` made, kept at `app.state.observability`."""

    settings: ObservabilitySettings
    tracing: tracing.Tracing
    metrics: metrics.Metrics
    readiness: health.Readiness
    http: http.HttpClient


def install(app: FastAPI, settings: ObservabilitySettings) -> Observability:
    """Give an application its logs, traces, metrics, health endpoints and HTTP client.

    Call it once, anywhere before the application starts; the order of routes and middleware does
    not matter. Dependencies that decide whether the service can work are registered on the result:
    `install(app, settings).readiness.add("database", check)`.
    """
    described = resource.describe(settings)
    logs.configure(resource.log_fields(described), settings.log_level, settings.log_redacted_keys)
    workers.refuse(settings)
    sent = _send_logs(settings, described) if settings.sends_logs else None
    lines.forward_to(sent.write if sent else None)
    traces = tracing.start(settings, described)
    version = str(described.attributes[SERVICE_VERSION])
    measured = metrics.Metrics(settings.identity, version, traces.queue)
    readiness = health.Readiness(measured)
    client = http.create_client(traces, measured, settings.http_client_timeout_seconds)
    watch: list[asyncio.Task[None]] = []

    def started() -> None:
        measured.precreate(routes.templates(app.routes))
        watch.append(asyncio.create_task(measured.watch_event_loop()))
        readiness.become("serving")
        readiness.refresh()
        get_logger(__name__).info("service started", traces=traces.destination)

    async def stopped() -> None:
        log = get_logger(__name__)
        if readiness.state != "starting":
            log.info("service stopped")
        readiness.become("draining")
        for task in watch:
            task.cancel()
        await measured.idle(CANCELLED_SECONDS)
        await client.aclose()
        await asyncio.gather(
            *(export.flush(queue.shutdown) for queue in (traces.queue, sent) if queue)
        )
        if traces.queue is not None and (lost := traces.queue.untold):
            log.warning("spans lost at shutdown", spans_lost=lost)

    app.exception_handlers.setdefault(Exception, problem.handle)
    build, lifespan = app.build_middleware_stack, Lifespan(started, stopped)
    endpoints = probes.endpoints(readiness, measured)
    # Outside of every other middleware, also of those that are added later.
    app.build_middleware_stack = lambda: ObservabilityMiddleware(  # type: ignore[method-assign]
        build(),
        service=app,
        tracing=traces,
        metrics=measured,
        lifespan=lifespan,
        endpoints=endpoints,
    )
    app.state.observability = Observability(settings, traces, measured, readiness, client)
    return app.state.observability  # type: ignore[no-any-return]  # State is untyped


def _send_logs(settings: ObservabilitySettings, described: Resource) -> "OtlpLogs":
    from .otlp_logs import OtlpLogs  # the log SDK is loaded only by those who ask for it

    return OtlpLogs(settings, described)
