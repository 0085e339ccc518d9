"""The application under test; the other fixtures come from app.observability.testing."""

import pytest
from fastapi import FastAPI

from app.main import create_app
from app.settings import load_settings

pytest_plugins = ["app.observability.testing"]


@pytest.fixture
def app() -> FastAPI:
    """A service with the settings of its environment."""
    return create_app(load_settings())
