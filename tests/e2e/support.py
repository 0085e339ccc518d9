"""What the end-to-end tests ask the stack with, and the closing table of what they proved."""

import contextlib
import subprocess
import time
from collections.abc import Callable
from typing import Any

import httpx

from baseline import local, stack, trace
from tests.support import ROOT


def run(*command: str, seconds: float = 300) -> str:
    """Run a command in the checkout and return what it prints; fails with all of it."""
    done = subprocess.run(
        command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def compose(*arguments: str) -> str:
    """Run docker compose on the stack, the examples included."""
    return run("docker", "compose", "--profile", "examples", *arguments)


def prometheus(path: str, **parameters: Any) -> Any:
    """Ask Prometheus' API and return the data; fails when it refuses."""
    answer = local.get(f"{trace.address('prometheus')}/api/v1/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def lines(query: str) -> list[tuple[dict[str, str], str, str]]:
    """Return labels, nanoseconds and text of each line that a LogQL query finds, of ten minutes."""
    now = time.time_ns()
    answer = local.get(
        f"{trace.address('loki')}/loki/api/v1/query_range",
        params={"query": query, "start": now - 600 * 10**9, "end": now, "limit": 1000},
    )
    assert answer.status_code == 200, answer.text
    return [
        (stream["stream"], nanoseconds, text)
        for stream in answer.json()["data"]["result"]
        for nanoseconds, text in stream["values"]
    ]


def value(query: str) -> float:
    """Return the value of a query that has one series, or 0 when it has none."""
    found = prometheus("query", query=query)["result"]
    return float(found[0]["value"][1]) if found else 0.0


def eventually(what: Callable[[], Any], seconds: float = 60) -> Any:
    """Return the first true answer; fails after `seconds`. A component may be starting."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.TransportError):
            if found := what():
                return found
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.5)


PROOFS: list[tuple[str, str]] = []


def report(proof: str, figure: object) -> None:
    """Add one line to the closing table."""
    PROOFS.append((proof, str(figure)))


def grafana_runs() -> bool:
    """Say whether the stack has Grafana: its image may be out of reach."""
    return stack.is_ready(stack.component("grafana"))
