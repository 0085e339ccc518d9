"""CPU time by variant and round, and what is computed from it."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .variants import BARE, Variant


@dataclass(frozen=True)
class Emitted:
    """What a variant emitted in one measurement, all rounds and the warm-up together."""

    requests: int
    spans: int
    lines: int


@dataclass(frozen=True)
class Costs:
    """One measurement: CPU microseconds per request of each variant, by round."""

    where: str
    sampling: str
    rounds: Mapping[str, Sequence[float]]
    emitted: Mapping[str, Emitted]

    def median(self, variant: Variant) -> float:
        """Return the CPU microseconds of a request."""
        return statistics.median(self.rounds[variant.name])

    def spread(self, variant: Variant) -> tuple[float, float]:
        """Return the first and the third quartile, in microseconds."""
        first, _, third = statistics.quantiles(self.rounds[variant.name], n=4, method="inclusive")
        return first, third

    def added(self, variant: Variant) -> float:
        """Return the microseconds over bare FastAPI: the median of the rounds' differences.

        Paired by round, so that what slows a whole round down cancels.
        """
        pairs = zip(self.rounds[variant.name], self.rounds[BARE.name], strict=True)
        return statistics.median(its - bare for its, bare in pairs)

    def ratio(self, variant: Variant, other: Variant) -> float:
        """Return what a variant adds as a share of what another one adds."""
        return self.added(variant) / self.added(other)


def interleaved(round_number: int, variants: Sequence[Variant]) -> Sequence[Variant]:
    """Return the order of one round: each variant is first once, so that none always is."""
    turn = round_number % len(variants)
    return [*variants[turn:], *variants[:turn]]
