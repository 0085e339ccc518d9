"""How long a run measures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Say = Callable[[str, int, Mapping[str, float]], None]
"""Told of each finished round: the measurement, the round's number, and a value by variant."""


@dataclass(frozen=True)
class Plan:
    """Numbers of rounds, requests and seconds."""

    rounds: int
    warm_up: int
    requests: int
    latency_rounds: int
    latency_seconds: float
    starts: int


FULL: Final = Plan(
    rounds=15, warm_up=1000, requests=1000, latency_rounds=15, latency_seconds=2, starts=15
)
QUICK: Final = Plan(
    rounds=2, warm_up=100, requests=200, latency_rounds=2, latency_seconds=0.5, starts=2
)
