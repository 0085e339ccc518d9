"""Build the application from its settings."""

from fastapi import FastAPI

from app.api import faults, payments
from app.observability import TELEMETRY_OFF, install
from app.settings import Settings, load_settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the service, ready to run; without `settings` they are read from the environment."""
    settings = settings or load_settings()
    app = FastAPI(title=settings.identity.service_name, telemetry=TELEMETRY_OFF)
    app.include_router(payments.router)
    app.include_router(faults.router)
    install(app, settings)
    return app
