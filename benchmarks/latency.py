"""Latency at a steady rate that every variant can serve."""

import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from .applications import EVERY_TRACE, Setup
from .costs import interleaved
from .over_http import serving
from .plan import Plan, Say
from .rounds import check_metrics
from .variants import BARE, GENERATED, TUNED, USUAL, Variant

COMPARED: Final = (BARE, USUAL, TUNED, GENERATED)
RATE: Final = 300  # requests a second


@dataclass(frozen=True)
class Latencies:
    """Milliseconds by variant, one value for each round."""

    p50: Mapping[str, Sequence[float]]
    p99: Mapping[str, Sequence[float]]

    def median(self, variant: Variant) -> tuple[float, float]:
        """Return the medians of p50 and p99 over the rounds."""
        return statistics.median(self.p50[variant.name]), statistics.median(self.p99[variant.name])


def measure(setup: Setup, plan: Plan, say: Say) -> Latencies:
    """Return the latencies; raises BenchmarkError when a variant emits the wrong things."""
    p50: dict[str, list[float]] = {variant.name: [] for variant in COMPARED}
    p99: dict[str, list[float]] = {variant.name: [] for variant in COMPARED}
    with ExitStack() as stack:
        servers = {
            variant.name: stack.enter_context(serving(setup, variant, EVERY_TRACE, "latency"))
            for variant in COMPARED
        }
        for server in servers.values():
            server.serve(plan.warm_up)
        for number in range(plan.latency_rounds):
            for variant in interleaved(number, COMPARED):
                server = servers[variant.name]
                milliseconds = server.load("open", RATE, plan.latency_seconds)
                server.application.emitted(len(milliseconds))
                percentiles = statistics.quantiles(milliseconds, n=100)
                p50[variant.name].append(percentiles[49])
                p99[variant.name].append(percentiles[98])
            say(
                f"p99 in ms at {RATE} requests a second", number,
                {name: values[-1] for name, values in p99.items()},
            )  # fmt: skip
        for server in servers.values():
            check_metrics(server)
    return Latencies(p50, p99)
