"""Start-up time and memory, bare FastAPI against a generated service."""

import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .applications import EVERY_TRACE, BenchmarkError, Setup
from .over_http import serving
from .plan import Plan, Say
from .variants import BARE, GENERATED, Variant

COMPARED: Final = (BARE, GENERATED)
REQUESTS: Final = 1000


@dataclass(frozen=True)
class Footprint:
    """CPU milliseconds of each start, with and without a collector set, and resident bytes."""

    start: Mapping[str, Sequence[float]]
    start_with_collector: Mapping[str, Sequence[float]]
    resident: Mapping[str, int]

    @property
    def added_megabytes(self) -> float:
        """What a generated service holds more than bare FastAPI."""
        return (self.resident[GENERATED.name] - self.resident[BARE.name]) / 1e6


def slowdown(starts: Mapping[str, Sequence[float]]) -> float:
    """Return the start of a generated service as a multiple of bare FastAPI's."""
    return statistics.median(starts[GENERATED.name]) / statistics.median(starts[BARE.name])


def measure(setup: Setup, plan: Plan, say: Say) -> Footprint:
    """Start both afresh several times, then serve with both and look at their memory."""
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": setup.receiver.endpoint("start")}
    resident = {}
    for variant in COMPARED:
        _start(setup, variant, collector)  # the first one compiles to bytecode
        with serving(setup, variant, EVERY_TRACE, "memory") as server:
            server.serve(REQUESTS)
            resident[variant.name] = server.resident_bytes()
    starts: dict[str, list[float]] = {variant.name: [] for variant in COMPARED}
    collected: dict[str, list[float]] = {variant.name: [] for variant in COMPARED}
    for number in range(plan.starts):
        for variant in COMPARED:
            starts[variant.name].append(_start(setup, variant, {}))
            collected[variant.name].append(_start(setup, variant, collector))
        say("start-up in CPU ms", number, {name: values[-1] for name, values in collected.items()})
    return Footprint(starts, collected, resident)


def _start(setup: Setup, variant: Variant, variables: dict[str, str]) -> float:
    """Return the CPU milliseconds of importing and creating an application in a new process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.start", variant.module],
        check=False, cwd=setup.working_folder(variant), capture_output=True, text=True,
        env=setup.environment(variant, variables),
    )  # fmt: skip
    if done.returncode:
        raise BenchmarkError(f"{variant.name} does not start: {done.stderr.splitlines()[-1]}")
    return float(done.stdout) * 1000
