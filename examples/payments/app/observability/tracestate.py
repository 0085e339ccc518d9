"""The header `tracestate`, by the grammar of W3C Trace Context Level 2, section 3.3."""

import re
from collections.abc import ItemsView, Iterator, KeysView, Sequence, ValuesView
from typing import Final

from opentelemetry.trace import TraceState

MAX_MEMBERS: Final = 32
MAX_LENGTH: Final = 512  # characters that every participant has to propagate
LONG_MEMBER: Final = 128  # characters beyond which a member is among the first to be dropped

# Keys start with a letter or a digit; values are printable and end in no space.
_MEMBER = re.compile(r"([a-z0-9][a-z0-9_\-*/@]{0,255})=([ -+\--<>-~]{0,255}[!-+\--<>-~])")


def parse(values: Sequence[str]) -> TraceState:
    """Return the members of all headers in their order, of a key that comes twice the first.

    A list that breaks the grammar is dropped whole; one that is too long loses its long members,
    then its last ones.
    """
    members: dict[str, str] = {}
    texts = [text for member in ",".join(values).split(",") if (text := member.strip(" \t"))]
    if len(texts) > MAX_MEMBERS:
        return Members({})
    for text in texts:
        found = _MEMBER.fullmatch(text)
        if found is None:
            return Members({})
        members.setdefault(*found.groups())
    return Members(_shortened(members))


def _shortened(members: dict[str, str]) -> dict[str, str]:
    """Drop long members, then the last ones, until the rest may be sent (3.3.1.5)."""
    while len(members) > MAX_MEMBERS or len(_header(members)) > MAX_LENGTH:
        long = [key for key in members if len(f"{key}={members[key]}") > LONG_MEMBER]
        del members[(long or list(members))[-1]]
    return members


def _header(members: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in members.items())


class Members(TraceState):
    """A trace state of checked members; the API's own class refuses the keys of Level 2."""

    def __init__(self, members: dict[str, str]) -> None:
        super().__init__()
        self._members = members

    def __contains__(self, key: object) -> bool:
        return key in self._members

    def __getitem__(self, key: str) -> str:
        return self._members[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return repr(self._members)

    def keys(self) -> KeysView[str]:
        return self._members.keys()

    def values(self) -> ValuesView[str]:
        return self._members.values()

    def items(self) -> ItemsView[str, str]:
        return self._members.items()

    def add(self, key: str, value: str) -> TraceState:
        """Return a trace state with one member more, in front."""
        return self if key in self._members else self.update(key, value)

    def update(self, key: str, value: str) -> TraceState:
        """Return a trace state with the member changed, in front."""
        if not _MEMBER.fullmatch(f"{key}={value}"):
            return self
        others = {k: v for k, v in self._members.items() if k != key}
        return Members(_shortened({key: value, **others}))

    def delete(self, key: str) -> TraceState:
        """Return a trace state without the member."""
        return Members({k: v for k, v in self._members.items() if k != key})

    def to_header(self) -> str:
        """Return the members in the format of the header."""
        return _header(self._members)
