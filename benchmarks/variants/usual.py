"""The usual stack, each part set up as its own documentation shows.

Spans: opentelemetry-instrumentation-fastapi. Log: structlog with ProcessorFormatter, so that
uvicorn's lines are JSON too. Metrics: prometheus-fastapi-instrumentator with its defaults.
"""

from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from prometheus_fastapi_instrumentator import Instrumentator

from . import access_log, spans
from .items import router


def create_app() -> FastAPI:
    """Return the application."""
    spans.export()
    app = FastAPI()
    app.include_router(router)
    access_log.add(app)
    Instrumentator().instrument(app).expose(app)
    FastAPIInstrumentor.instrument_app(app)
    return app
