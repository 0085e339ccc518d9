"""CPU time of a request in memory: one worker process per variant, rounds interleaved."""

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TextIO

from . import applications
from .applications import Application, Sampling, Setup
from .costs import Costs, Emitted, interleaved
from .plan import Plan, Say
from .variants import VARIANTS, Variant

WHERE = "in process"


@dataclass(frozen=True)
class _Worker:
    application: Application
    answers: TextIO

    def ask(self, command: str) -> Any:
        """Send a command and return the answer."""
        commands = self.application.process.stdin
        assert commands is not None  # noqa: S101  # it is a pipe
        try:
            commands.write(command + "\n")
            commands.flush()
            return json.loads(self.answers.readline())
        except (BrokenPipeError, ValueError):
            raise self.application.ended() from None

    def run(self, requests: int) -> float:
        """Return the CPU microseconds of each of `requests` requests."""
        traceparent = " traceparent" if self.application.sampling.traceparent else ""
        seconds: float = self.ask(f"run {requests}{traceparent}")
        self.application.emitted(requests)
        return seconds / requests * 1e6


def measure(setup: Setup, plan: Plan, sampling: Sampling, say: Say) -> Costs:
    """Return the costs of all variants; raises BenchmarkError when one emits the wrong things."""
    rounds: dict[str, list[float]] = {variant.name: [] for variant in VARIANTS}
    with ExitStack() as stack:
        workers = {variant.name: _start(stack, setup, variant, sampling) for variant in VARIANTS}
        for worker in workers.values():
            worker.run(plan.warm_up)
        for number in range(plan.rounds):
            for variant in interleaved(number, VARIANTS):
                rounds[variant.name].append(workers[variant.name].run(plan.requests))
            say(f"{WHERE}, {sampling.text}", number, {name: us[-1] for name, us in rounds.items()})
        for worker in workers.values():
            if worker.application.variant.histogram:
                worker.application.observed(worker.ask("metrics"))
        emitted = {
            name: Emitted(
                worker.application.requests, worker.application.spans, worker.application.lines
            )
            for name, worker in workers.items()
        }
    return Costs(WHERE, sampling.text, rounds, emitted)


def _start(stack: ExitStack, setup: Setup, variant: Variant, sampling: Sampling) -> _Worker:
    read, write = os.pipe()
    application = stack.enter_context(
        applications.running(
            setup, variant, sampling, f"inprocess-{sampling.share}-{variant.name}",
            ["-m", "benchmarks.worker", variant.module, str(write)], {}, pass_fds=[write],
        )
    )  # fmt: skip
    os.close(write)
    return _Worker(application, stack.enter_context(os.fdopen(read)))
