"""One run: what is measured in which order, and the files that it leaves."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from . import bars, chart, footprint, generated, inprocess, latency, over_http, receiver
from .applications import EVERY_TRACE, ONE_IN_TEN, Sampling, Setup
from .bars import Bar
from .costs import Costs
from .footprint import Footprint
from .latency import Latencies
from .plan import Plan, Say
from .variants import VARIANTS

PARTS: Final = ("inprocess", "http", "latency", "startup")
RESULTS: Final = Path(__file__).with_name("results.json")
CHART: Final = generated.ROOT / "docs/cost.svg"

_LIBRARIES: Final = (
    "fastapi", "uvicorn", "opentelemetry-sdk", "opentelemetry-instrumentation-fastapi",
    "prometheus-client", "prometheus-fastapi-instrumentator", "structlog",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a run has measured; a part that was not asked for is empty."""

    costs: Sequence[Costs]
    latencies: Latencies | None
    footprint: Footprint | None

    @property
    def bars(self) -> list[Bar]:
        """The bars that the measured parts decide."""
        found = list(bars.of_costs(self.costs))
        if self.latencies is not None:
            found += bars.of_latency(self.latencies)
        if self.footprint is not None:
            found += bars.of_footprint(self.footprint)
        return found


def measure(plan: Plan, parts: Sequence[str], say: Say) -> Outcome:
    """Measure the parts asked for; raises BenchmarkError when a variant emits the wrong things."""
    places: dict[str, Callable[[Setup, Plan, Sampling, Say], Costs]] = {
        "inprocess": inprocess.measure,
        "http": over_http.measure,
    }
    with tempfile.TemporaryDirectory() as temporary, receiver.running() as collector:
        folder = Path(temporary)
        setup = Setup(folder, generated.render(folder), collector)
        return Outcome(
            [
                measure_costs(setup, plan, sampling, say)
                for place, measure_costs in places.items()
                if place in parts
                for sampling in (EVERY_TRACE, ONE_IN_TEN)
            ],
            latency.measure(setup, plan, say) if "latency" in parts else None,
            footprint.measure(setup, plan, say) if "startup" in parts else None,
        )


def write(outcome: Outcome) -> None:
    """Write the results and the chart. Neither says when: a second run should differ little."""
    results = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "cpus": os.cpu_count(),
        "versions": {name: version(name) for name in _LIBRARIES},
        "microseconds": [
            {
                **asdict(costs),
                "added": {variant.name: round(costs.added(variant), 2) for variant in VARIANTS},
            }
            for costs in outcome.costs
        ],
        "latency_ms": asdict(outcome.latencies) if outcome.latencies else None,
        "footprint": asdict(outcome.footprint) if outcome.footprint else None,
        "bars": [{**asdict(bar), "met": bar.met} for bar in outcome.bars],
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    chart.draw(outcome.costs, CHART)
