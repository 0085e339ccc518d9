"""This service's settings: the baseline's and its own, each an environment variable."""

from pydantic import HttpUrl

from app.identity import IDENTITY
from app.observability import Identity, ObservabilitySettings


class Settings(ObservabilitySettings):
    """Read once at start, frozen, and passed on."""

    payments_url: HttpUrl = HttpUrl("http://127.0.0.1:8002")


def load_settings() -> Settings:
    """Read the environment; raises ConfigurationError in one line that says what is allowed."""
    return Settings.load(Identity.model_validate(IDENTITY))
