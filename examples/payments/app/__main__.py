"""Start the service: `python -m app`. Every line it prints is JSON, from the first to the last."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import NoReturn

from app.identity import IDENTITY


def main() -> None:
    """Serve until SIGTERM; a start that fails is one line and exit status 1."""
    logging.captureWarnings(True)
    logging.getLogger().addHandler(logging.NullHandler())  # until there is one that writes JSON
    process = {
        "service": str(IDENTITY["service_name"]),
        "version": os.environ.get("SERVICE_VERSION", "0.0.0-dev"),
        "environment": os.environ.get("ENVIRONMENT", "development"),
    }
    if sys.argv[1:]:
        refuse(
            process,
            "python -m app takes no arguments: it is set up by environment variables, and serves "
            "more by more replicas, not by more workers",
        )
    # OpenTelemetry reads variables while it is imported. Its propagators are set by the settings,
    # whose own check of the variable says more.
    propagators = os.environ.pop("OTEL_PROPAGATORS", None)
    try:
        from app.observability import ConfigurationError, logs, server
    except Exception as error:
        refuse(process, f"{type(error).__name__}: {error}")
    if propagators is not None:
        os.environ["OTEL_PROPAGATORS"] = propagators
    logs.configure(process, "info")

    from app.main import create_app
    from app.settings import load_settings

    try:
        settings = load_settings()
    except ConfigurationError as error:
        refuse(process, str(error))
    server.run(create_app(settings), settings)


def refuse(process: dict[str, str], reason: str) -> NoReturn:
    """Print why the service cannot start, and exit with status 1."""
    timestamp = datetime.now(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
    line = {"timestamp": timestamp, "level": "critical", "event": "cannot start"}
    sys.stdout.write(json.dumps({**line, **process, "logger": "app", "reason": reason}) + "\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
