"""Readiness checks: side by side, limited in time, cached, and never in the way of a scrape."""

import asyncio
import time

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.observability.health import Check
from app.observability.testing import LogLine, Metric


async def hang() -> None:
    """Never answer."""
    await asyncio.sleep(60)


async def fail() -> None:
    """Fail with something that must not leak."""
    raise ConnectionError("postgres://user:hunter2@db")


def test_checks_run_side_by_side_within_their_limits(app: FastAPI, client: TestClient) -> None:
    """Five checks that hang cost one limit, not five."""
    for number in range(5):
        app.state.observability.readiness.add(f"slow-{number}", hang, seconds=0.3)
    start = time.monotonic()
    response = client.get("/ready")
    assert response.status_code == 503
    assert len(response.json()["failing"]) == 5
    assert time.monotonic() - start < 1.2


async def cancelled() -> None:
    """End as a library's cancelled request ends."""
    raise asyncio.CancelledError


async def timed_out() -> None:
    """Fail at once, with a time limit of its own."""
    raise TimeoutError("pool is empty")


@pytest.mark.parametrize(
    ("check", "reason"),
    [(cancelled, "CancelledError: "), (timed_out, "TimeoutError: pool is empty")],
)
def test_whatever_a_check_raises_is_its_reason(
    app: FastAPI, client: TestClient, log_lines: list[LogLine], check: Check, reason: str
) -> None:
    """A check may fail with anything: /ready is 503, and the line says what it was."""
    app.state.observability.readiness.add("database", check)
    assert client.get("/ready").json() == {"status": "unavailable", "failing": ["database"]}
    (line,) = [line for line in log_lines if line["event"] == "readiness check failed"]
    assert line["reason"] == reason


def test_results_are_cached(app: FastAPI, client: TestClient) -> None:
    """Probes in quick succession run a check once."""
    runs = 0

    async def count() -> None:
        nonlocal runs
        runs += 1

    app.state.observability.readiness.add("counted", count)
    assert [client.get("/ready").status_code for _ in range(5)] == [200] * 5
    assert runs == 1


def test_failure_is_logged_once_without_secrets(
    app: FastAPI, client: TestClient, log_lines: list[LogLine], metric: Metric
) -> None:
    """The reason of a failing check goes to the log, once, and not to the caller."""
    app.state.observability.readiness.add("database", fail)
    for _ in range(3):
        assert "hunter2" not in client.get("/ready").text
    (line,) = [line for line in log_lines if line["event"] == "readiness check failed"]
    assert line["check"] == "database"
    assert "hunter2" not in str(line)
    assert metric("service_ready", check="database") == 0.0


def test_scrape_waits_for_no_check(app: FastAPI, client: TestClient) -> None:
    """/metrics answers at once while a check hangs."""
    app.state.observability.readiness.add("slow", hang, seconds=5)
    start = time.monotonic()
    assert client.get("/metrics").status_code == 200
    assert time.monotonic() - start < 0.5


def test_wrong_checks_are_refused(app: FastAPI) -> None:
    """A check must be an async function with a name of its own."""
    readiness = app.state.observability.readiness
    with pytest.raises(TypeError, match="async"):
        readiness.add("sync", lambda: None)
    readiness.add("database", fail)
    with pytest.raises(ValueError, match="already"):
        readiness.add("database", fail)


@pytest.mark.parametrize("path", ["/healthz", "/ready", "/metrics"])
def test_methods(client: TestClient, path: str) -> None:
    """The endpoints can be read and nothing else."""
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405
