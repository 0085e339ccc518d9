"""This service's settings: the baseline's and its own, each an environment variable."""

from app.identity import IDENTITY
from app.observability import Identity, ObservabilitySettings


class Settings(ObservabilitySettings):
    """Read once at start, frozen, and passed on; add the service's own fields here."""


def load_settings() -> Settings:
    """Read the environment; raises ConfigurationError in one line that says what is allowed."""
    return Settings.load(Identity.model_validate(IDENTITY))
