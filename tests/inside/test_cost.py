"""What the baseline adds to a request, counted where no noise reaches: in function calls."""

import asyncio
import sys
from types import FrameType
from typing import Any, Final

import pytest
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Message, Scope

from app.observability import TELEMETRY_OFF, install, output
from app.settings import load_settings

MAX_CALLS: Final = 90
REQUESTS: Final = 100
HEADERS: Final = [
    (b"host", b"localhost"),
    (b"user-agent", b"test"),
    (b"accept", b"*/*"),
    (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
]

router = APIRouter(prefix="/items")


@router.get("/{item}")
async def item(item: int) -> dict[str, int]:
    """Return a small object."""
    return {"item": item}


async def get(app: ASGIApp) -> None:
    """Send one request through an application, without a server."""
    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "method": "GET", "path": "/items/7", "raw_path": b"/items/7", "query_string": b"",
        "root_path": "", "headers": HEADERS, "server": ("localhost", 80), "client": ("::1", 1),
    }  # fmt: skip
    statuses = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        statuses.append(message.get("status"))

    await app(scope, receive, send)
    assert statuses == [200, None]


async def calls(app: ASGIApp) -> float:
    """Return the Python functions that one request calls in the thread that serves it."""
    count = 0

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event == "call"

    for _ in range(10):
        await get(app)
    sys.setprofile(profile)
    try:
        for _ in range(REQUESTS):
            await get(app)
    finally:
        sys.setprofile(None)
    return count / REQUESTS


@pytest.mark.parametrize("sampler", ["parentbased_always_on", "always_off"])
def test_added_calls(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], sampler: str
) -> None:
    """With span, metric and access line a request makes at most 90 calls more than without."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    bare = FastAPI(telemetry=TELEMETRY_OFF)
    observed = FastAPI(telemetry=TELEMETRY_OFF)
    for app in (bare, observed):
        app.include_router(router)
    observability = install(observed, load_settings())
    monkeypatch.setattr(output, "write", output.to_stdout)

    added = asyncio.run(calls(observed)) - asyncio.run(calls(bare))

    lines = capfd.readouterr().out.count('"event":"request"')
    queue = observability.tracing.queue
    assert lines == REQUESTS + 10
    assert queue is not None
    assert queue.processed[""] == (lines if sampler != "always_off" else 0)
    assert 50 < added <= MAX_CALLS
