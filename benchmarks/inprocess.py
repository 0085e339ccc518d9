"""CPU time of a request in memory: one worker process per variant, rounds interleaved."""

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TextIO

from . import applications, rounds
from .applications import Application, Sampling, Setup
from .costs import Costs
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

    def serve(self, requests: int) -> float:
        """Return the CPU microseconds of each of `requests` requests."""
        traceparent = " traceparent" if self.application.sampling.traceparent else ""
        seconds: float = self.ask(f"run {requests}{traceparent}")
        self.application.emitted(requests)
        return seconds / requests * 1e6

    def exposition(self) -> str:
        """Return the text of /metrics."""
        return str(self.ask("metrics"))


def measure(setup: Setup, plan: Plan, sampling: Sampling, say: Say) -> Costs:
    """Return the costs of all variants; raises BenchmarkError when one emits the wrong things."""
    with ExitStack() as stack:
        workers = {variant.name: _start(stack, setup, variant, sampling) for variant in VARIANTS}
        return rounds.measure(WHERE, sampling, plan, say, workers)


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
