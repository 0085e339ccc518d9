"""The stack's own configuration at another speed: every duration divided by one factor."""

import re
from typing import Final

_UNITS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}

# A range or subquery, an offset, and the keys of rules and routes that take a duration.
_DURATIONS: Final = re.compile(
    r"(?P<before>\[|:(?=\d+(?:ms|[dhms])\])|\boffset |"
    r"\b(?:for|keep_firing_for|group_wait|group_interval|repeat_interval): )"
    r"(?P<duration>(?:\d+(?:ms|[dhms]))+)"
)


def faster(text: str, factor: int) -> str:
    """Return rules or routes with every duration divided by `factor`; 1 returns `text` itself.

    Thresholds are ratios and counts, never products of a duration, so nothing else has to follow.
    """

    def divided(found: re.Match[str]) -> str:
        return found["before"] + _written(_milliseconds(found["duration"]) // factor)

    return _DURATIONS.sub(divided, text)


def _milliseconds(duration: str) -> int:
    return sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)(ms|[dhms])", duration))


def _written(milliseconds: int) -> str:
    """Return a duration as Prometheus writes it, largest unit first."""
    text = ""
    for unit, length in _UNITS.items():
        count, milliseconds = divmod(milliseconds, length)
        text += f"{count}{unit}" if count else ""
    return text or "0s"
