"""All variants take turns, round by round: what both measurements of CPU time do."""

from collections.abc import Mapping
from typing import Protocol

from .applications import Application, Sampling
from .costs import Costs, Emitted, interleaved
from .plan import Plan, Say
from .variants import VARIANTS


class Subject(Protocol):
    """A running variant, however its requests reach it."""

    @property
    def application(self) -> Application:
        """The variant's process, and what it has emitted so far."""

    def serve(self, requests: int) -> float:
        """Return the CPU microseconds of each of `requests` requests, their export included."""

    def exposition(self) -> str:
        """Return the text of /metrics."""


def measure(
    where: str, sampling: Sampling, plan: Plan, say: Say, subjects: Mapping[str, Subject]
) -> Costs:
    """Return the costs by variant; raises BenchmarkError when one emits the wrong things."""
    rounds: dict[str, list[float]] = {name: [] for name in subjects}
    for subject in subjects.values():
        subject.serve(plan.warm_up)
    for number in range(plan.rounds):
        for variant in interleaved(number, VARIANTS):
            rounds[variant.name].append(subjects[variant.name].serve(plan.requests))
        say(f"{where}, {sampling.text}", number, {name: us[-1] for name, us in rounds.items()})
    emitted = {}
    for name, subject in subjects.items():
        check_metrics(subject)
        one = subject.application
        emitted[name] = Emitted(one.requests, one.spans, one.lines)
    return Costs(where, sampling.text, rounds, emitted)


def check_metrics(subject: Subject) -> None:
    """Check that each request was observed; raises BenchmarkError when one was not."""
    if subject.application.variant.histogram:  # bare FastAPI has no metrics to ask for
        subject.application.observed(subject.exposition())
