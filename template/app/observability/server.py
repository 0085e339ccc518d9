"""Run the service under uvicorn: listen, drain on SIGTERM, stop inside a known time."""

import gc
import math
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

from .export import FLUSH_SECONDS
from .health import Readiness
from .logs import get_logger
from .settings import ObservabilitySettings

MARGIN_SECONDS: Final = 0.7  # for what uvicorn and the application do between the steps of a stop

_log = get_logger(__name__)


def run(app: FastAPI, settings: ObservabilitySettings) -> None:
    """Serve until SIGTERM or SIGINT, then drain, finish what is in flight, flush and return.

    The longest stop is the drain, plus the limit for requests in flight, plus the flush, plus less
    than a second: 25.7 s with the defaults, inside the 30 s that Kubernetes grants. Whatever is
    still at work then is cut off, which is said in a line.
    """
    listeners = [_listen(host, settings.port) for host in settings.host]
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        workers=1,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout_seconds),
    )
    for listener in listeners:
        host, port = listener.getsockname()[:2]
        _log.info("service starting", host=host, port=port)
    # What was imported stays: without this a collection of garbage pauses for 50 ms, not for 1.
    gc.collect()
    gc.freeze()
    readiness: Readiness = app.state.observability.readiness
    _Server(config, readiness, settings.shutdown_drain_seconds).run(listeners)


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
        # Python waits for every thread before it ends, also for one that never will.
        self._longest = (config.timeout_graceful_shutdown or 0) + FLUSH_SECONDS + MARGIN_SECONDS
        self._stop_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; the second signal ends the process at once."""
        if self._stop_at is not None:
            os._exit(128 + sig)
        drain = self._drain if sig == signal.SIGTERM else 0.0
        self._stop_at = time.monotonic() + drain
        threading.Thread(target=_end, args=(drain + self._longest,), daemon=True).start()

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second; True ends the serving."""
        if self._stop_at is not None:
            # Not in the signal handler: it may interrupt whoever holds the metric's lock.
            self._readiness.become("draining")
            self.should_exit = time.monotonic() >= self._stop_at
        return await super().on_tick(counter)


def _end(seconds: float) -> None:
    """End the process after a while, whatever blocks its event loop or keeps a thread busy."""
    time.sleep(seconds)
    busy = [thread.name for thread in threading.enumerate() if not thread.daemon]
    _log.warning("stopped with work left", threads=busy)
    os._exit(0)
