"""One JSON object a line: its fields, its length, and that each failure is told once."""

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from opentelemetry import trace
from structlog.contextvars import get_contextvars

from . import names, output
from .redaction import Sanitizer, sanitizer
from .render import exception_fields, named, render
from .tracecontext import Ids, ids_of

MAX_LINE: Final = 16_384  # bytes; container runtimes split longer lines
MAX_ACCESS_LINE: Final = 4_096
LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}

_REPORTED = "_reported_by_observability"

_process: dict[str, str] = {}
_lowest = LEVELS["info"]
_forward: Callable[[bytes], None] | None = None

clean: Sanitizer = sanitizer()
"""Returns a copy of a value without secrets, of types that JSON has."""


def configure(process: Mapping[str, str], level: str, secret_keys: Iterable[str]) -> None:
    """Set the fields of every line, the lowest level of access lines and what is redacted."""
    global _process, clean, _lowest
    _process, clean, _lowest = dict(process), sanitizer(secret_keys), LEVELS[level]


def forward_to(write: Callable[[bytes], None] | None) -> None:
    """Hand every line that is written to `write` too; None ends that."""
    global _forward
    _forward = write


def write(level: str, event: str, logger: str, fields: Mapping[str, Any]) -> None:
    """Write one line for this moment and the current span.

    Never raises: a value that cannot be shown costs its field, not the line.
    """
    line = _header(level, clean(event), clean(logger), ids_of(trace.get_current_span()))
    rest = {}
    for key, value in {**get_contextvars(), **fields}.items():
        try:
            rest.update(clean({key: value}))
        except Exception as error:
            rest["log_error"] = clean(f"{key}: {named(error)}")
    _write(render(line, rest, MAX_LINE))


def write_access_line(level: str, logger: str, ids: Ids | None, fields: Mapping[str, Any]) -> None:
    """Write the one line that each request gets; `fields` must be clean already."""
    if LEVELS[level] >= _lowest:
        line = {**_header(level, names.ACCESS_EVENT, logger, ids), **fields}
        bound = get_contextvars()
        # Where there is too much for a line, what was bound goes first.
        _write(render(line, clean(bound) if bound else bound, MAX_ACCESS_LINE))


def report(level: str, event: str, error: BaseException, logger: str) -> None:
    """Write one line with the stack of `error`, unless it has one in this trace already.

    The same exception object may fail several requests: each is told.
    """
    trace_id = _trace_id()
    if not trace_id or getattr(error, _REPORTED, None) != trace_id:
        write(level, event, logger, {names.EXCEPTION: told(error)})


def told(error: BaseException) -> dict[str, Any]:
    """Return the fields of an exception for a line, and remember that it has this line."""
    mark_reported(error)
    return exception_fields(error)


def exception_event(error: BaseException) -> dict[str, str]:
    """Return the attributes of an exception's event in a span, without secrets."""
    fields = exception_fields(error)
    fields.pop("causes", None)  # the stack has them
    return {f"exception.{key}": value for key, value in clean(fields).items()}


def mark_reported(error: BaseException) -> None:
    """Remember that `error` needs no line any more, so that the server does not write one."""
    with contextlib.suppress(Exception):  # an exception may refuse attributes
        setattr(error, _REPORTED, _trace_id())


def is_only(error: BaseException, kind: type[BaseException]) -> bool:
    """Say whether an exception is of a kind, or a group of nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(kind)[1] is None
    return isinstance(error, kind)


def is_reported(error: BaseException | None) -> bool:
    """Say whether `error` had a line, in whatever trace."""
    return hasattr(error, _REPORTED)


def _trace_id() -> int:
    return trace.get_current_span().get_span_context().trace_id


def _header(level: str, event: str, logger: str, ids: Ids | None) -> dict[str, str]:
    """Return the fields that every line starts with."""
    line = {
        names.TIMESTAMP: _now(),
        names.LEVEL: level,
        names.EVENT: event,
        **_process,
    }
    if ids is not None:
        line[names.TRACE_ID], line[names.SPAN_ID] = ids.trace_id, ids.span_id
    line[names.LOGGER] = logger
    return line


def _write(line: bytes) -> None:
    output.write(line)
    if _forward is not None:
        with contextlib.suppress(Exception):  # stdout has the line
            _forward(line)


def _now() -> str:
    """Return the time as RFC 3339 has it, in UTC with microseconds."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{_calendar(seconds)}.{nanoseconds // 1000:06}Z"


@lru_cache(maxsize=2)
def _calendar(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
