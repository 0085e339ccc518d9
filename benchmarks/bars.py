"""What a generated service may cost. Each bar compares medians of one and the same run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from . import footprint, inprocess, over_http
from .applications import EVERY_TRACE, ONE_IN_TEN
from .costs import Costs
from .footprint import Footprint
from .latency import RATE, Latencies
from .variants import GENERATED, TUNED, USUAL, Variant

# (where, sampling, the other stack): the part of its cost that a generated service may add
_SHARES: Final[dict[tuple[str, str, Variant], float]] = {
    (inprocess.WHERE, EVERY_TRACE.text, USUAL): 1 / 7,
    (inprocess.WHERE, EVERY_TRACE.text, TUNED): 1 / 5,
    (inprocess.WHERE, ONE_IN_TEN.text, USUAL): 1 / 10,
    (over_http.WHERE, EVERY_TRACE.text, USUAL): 1 / 6,
    (over_http.WHERE, EVERY_TRACE.text, TUNED): 1 / 4,
    (over_http.WHERE, ONE_IN_TEN.text, USUAL): 1 / 10,
}
START_UP: Final = 1.7
MEMORY_MEGABYTES: Final = 25.0


@dataclass(frozen=True)
class Bar:
    """One promise: what it is about, what was measured, and the most that it may be."""

    text: str
    measured: float
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether what was measured is not more than the limit."""
        return self.measured <= self.limit


def of_costs(measurements: Sequence[Costs]) -> Iterator[Bar]:
    """Yield the bars of CPU time."""
    for costs in measurements:
        for (where, sampling, other), limit in _SHARES.items():
            if (where, sampling) == (costs.where, costs.sampling):
                text = f"added CPU {where} at {sampling}, as a share of {other.name}"
                yield Bar(text, costs.ratio(GENERATED, other), limit)


def of_latency(latencies: Latencies) -> Iterator[Bar]:
    """Yield the bar of latency: it is measured in the same run, so it has no fixed number."""
    text = f"p99 at {RATE} requests a second, against {TUNED.name}"
    yield Bar(text, latencies.median(GENERATED)[1], latencies.median(TUNED)[1], "ms")


def of_footprint(found: Footprint) -> Iterator[Bar]:
    """Yield the bars of start-up and memory."""
    text = "CPU time of start-up, as a multiple of bare FastAPI's"
    yield Bar(text, footprint.slowdown(found.start), START_UP)
    yield Bar(f"{text}, with a collector", footprint.slowdown(found.start_with_collector), START_UP)
    yield Bar("memory over bare FastAPI's", found.added_megabytes, MEMORY_MEGABYTES, "MB")
