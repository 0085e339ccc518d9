"""A variant as a process, and the check that it emitted what its requests call for."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .generated import ROOT
from .receiver import Receiver
from .variants import GENERATED, Variant

ROUTE: Final = "/v1/items/{item}"
EMIT_SECONDS: Final = 20.0


class BenchmarkError(Exception):
    """The run cannot go on; the text says why, in one line."""


@dataclass(frozen=True)
class Sampling:
    """How many traces are kept, and the variables that say so.

    With `traceparent` every request continues a caller's sampled trace; without, the service
    decides itself.
    """

    share: float
    traceparent: bool
    variables: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The share in percent."""
        return f"{self.share:.0%}".replace("%", " %")

    def keeps(self, trace_id: str) -> bool:
        """Say whether the SDK's ratio sampler keeps a trace: it looks at the id's low 64 bits."""
        return int(trace_id[16:], 16) < round(self.share * 2**64)


EVERY_TRACE: Final = Sampling(1.0, True, (("OTEL_TRACES_SAMPLER", "parentbased_always_on"),))
ONE_IN_TEN: Final = Sampling(
    0.1,
    False,
    (("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.1")),
)

# The same for all: a queue that never overflows, and batches of the SDK's own size.
_EXPORT: Final = {"OTEL_BSP_MAX_QUEUE_SIZE": "65536", "OTEL_BSP_SCHEDULE_DELAY": "500"}
_INHERITED: Final = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Setup:
    """What all measurements share: a folder for output, the generated service, the receiver."""

    folder: Path
    service: Path
    receiver: Receiver

    def environment(self, variant: Variant, variables: dict[str, str]) -> dict[str, str]:
        """Return the whole environment of a variant's process."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        path = f"{ROOT}{os.pathsep}{ROOT / 'benchmarks/absent'}"
        return {**inherited, "PYTHONPATH": path, **dict(variant.environment), **variables}

    def working_folder(self, variant: Variant) -> Path:
        """Return where a variant's process runs: its modules are looked up there first."""
        return self.service if variant is GENERATED else ROOT


class Application:
    """A running variant, and what it has emitted so far."""

    def __init__(
        self, setup: Setup, variant: Variant, sampling: Sampling, process: subprocess.Popen[str],
        output: Path,
    ) -> None:  # fmt: skip
        self.variant = variant
        self.sampling = sampling
        self.process = process
        self.requests = self.lines = self.spans = 0
        self._spans_due = 0
        self._receiver = setup.receiver
        self._sender = output.stem
        self._output = output
        self._offset = 0

    def emitted(self, requests: int) -> None:
        """Wait until all lines and spans of that many further requests have come.

        Raises BenchmarkError when they do not, or when there are too many of them.
        """
        self.requests += requests
        end = time.monotonic() + EMIT_SECONDS
        while True:
            self._look()
            lines_due = self.requests * self.variant.lines
            if self.lines >= lines_due and self.spans >= self._spans_due:
                break
            if time.monotonic() > end:
                break
            time.sleep(0.02)
        self._compare("log lines with a trace id", self.lines, lines_due)
        self._compare("spans", self.spans, self._spans_due)

    def observed(self, exposition: str) -> None:
        """Check in the text of /metrics that each request is in the duration histogram once.

        Raises BenchmarkError when it is not.
        """
        pattern = rf'^{self.variant.histogram}_count{{.*"{re.escape(ROUTE)}".*}} (\S+)$'
        counts = re.findall(pattern, exposition, re.MULTILINE)
        self._compare("observations", int(sum(map(float, counts))), self.requests)

    def ended(self) -> BenchmarkError:
        """Return the error that says with which words the process has ended."""
        words = self._output.with_suffix(".err").read_text().strip().splitlines()
        return BenchmarkError(f"{self.variant.name} has ended: {words[-1] if words else 'silent'}")

    def _look(self) -> None:
        with self._output.open("rb") as output:
            output.seek(self._offset)
            new = output.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            try:
                trace_id = json.loads(line).get("trace_id")
            except ValueError:
                raise BenchmarkError(f"{self.variant.name}: no JSON: {line[:120]!r}") from None
            if trace_id:
                self.lines += 1
                self._spans_due += self.variant.spans * self.sampling.keeps(trace_id)
        if self.variant.spans:
            self.spans = self._receiver.spans(self._sender)

    def _compare(self, what: str, found: int, wanted: int) -> None:
        if found != wanted:
            raise BenchmarkError(
                f"{self.variant.name} emitted {found} {what} for {self.requests} requests at "
                f"{self.sampling.text} sampling, not {wanted}"
            )


@contextmanager
def running(
    setup: Setup, variant: Variant, sampling: Sampling, name: str, arguments: Sequence[str],
    variables: dict[str, str], pass_fds: Sequence[int] = (),
) -> Iterator[Application]:  # fmt: skip
    """Run Python with `arguments` as the process of a variant, and kill it in the end.

    `name` names its output file and its spans; it is used once in a run.
    """
    output = setup.folder / f"{name}.out"
    environment = setup.environment(
        variant,
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": setup.receiver.endpoint(name),
            **_EXPORT, **dict(sampling.variables), **variables,
        },
    )  # fmt: skip
    with (
        output.open("wb") as stdout,
        output.with_suffix(".err").open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd=setup.working_folder(variant), env=environment,
            stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, pass_fds=pass_fds, text=True,
        ) as process,
    ):  # fmt: skip
        try:
            yield Application(setup, variant, sampling, process, output)
        finally:
            process.kill()
