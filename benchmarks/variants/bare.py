"""FastAPI alone: what the others are measured against."""

from fastapi import FastAPI

from .items import router


def create_app() -> FastAPI:
    """Return the application."""
    app = FastAPI()
    app.include_router(router)
    return app
