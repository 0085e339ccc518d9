"""CPU time of a request over HTTP: each variant under uvicorn, eight connections, saturated."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from . import applications, rounds
from .applications import Application, BenchmarkError, Sampling, Setup
from .costs import Costs
from .generated import ROOT
from .plan import Plan, Say
from .variants import GENERATED, VARIANTS, Variant

WHERE: Final = "over HTTP"
START_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Server:
    """A variant that answers on a port of this machine."""

    application: Application
    port: int

    def cpu_seconds(self) -> float:
        """Return the user and system time of the process so far, in nanosecond resolution."""
        # The clock of another process, as clock_getcpuclockid(3) numbers it on Linux.
        return time.clock_gettime((~self.application.process.pid << 3) | 2)

    def resident_bytes(self) -> int:
        """Return how much memory the process holds."""
        with open(f"/proc/{self.application.process.pid}/status") as status:
            sizes = dict(line.split(":", 1) for line in status)
        return int(sizes["VmRSS"].split()[0]) * 1024

    def load(self, *arguments: object) -> list[float]:
        """Run the load generator, and wait until everything that it causes has been emitted.

        Returns the latencies in milliseconds that it printed, if it did.
        """
        kind, *rest = map(str, arguments)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.load", kind, str(self.port), *rest],
            check=False, cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise BenchmarkError(f"{self.application.variant.name}: {reason}")
        latencies: list[float] = json.loads(done.stdout)
        return latencies

    def serve(self, requests: int) -> float:
        """Return the CPU microseconds of each of `requests` requests, their export included."""
        before = self.cpu_seconds()
        self.load("closed", requests, self.application.sampling.traceparent)
        self.application.emitted(requests)
        return (self.cpu_seconds() - before) / requests * 1e6

    def exposition(self) -> str:
        """Return the text of /metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        return text


def measure(setup: Setup, plan: Plan, sampling: Sampling, say: Say) -> Costs:
    """Return the costs of all variants; raises BenchmarkError when one emits the wrong things."""
    with ExitStack() as stack:
        servers = {
            variant.name: stack.enter_context(serving(setup, variant, sampling, "http"))
            for variant in VARIANTS
        }
        return rounds.measure(WHERE, sampling, plan, say, servers)


@contextmanager
def serving(setup: Setup, variant: Variant, sampling: Sampling, name: str) -> Iterator[Server]:
    """Serve a variant under uvicorn; `name` tells the measurements of a run apart."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    own = ["-m", "app"] if variant is GENERATED else ["-m", "benchmarks.serve", variant.module]
    with applications.running(
        setup, variant, sampling, f"{name}-{sampling.share}-{variant.name}", own,
        {"PORT": str(port)},
    ) as application:  # fmt: skip
        server = Server(application, port)
        _wait_until_listening(server)
        yield server


def _wait_until_listening(server: Server) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.application.process.poll() is not None:
            raise server.application.ended()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", server.port)) == 0:
                return
        time.sleep(0.05)
    raise BenchmarkError(f"{server.application.variant.name} does not listen")
