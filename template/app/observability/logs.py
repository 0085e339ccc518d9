"""Whoever logs, the line is the same: structlog, the standard library, warnings, a crash."""

import logging
import sys
import threading
import time
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final

import structlog

from . import lines, names
from .render import named, text_of

REPEAT_SECONDS: Final = 60.0

_QUIET = ("httpx", "httpcore", "uvicorn", "urllib3")  # they repeat what the baseline says itself
_REDUNDANT = ("Application startup failed", "Application shutdown failed", "ASGI callable returned")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_METHODS = {"exception": "error", "warn": "warning", "fatal": "critical"}


def configure(process: Mapping[str, str], level: str, secret_keys: Iterable[str] = ()) -> None:
    """Send every log line of this process through one renderer to stdout.

    `process` holds service, version and environment; `level` is the lowest level written;
    `secret_keys` are redacted beside the built-in ones.
    """
    lines.configure(process, level, secret_keys)
    lowest = lines.LEVELS[level]
    structlog.configure(
        processors=[_from_structlog],
        logger_factory=lambda name="app": name,
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_StandardHandler()], level=lowest, force=True)
    for name in (*_QUIET, "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = name != "uvicorn.access"  # the middleware writes the access line
        library.setLevel(max(lowest, logging.WARNING) if name in _QUIET else logging.NOTSET)
    logging.captureWarnings(True)
    sys.excepthook = lambda _, error, __: _crash("uncaught exception", error)
    sys.unraisablehook = lambda hook: _crash("unraisable exception", hook.exc_value)
    threading.excepthook = lambda hook: _crash("uncaught exception in thread", hook.exc_value)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger; `name` is dotted, as in `get_logger(__name__)`.

    The event is a constant phrase and data goes into fields:
    `log.info("order placed", order_id=order.id)`.
    """
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger


def _from_structlog(logger: str, method: str, fields: MutableMapping[str, Any]) -> str:
    error = fields.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        fields[names.EXCEPTION] = lines.told(error)
    event = text_of(fields.pop(names.EVENT, ""))
    lines.write(_METHODS.get(method, method), event, logger, fields)
    raise structlog.DropEvent


class _StandardHandler(logging.Handler):
    """The root handler: a record of the standard library becomes the same JSON line."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if record.name == "uvicorn.error" and lines.is_reported(error):
            return
        if record.name.startswith("opentelemetry") and self._repeats(record):
            return
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        try:
            event = record.getMessage()
        except Exception as broken:  # the arguments do not fit the message
            event, fields["log_error"] = text_of(record.msg), named(broken)
        if record.name == "uvicorn.error" and event.startswith(_REDUNDANT):
            return
        if error is not None:
            fields[names.EXCEPTION] = lines.told(error)
        lines.write(_level(record.levelno), event.strip(), record.name, fields)

    def _repeats(self, record: logging.LogRecord) -> bool:
        """Say whether the OpenTelemetry SDK told the same less than a minute ago."""
        said, now = (record.name, text_of(record.msg)), time.monotonic()
        if now - self._said.get(said, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return True
        self._said = {k: at for k, at in self._said.items() if now - at < REPEAT_SECONDS}
        self._said[said] = now
        return False


def _level(number: int) -> str:
    """Return the highest of the five levels that is not above `number`."""
    return next(
        (name for name, least in reversed(lines.LEVELS.items()) if least <= number), "debug"
    )


def _crash(event: str, error: BaseException | None) -> None:
    if error is not None and not isinstance(error, KeyboardInterrupt | SystemExit):
        lines.report("critical", event, error, "app")
