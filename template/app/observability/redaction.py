"""Make any logged value safe: no secret, no cycle, no type that JSON lacks, bounded size."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

REDACTED: Final = "[redacted]"
DEFAULT_KEYS: Final = (
    "password", "passwd", "passphrase", "secret", "token", "authorization", "cookie",
    "api_key", "apikey", "private_key", "credential", "card_number", "cardnumber", "cvv",
)  # fmt: skip
MAX_DEPTH: Final = 6
MAX_ITEMS: Final = 100

_CUT = "..."
# name=value; it is tried only where a name starts, so that the search is linear in any input
_PAIR = re.compile(r"(?<![\w.-])([\w.-]+)=[^&\s\"']+")
# user:password@ in a URL
_USER_INFO = re.compile(r"(?<=://)[^/?#\s@]+@")

Sanitizer = Callable[[Any, int], Any]


def _pattern(keys: Iterable[str]) -> re.Pattern[str]:
    """One pattern for all keys, whatever stands between their words: api_key, apiKey, API-KEY."""
    words = (re.escape(key).replace("_", "[-_. ]?") for key in keys)
    return re.compile("|".join(words), re.IGNORECASE)


def sanitizer(extra_keys: Iterable[str] = ()) -> Sanitizer:
    """Return a function that copies a value with secrets replaced.

    The function takes the value and the longest string (in characters) to let through. Values
    under a key that looks like a secret are replaced at any depth; strings lose the user part of
    URLs and the values of secret query parameters. Objects become their `str`.
    """
    secret_key = _pattern((*DEFAULT_KEYS, *extra_keys))

    def hide(pair: re.Match[str]) -> str:
        return f"{pair[1]}={REDACTED}" if secret_key.search(pair[1]) else pair[0]

    def text(value: str, limit: int) -> str:
        if len(value) > limit:
            value = value[:limit] + _CUT
        if "://" in value:
            value = _USER_INFO.sub(REDACTED + "@", value)
        if "=" in value:
            value = _PAIR.sub(hide, value)
        return value

    def clean(value: Any, limit: int, depth: int = 0) -> Any:
        if isinstance(value, str):
            return text(value, limit)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, bytes | bytearray):
            return text(bytes(value[: limit + 1]).decode("utf-8", "backslashreplace"), limit)
        if depth >= MAX_DEPTH:
            return _CUT
        if isinstance(value, Mapping):
            return {
                text(str(key), limit): (
                    REDACTED if secret_key.search(str(key)) else clean(item, limit, depth + 1)
                )
                for key, item in list(value.items())[:MAX_ITEMS]
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [clean(item, limit, depth + 1) for item in list(value)[:MAX_ITEMS]]
        return text(str(value), limit)

    return clean
