"""One process for each container: a start as one of several workers is refused."""

import inspect
import multiprocessing
import sys
from typing import Any, Final

from .logs import get_logger
from .settings import ObservabilitySettings

STARTUP_FAILURE: Final = 3
"""The exit status by which uvicorn's parent knows that it must not start the worker again."""

_log = get_logger(__name__)


def refuse(settings: ObservabilitySettings) -> None:
    """End the process, with one line that says why, when it would be one of several workers."""
    asked = max(settings.web_concurrency, _workers_of_uvicorn())
    if asked == 1:
        return
    if multiprocessing.current_process().name in ("MainProcess", "SpawnProcess-1"):
        _log.critical(
            "cannot start",
            reason=f"WEB_CONCURRENCY or --workers is {asked}, and must be 1: a scrape reaches one "
            "process only, so several workers would give wrong metrics; run more replicas instead",
        )
    sys.exit(STARTUP_FAILURE)


def _workers_of_uvicorn() -> int:
    """Return how many workers the uvicorn that is loading this application was asked for.

    Only its configuration knows, and that is not passed to the application: it is found on the
    call stack.
    """
    uvicorn: Any = sys.modules.get("uvicorn")  # whatever loads this application has loaded it
    frame = inspect.currentframe() if uvicorn else None
    while frame is not None:
        config = frame.f_locals.get("self")
        if isinstance(config, uvicorn.Config):
            return 1 if config.reload else int(config.workers)
        frame = frame.f_back
    return 1
