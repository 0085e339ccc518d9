"""From a log line's fields to bytes: strict JSON in ASCII, of bounded length."""

import json
import traceback
from collections.abc import Mapping
from typing import Any, Final

import orjson

from . import names

MAX_STACK: Final = 32_768  # characters
MAX_PART: Final = 300  # of one frame or message within it
MAX_CAUSES: Final = 5
SHORTEST: Final = 128

_CUT = "..."


def exception_fields(error: BaseException) -> dict[str, Any]:
    """Return type, message and stack of an exception, and its causes when it has any.

    The innermost frames stand last in the stack; the direct cause stands first.
    """
    parts = traceback.format_exception(error)
    stack = "".join(
        f"{part[:MAX_PART]}{_CUT}\n" if len(part) > MAX_PART else part for part in parts
    )
    fields: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."),
        "message": text_of(error),
        "stacktrace": _cut(stack, MAX_STACK, from_front=True),
    }
    causes: list[str] = []
    while len(causes) < MAX_CAUSES and (cause := _cause_of(error)) is not None:
        causes.append(named(cause))
        error = cause
    return {**fields, "causes": causes} if causes else fields


def named(error: BaseException) -> str:
    """Return type and text of an exception in one phrase."""
    return f"{type(error).__name__}: {text_of(error)}"


def text_of(value: object) -> str:
    """Return the text of an exception or any value, also of one whose `str` fails."""
    try:
        return str(value)
    except Exception:
        return "<its str failed>"


def render(line: dict[str, Any], fields: Mapping[str, Any], longest: int) -> bytes:
    """Return one JSON object of at most `longest` bytes; where both have a key, `line` wins.

    Both must be clean. A line that is too long loses the ends of its long values, then its fields,
    and says so.
    """
    whole = {**line, **fields, **line} if fields else line
    data, limit = encode(whole), longest // 2
    while len(data) > longest and limit >= SHORTEST:
        data = encode({**_cut(whole, limit), names.TRUNCATED: True})
        limit //= 2
    if len(data) > longest:
        data = encode({**_cut(line, SHORTEST), names.TRUNCATED: True})
    return data


def encode(line: dict[str, Any]) -> bytes:
    """Return strict JSON in ASCII: no NaN, and no U+2028 that a reader takes for a line's end."""
    try:
        data = orjson.dumps(line)
        if data.isascii():
            return data
        line = orjson.loads(data)
    except TypeError:  # an integer over 64 bits, or half of a surrogate pair
        pass
    return json.dumps(line, separators=(",", ":")).encode("ascii")


def _cut(value: Any, limit: int, from_front: bool = False) -> Any:
    """Shorten every long text; a stack loses its front, for the innermost frames are at its end."""
    if isinstance(value, str) and len(value) > limit:
        return _CUT + value[-limit:] if from_front else value[:limit] + _CUT
    if isinstance(value, dict):
        return {key: _cut(item, limit, key == "stacktrace") for key, item in value.items()}
    if isinstance(value, list):
        return [_cut(item, limit) for item in value]
    return value


def _cause_of(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None or error.__suppress_context__:
        return error.__cause__
    return error.__context__
