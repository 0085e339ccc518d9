"""One JSON object a line, whoever logs: structlog, the standard library, warnings, a crash."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from opentelemetry import trace
from structlog.contextvars import get_contextvars

from . import names, output
from .redaction import Sanitizer, sanitizer
from .render import exception_fields, render

MAX_LINE: Final = 16_384  # bytes; container runtimes split longer lines
MAX_ACCESS_LINE: Final = 4_096
REPEAT_SECONDS: Final = 60.0

_QUIET = ("httpx", "httpcore", "uvicorn", "urllib3")  # they repeat what the baseline says itself
_REDUNDANT = ("Application startup failed. Exiting.", "ASGI callable returned without")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_REPORTED = "_reported_by_observability"

_LEVELS: Final = {name.lower(): n for name, n in logging.getLevelNamesMapping().items()}

_process: dict[str, str] = {}
_lowest = logging.INFO
_forward: Callable[[bytes], None] | None = None
_clean: Sanitizer = sanitizer()


def configure(process: Mapping[str, str], level: str, secret_keys: Iterable[str] = ()) -> None:
    """Send every log line of this process through one renderer to stdout.

    `process` holds service, version and environment; `level` is the lowest level written;
    `secret_keys` are redacted beside the built-in ones.
    """
    global _process, _clean, _lowest
    _process, _clean, _lowest = dict(process), sanitizer(secret_keys), _LEVELS[level]
    structlog.configure(
        processors=[_from_structlog],
        logger_factory=lambda name="app": name,
        wrapper_class=structlog.make_filtering_bound_logger(_lowest),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_StandardHandler()], level=_lowest, force=True)
    for name in (*_QUIET, "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = name != "uvicorn.access"  # the middleware writes the access line
        library.setLevel(max(_lowest, logging.WARNING) if name in _QUIET else logging.NOTSET)
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


def header(level: str, event: str) -> dict[str, Any]:
    """Return the fields that every line starts with, for this moment and the current span."""
    line: dict[str, Any] = {
        names.TIMESTAMP: datetime.now(UTC).isoformat(timespec="microseconds")[:-6] + "Z",
        names.LEVEL: level,
        names.EVENT: event,
        **_process,
    }
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        line[names.TRACE_ID] = f"{context.trace_id:032x}"
        line[names.SPAN_ID] = f"{context.span_id:016x}"
    return line


def write_line(line: Mapping[str, Any], fields: Mapping[str, Any], longest: int = MAX_LINE) -> None:
    """Write one line of at most `longest` bytes; where both have a key, `line` wins.

    Never raises: a value that cannot be rendered costs the fields, not the line.
    """
    try:
        data = render(_clean, line, {**get_contextvars(), **fields}, longest)
    except Exception as error:
        data = render(_clean, line, {"log_error": f"{type(error).__name__}: {error}"}, longest)
    output.write(data)
    if _forward is not None:
        _forward(data)


def forward_to(write: Callable[[bytes], None] | None) -> None:
    """Hand every line that is written to `write` too; None ends that."""
    global _forward
    _forward = write


def write_access_line(level: str, logger: str, fields: Mapping[str, Any]) -> None:
    """Write the one line that each request gets."""
    if _LEVELS[level] >= _lowest:
        line = {**header(level, names.ACCESS_EVENT), names.LOGGER: logger}
        write_line(line, fields, MAX_ACCESS_LINE)


def report(level: str, event: str, error: BaseException, logger: str) -> None:
    """Write one line with the stack of `error`, unless it has had its line already."""
    if not is_reported(error):
        mark_reported(error)
        line = {**header(level, event), names.LOGGER: logger}
        write_line(line, {names.EXCEPTION: exception_fields(error)})


def mark_reported(error: BaseException) -> None:
    """Remember that `error` has its line, so that the server does not write a second one."""
    setattr(error, _REPORTED, True)


def is_reported(error: BaseException | None) -> bool:
    """Say whether `error` has had its line."""
    return hasattr(error, _REPORTED)


def _from_structlog(logger: str, method: str, fields: MutableMapping[str, Any]) -> str:
    error = fields.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        mark_reported(error)
        fields[names.EXCEPTION] = exception_fields(error)
    level = {"exception": "error", "warn": "warning", "fatal": "critical"}.get(method, method)
    line = header(level, str(fields.pop(names.EVENT, "")))
    line[names.LOGGER] = logger
    write_line(line, fields)
    raise structlog.DropEvent


class _StandardHandler(logging.Handler):
    """The root handler: a record of the standard library becomes the same JSON line."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if is_reported(error) or self._repeats(record):
            return
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        try:
            event = record.getMessage()
        except Exception as broken:  # the arguments do not fit the message
            event, fields["log_error"] = str(record.msg), f"{type(broken).__name__}: {broken}"
        if event.startswith(_REDUNDANT):
            return
        if error is not None:
            mark_reported(error)
            fields[names.EXCEPTION] = exception_fields(error)
        line = header(record.levelname.lower(), event.strip())
        line[names.LOGGER] = record.name
        write_line(line, fields)

    def _repeats(self, record: logging.LogRecord) -> bool:
        """Say whether the OpenTelemetry SDK told the same less than a minute ago."""
        if not record.name.startswith("opentelemetry"):
            return False
        now = time.monotonic()
        if now - self._said.get(record.name, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return True
        self._said[record.name] = now
        return False


def _crash(event: str, error: BaseException | None) -> None:
    if error is not None and not isinstance(error, KeyboardInterrupt | SystemExit):
        report("critical", event, error, "app")
