"""Start the service: `python -m app`."""

import logging


def main() -> None:
    """Serve until SIGTERM; every line printed on the way is JSON."""
    logging.captureWarnings(True)  # before anything is imported that might warn in plain text
    from app.observability import logs, server, settings

    logs.configure({}, "info")
    from app.identity import IDENTITY

    logs.configure({"service": IDENTITY.service_name}, "info")
    from app.main import create_app
    from app.settings import load_settings

    try:
        loaded = load_settings()
    except settings.ConfigurationError as error:
        server.refuse("bad configuration", reason=str(error))
    server.run(create_app(loaded), loaded)


if __name__ == "__main__":
    main()
