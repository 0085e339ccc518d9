"""Build the application from its settings."""

from fastapi import FastAPI

from app.api import faults, orders
from app.api.payments import Payments
from app.observability import TELEMETRY_OFF, install
from app.settings import Settings, load_settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the service, ready to run; without `settings` they are read from the environment."""
    settings = settings or load_settings()
    app = FastAPI(title=settings.identity.service_name, telemetry=TELEMETRY_OFF)
    app.include_router(orders.router)
    app.include_router(faults.router)
    observability = install(app, settings)
    payments = Payments(observability.http, str(settings.payments_url).rstrip("/"))
    observability.readiness.add("payments", payments.check)
    app.state.orders = orders.Orders(payments)
    return app
