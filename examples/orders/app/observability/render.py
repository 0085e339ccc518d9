"""From a log line's fields to bytes: strict JSON in ASCII, of bounded length."""

import json
import traceback
from collections.abc import Mapping
from typing import Any

import orjson

from . import names
from .redaction import Sanitizer


def exception_fields(error: BaseException) -> dict[str, str]:
    """Return type, message and stack of an exception; the innermost frames stand last."""
    return {
        "type": f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."),
        "message": str(error),
        "stacktrace": "".join(traceback.format_exception(error)),
    }


def render(
    clean: Sanitizer, line: Mapping[str, Any], fields: Mapping[str, Any], longest: int
) -> bytes:
    """Return one JSON object of at most `longest` bytes; where both have a key, `line` wins.

    A line that is too long loses the ends of its long values, then its fields, and says so.
    """
    for limit in (longest, 2048, 512, 128):
        whole = clean({**line, **_shorten(fields, limit), **line}, limit)
        if limit != longest:
            whole[names.TRUNCATED] = True
        if len(data := _encode(whole)) <= longest:
            return data
    return _encode({**clean(line, 128), names.TRUNCATED: True})


def _shorten(fields: Mapping[str, Any], limit: int) -> Mapping[str, Any]:
    """Cut a stack from its front: the innermost frames and the message are at its end."""
    error = fields.get(names.EXCEPTION)
    if isinstance(error, dict) and len(stack := str(error.get("stacktrace", ""))) > limit:
        return {**fields, names.EXCEPTION: {**error, "stacktrace": "..." + stack[3 - limit :]}}
    return fields


def _encode(line: dict[str, Any]) -> bytes:
    """Return strict JSON in ASCII: no NaN, and no U+2028 that a reader takes for a line's end."""
    try:
        data = orjson.dumps(line)
        if data.isascii():
            return data
        line = orjson.loads(data)
    except TypeError:  # an integer over 64 bits, or half of a surrogate pair
        pass
    return json.dumps(line, separators=(",", ":")).encode("ascii")
