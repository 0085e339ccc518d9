"""FastAPI's own telemetry: its spans, with a log line and a histogram made as cheaply as can be.

Its spans are on as soon as there is a global tracer provider. Its metrics and logs are off: the
middleware of `lean` gives what a generated service gives.
"""

from fastapi import FastAPI

from . import lean, spans
from .items import router


def create_app() -> FastAPI:
    """Return the application."""
    spans.export()
    app = FastAPI(telemetry={"metrics": False, "logs": False})
    app.include_router(router)
    app.add_middleware(lean.Middleware)
    app.add_route("/metrics", lean.metrics)
    return app
