"""Break one service on purpose, and follow one alert until it has cleared again.

Each step has a time limit; the first that is missed ends the drill.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from baseline import faults, links
from baseline.faults import Target
from baseline.links import DeadLinkError
from baseline.monitor import Monitor

ERRORS, LATENCY, OUTAGE = ALERTS = (
    "error_rate_above_1_percent", "p99_latency_above_1_second", "service_unavailable",
)  # fmt: skip
DEVELOPMENT: Final = ("development", "test", "staging")
RECENT_SECONDS: Final = 3000  # lines are looked for within the hour before the drill's end
STEPS: Final = ("pending", "firing", "held", "sent", "links", "cleared", "resolved")


class DrillError(Exception):
    """A step of a drill was missed; the text says which one."""


@dataclass
class Progress:
    """How far one drill is: what it waits for, and the seconds of the steps that are done."""

    alert: str
    service: str
    doing: str = "starting"
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Drill:
    """One alert on one service, from the fault to the all-clear."""

    alert: str
    target: Target
    speed: int
    monitor: Monitor
    progress: Progress

    async def run(self) -> str:
        """Break, follow, repair, wait; returns which step was missed and why, or an empty text."""
        try:
            await self._follow()
        except Exception as error:  # the other drills go on
            known = isinstance(error, (DrillError, DeadLinkError, faults.ContainerError))
            reason = str(error) if known else f"{type(error).__name__}: {error}"
            step, self.progress.doing = self.progress.doing, "failed"
            return f"{self.alert} of {self.target.service}, {step}: {reason}"
        self.progress.doing = "done"
        return ""

    async def _follow(self) -> None:
        name, service = self.alert, self.target.service
        if await self.monitor.firing(name, service):
            raise DrillError("it is active already: wait until it has cleared")
        # Without requests of the drill's own, those of before have to do.
        started = time.time() - (0 if self._path() else RECENT_SECONDS)
        if not self._path() and not await links.exemplars(self.monitor, service, started):
            raise DrillError("it has no recent trace: send it a request, try again in a minute")
        async with AsyncExitStack() as broken:
            began = await self._break(broken)
            await self._step("pending", began, lambda: self.monitor.firing(name, service))
            alert = await self._step("firing", began, self._firing)
            held = await self._step("held", began, self._held)
            hides = time.time()
            sent = await self._step("sent", began, lambda: self._sent("firing", began))
            self._check_route(alert, held, sent)
            if name == OUTAGE and self.target.errors:
                await self._check_inhibition(held, hides)
            found = await self._step("links", began, lambda: self._links(alert, started))
            self.progress.notes += [
                f"runbook    {found.runbook}", f"dashboard  {found.dashboard}",
                f"trace      {found.trace}", f"log lines  {found.lines} of that trace in Loki",
            ]  # fmt: skip
        repaired = time.time()
        await self._step("cleared", repaired, self._cleared)
        await self._step("resolved", repaired, lambda: self._sent("resolved", repaired))

    async def _break(self, broken: AsyncExitStack) -> float:
        """Make the service fail until `broken` is closed; returns the moment at which it did."""
        target = self.target
        began = time.time()
        if path := self._path():
            if reason := await faults.check(target.url + path, is_slow=self.alert == LATENCY):
                raise DrillError(reason)
            await broken.enter_async_context(faults.requests(target.url + path))
        if self.alert == OUTAGE:
            if target.errors:  # a symptom first, for the outage to hide
                await self._wait("symptom", lambda: self.monitor.firing(ERRORS, target.service))
            self.progress.doing = "stopping"
            began = time.time()
            await broken.enter_async_context(faults.stopped(target.container))
        return began

    def _path(self) -> str:
        return self.target.delays if self.alert == LATENCY else self.target.errors

    async def _firing(self) -> dict[str, Any] | None:
        found = await self.monitor.firing(self.alert, self.target.service)
        return found if found and found["state"] == "firing" else None

    async def _held(self) -> dict[str, Any] | None:
        return await self.monitor.held(self.alert, self.target.service)

    async def _sent(self, status: str, since: float) -> dict[str, Any] | None:
        return await self.monitor.sent(self.alert, self.target.service, status, _iso(since))

    async def _links(self, alert: dict[str, Any], since: float) -> links.Evidence | None:
        return await links.follow(self.monitor, alert, self._is_culprit, since)

    async def _cleared(self) -> bool:
        return await self.monitor.firing(self.alert, self.target.service) is None

    def _is_culprit(self, exemplar: dict[str, Any]) -> bool:
        if self.alert == LATENCY:
            return float(exemplar["value"]) > 1
        if not self.target.errors:  # only stopped: its last requests did not fail
            return True
        return str(exemplar["series"]["http_response_status_code"]).startswith("5")

    def _check_route(
        self, alert: dict[str, Any], held: dict[str, Any], sent: dict[str, Any]
    ) -> None:
        """Compare who was told with who should be: by environment, severity and team."""
        labels = defaultdict(str, alert["labels"])
        urgent = "page" if labels["severity"] == "critical" else "ticket"
        environment = labels["deployment_environment_name"]
        wanted = ("development" if environment in DEVELOPMENT else urgent, labels["team"])
        asked = [receiver["name"] for receiver in held["receivers"]]
        told = (sent["receiver"], sent["team"])
        self.progress.doing = "routing"
        if told != wanted or asked != [wanted[0]]:
            raise DrillError(f"{told} was told, by {asked}, and {wanted} should be")
        self.progress.notes.append(f"routed to  {wanted[0]}, team {wanted[1]}")

    async def _check_inhibition(self, outage: dict[str, Any], since: float) -> None:
        """Check that the symptom is suppressed by the outage, and that nobody is told of it."""
        service = self.target.service

        async def hidden() -> dict[str, Any] | None:
            symptom = await self.monitor.held(ERRORS, service)
            by = symptom["status"]["inhibitedBy"] if symptom else []
            return symptom if outage["fingerprint"] in by else None

        await self._wait("inhibition", hidden)
        if await self.monitor.sent(ERRORS, service, "firing", _iso(since)):
            raise DrillError(f"{ERRORS} of {service} was sent during its outage")
        self.progress.notes.append(f"inhibited  {ERRORS}, not sent any more")

    async def _step(self, name: str, since: float, look: Callable[[], Awaitable[Any]]) -> Any:
        found = await self._wait(name, look)
        self.progress.seconds[name] = time.time() - since
        return found

    async def _wait(self, name: str, look: Callable[[], Awaitable[Any]]) -> Any:
        """Return the first answer that is not empty; raises DrillError when it takes too long."""
        self.progress.doing = name
        limit = 90 + 1800 / self.speed  # no duration of a rule or route for these is over 5 minutes
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if found := await look():
                return found
            await asyncio.sleep(0.5)
        raise DrillError(f"not within {limit:.0f} s")


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
