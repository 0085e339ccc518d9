"""Make any logged value safe: no secret, no cycle, no type that JSON lacks, bounded size."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

REDACTED: Final = "[redacted]"
# In any part of a key; an underscore stands for any separator or none: api_key, apiKey, API-KEY
DEFAULT_KEYS: Final = (
    "password", "passwd", "passphrase", "secret", "authorization", "cookie", "credential",
    "api_key", "access_key", "private_key", "card_number", "session_id", "access_tokens",
    "refresh_tokens",
)  # fmt: skip
MAX_TEXT: Final = 65_536  # characters of one value that are looked at
MAX_KEY: Final = 256
MAX_DEPTH: Final = 6
MAX_ITEMS: Final = 100

_CUT = "..."
# As a word of its own: an author is no auth, and a count of tokens no token
_SHORT_KEYS = r"token(?![a-z])|(?<![a-z])(?:pwd|auth|ssn|cvv|cvc)(?![a-z])"
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# user:password@ in a URL
_USER_INFO = re.compile(r"(?<=://)[^/?#\s]*@")
# name=value, name: value and "name": "value"; it is tried only where a name starts, and no value
# is part of the match, so that the search is linear in any input
_NAME = re.compile(r"""(?<![\w.-])([\w.-]+)(?:["']?\s{0,4}[=:]\s{0,4}|["'],\s{0,4})b?(["']?)""")
_VALUE = {
    "": re.compile(r"""\[redacted\]|(?:(?:bearer|basic) +)?[^&\s"',;)}\]]*""", re.IGNORECASE),
    '"': re.compile(r'(?:[^"\\]|\\.)*'),
    "'": re.compile(r"(?:[^'\\]|\\.)*"),
}
# A header's value may have spaces and separators: it goes to the end of the line.
_HEADER = re.compile(r"authorization|cookie", re.IGNORECASE)
_LINE = re.compile(r"[^\r\n]*")

Sanitizer = Callable[[Any], Any]


def sanitizer(extra_keys: Iterable[str] = ()) -> Sanitizer:
    """Return a function that copies a value with secrets replaced.

    Values under a key that looks like a secret are replaced at any depth; strings lose the user
    part of URLs and what follows the name of a secret. Objects become their `str`.
    """
    words = (re.escape(key).replace("_", "[-_. ]?") for key in (*DEFAULT_KEYS, *extra_keys))
    pattern = re.compile("|".join((*words, _SHORT_KEYS)), re.IGNORECASE)

    @lru_cache(maxsize=4096)
    def is_secret(key: str) -> bool:
        return pattern.search(_CAMEL.sub("_", key)) is not None

    def text(value: str) -> str:
        if len(value) > MAX_TEXT:
            value = value[:MAX_TEXT] + _CUT
        if "://" in value:
            value = _USER_INFO.sub(REDACTED + "@", value)
        return _hide(value, is_secret) if "=" in value or ":" in value else value

    def clean(value: Any, depth: int = 0) -> Any:
        if isinstance(value, str):
            return text(value)
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            return text(hex(value))
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, bytes | bytearray):
            return text(bytes(value[: MAX_TEXT + 1]).decode("utf-8", "backslashreplace"))
        if depth >= MAX_DEPTH:
            return _CUT
        if isinstance(value, Mapping):
            return {
                name: REDACTED if is_secret(name) else clean(item, depth + 1)
                for key, item in list(value.items())[:MAX_ITEMS]
                for name in (text(str(key)[:MAX_KEY]),)
            }
        if isinstance(value, list | tuple) and len(value) == 2:
            name = clean(value[0], depth + 1)  # a header as a pair, in text or bytes
            hidden = isinstance(name, str) and is_secret(name[:MAX_KEY])
            return [name, REDACTED if hidden else clean(value[1], depth + 1)]
        if isinstance(value, list | tuple | set | frozenset):
            return [clean(item, depth + 1) for item in list(value)[:MAX_ITEMS]]
        return text(str(value))

    return clean


def _hide(value: str, is_secret: Callable[[str], bool]) -> str:
    """Replace what follows each secret's name in a text."""
    parts: list[str] = []
    done = 0
    for found in _NAME.finditer(value):
        if found.start() >= done and is_secret(found[1][-MAX_KEY:]):
            whole_line = not found[2] and _HEADER.search(found[1])
            secret = (_LINE if whole_line else _VALUE[found[2]]).match(value, found.end())
            parts += value[done : found.end()], REDACTED
            done = secret.end() if secret else found.end()
    return "".join((*parts, value[done:]))
