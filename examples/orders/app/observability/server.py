"""Run the service under uvicorn: listen, drain on SIGTERM, stop inside a known time."""

import os
import signal
import socket
import sys
import time
from types import FrameType

import uvicorn
from fastapi import FastAPI

from . import logs
from .health import Readiness
from .settings import ObservabilitySettings

_log = logs.get_logger(__name__)


def run(app: FastAPI, settings: ObservabilitySettings) -> None:
    """Serve until SIGTERM or SIGINT, then drain, finish what is in flight, flush and return.

    The longest stop is the drain, plus the limit for requests in flight, plus the flush: 27 s
    with the defaults, inside the 30 s that Kubernetes grants.
    """
    listener = _listen(settings.host, settings.port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        workers=1,
        timeout_graceful_shutdown=int(settings.shutdown_timeout_seconds),
    )
    host, port = listener.getsockname()[:2]
    _log.info("service starting", host=host, port=port)
    readiness: Readiness = app.state.observability.readiness
    _Server(config, readiness, settings.shutdown_drain_seconds).run([listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        _log.critical(
            "cannot listen: set HOST and PORT to an address that is free",
            host=host,
            port=port,
            reason=error.strerror,
        )
        sys.exit(1)


class _Server(uvicorn.Server):
    """uvicorn that goes on serving for a while after SIGTERM, with `/ready` at 503.

    Kubernetes takes an endpoint out of its services while it sends the signal, not before
    ("Pod Lifecycle"), so requests still come.
    """

    def __init__(self, config: uvicorn.Config, readiness: Readiness, drain: float) -> None:
        super().__init__(config)
        self._readiness = readiness
        self._drain = drain
        self._stop_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; the second signal ends the process at once."""
        if self._stop_at is not None:
            os._exit(128 + sig)
        drain = self._drain if sig == signal.SIGTERM else 0.0
        self._stop_at = time.monotonic() + drain
        self._readiness.become("draining")

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second; True ends the serving."""
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit = True
        return await super().on_tick(counter)
