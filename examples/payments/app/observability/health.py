"""`/healthz`, `/ready` and `/metrics` as plain ASGI endpoints, and the readiness checks.

Liveness checks nothing but the process; readiness says "send traffic here" (Kubernetes, "Pod
Lifecycle"; SRE book, chapter 8). The collector is in neither: telemetry never stops a service.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson
from opentelemetry.context import attach
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from . import exposition, names
from .logs import get_logger
from .metrics import Metrics

Check = Callable[[], Awaitable[object]]
State = Literal["starting", "serving", "draining"]

CHECK_SECONDS: Final = 1.0
CACHE_SECONDS: Final = 2.0
LIFECYCLE: Final = "lifecycle"

_log = get_logger(__name__)


@dataclass
class _Entry:
    check: Check
    seconds: float
    passed: bool | None = None
    checked_at: float = -CACHE_SECONDS


class Readiness:
    """The service's state and its checks of hard dependencies, each with a time limit and a cache.

    A check is an async function that returns when the dependency can be used and raises when it
    cannot.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._entries: dict[str, _Entry] = {}
        self._running: asyncio.Task[None] | None = None
        self.state: State = "starting"
        metrics.ready(LIFECYCLE, False)

    def add(self, name: str, check: Check, seconds: float = CHECK_SECONDS) -> None:
        """Register a check under a name that `/ready` and the metric show.

        `seconds` is its time limit. Raises TypeError when the check is not an async function and
        ValueError when the name is taken: both are mistakes in the service's code.
        """
        if not inspect.iscoroutinefunction(check):
            raise TypeError(f"readiness check {name!r} must be an async function")
        if name in self._entries or name == LIFECYCLE:
            raise ValueError(f"there is a readiness check named {name!r} already")
        self._entries[name] = _Entry(check, seconds)
        self._metrics.ready(name, False)

    def become(self, state: State) -> None:
        """Enter a state; only a serving process is ready."""
        self.state = state
        self._metrics.ready(LIFECYCLE, state == "serving")

    async def failing(self) -> list[str]:
        """Run the checks whose result is older than the cache allows, and name those that fail."""
        await asyncio.shield(self.refresh())
        return [name for name, entry in self._entries.items() if not entry.passed]

    def refresh(self) -> asyncio.Task[None]:
        """Bring the results up to date in the background; callers share one run."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run_all())
        return self._running

    async def _run_all(self) -> None:
        # A check is no request: what it calls belongs to a trace that nobody samples.
        ids = RandomIdGenerator()
        nobody = SpanContext(ids.generate_trace_id(), ids.generate_span_id(), is_remote=False)
        attach(set_span_in_context(NonRecordingSpan(nobody)))  # of this task alone
        await asyncio.gather(*(self._run(name) for name in self._entries))

    async def _run(self, name: str) -> None:
        entry = self._entries[name]
        if time.monotonic() - entry.checked_at < CACHE_SECONDS:
            return
        before, reason = entry.passed, None
        try:
            async with asyncio.timeout(entry.seconds):
                await entry.check()
        except TimeoutError:
            reason = f"no answer within {entry.seconds} s"
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        entry.passed, entry.checked_at = reason is None, time.monotonic()
        self._metrics.ready(name, entry.passed)
        if entry.passed and before is False:
            _log.info("readiness check recovered", check=name)
        elif reason is not None and before is not False:
            _log.warning("readiness check failed", check=name, reason=reason)


def endpoints(readiness: Readiness, metrics: Metrics) -> Mapping[str, ASGIApp]:
    """Return the three operational endpoints by path.

    They are answered before the service's own middleware and routes, so that neither a host
    check, a login, a full thread pool nor a catch-all route can hide them.
    """

    async def healthz(_: Scope) -> Response:
        return _json(200, {"status": "ok"})

    async def ready(_: Scope) -> Response:
        if readiness.state != "serving":
            return _json(503, {"status": readiness.state})
        if failing := await readiness.failing():
            return _json(503, {"status": "unavailable", "failing": failing})
        return _json(200, {"status": "ready"})

    async def expose(scope: Scope) -> Response:
        if readiness.state == "serving":
            readiness.refresh()  # the next scrape sees it; this one waits for no dependency
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        body, content_type = exposition.render(metrics.registry, accept.decode("latin-1"))
        return Response(body, headers={"content-type": content_type})

    return {
        names.HEALTHZ: _get_only(healthz),
        names.READY: _get_only(ready),
        names.METRICS: _get_only(expose),
    }


def _json(status: int, body: Mapping[str, Any]) -> Response:
    return Response(
        orjson.dumps(body), status, {"cache-control": "no-store"}, media_type="application/json"
    )


def _get_only(answer: Callable[[Scope], Awaitable[Response]]) -> ASGIApp:
    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):
            response = await answer(scope)
        else:
            response = Response(status_code=405, headers={"allow": "GET, HEAD"})
        await response(scope, receive, send)

    return endpoint
