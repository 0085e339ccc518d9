"""Whether traffic should come here: the state of the service, and its readiness checks."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from opentelemetry.context import attach
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from .logs import get_logger
from .metrics import Metrics
from .render import named

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
        limit = asyncio.timeout(entry.seconds)
        try:
            async with limit:
                await entry.check()
        except (Exception, asyncio.CancelledError) as error:
            if (task := asyncio.current_task()) and task.cancelling():
                raise  # the service ends
            late = limit.expired()
            reason = f"no answer within {entry.seconds} s" if late else named(error)
        entry.passed, entry.checked_at = reason is None, time.monotonic()
        self._metrics.ready(name, entry.passed)
        if entry.passed and before is False:
            _log.info("readiness check recovered", check=name)
        elif reason is not None and before is not False:
            _log.warning("readiness check failed", check=name, reason=reason)
