"""Break a service on purpose: requests that fail, requests that are slow, a stopped container."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx

from baseline import local

REQUESTS_PER_SECOND: Final = 10
LONGEST_SECONDS: Final = 30.0


class ContainerError(Exception):
    """Docker did not stop or start a container; the text has its reason."""


@dataclass(frozen=True)
class Target:
    """A service that may be broken: where it answers, and how it is made to fail."""

    service: str
    url: str
    container: str
    errors: str = "/faults/error"
    """A path that answers 5xx."""
    delays: str = "/faults/delay"
    """A path that takes longer than a second."""


@asynccontextmanager
async def requests(url: str) -> AsyncIterator[None]:
    """Send ten requests a second to a URL, whatever it answers and however long that takes."""
    sending = asyncio.create_task(_send(url))
    try:
        yield
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending


@asynccontextmanager
async def stopped(container: str) -> AsyncIterator[None]:
    """Stop a container, and start it again in the end; raises ContainerError."""
    stopping = asyncio.ensure_future(_docker("stop", container))
    try:
        await asyncio.shield(stopping)
        yield
    finally:
        # A start while the stop still runs would do nothing.
        await asyncio.wait([stopping])
        await _docker("start", container)


async def check(url: str, *, is_slow: bool) -> str:
    """Ask a fault route once; returns why it is none, or an empty text."""
    try:
        async with local.client(timeout=LONGEST_SECONDS) as client:
            answer = await client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{url}: {error or type(error).__name__}"
    seconds = answer.elapsed.total_seconds()
    if is_slow:
        return "" if seconds > 1 else f"{url} answers after {seconds:.2f} s, not over 1 s"
    return "" if answer.status_code >= 500 else f"{url} answers {answer.status_code}, not 5xx"


async def _send(url: str) -> None:
    async with (
        local.client(timeout=LONGEST_SECONDS) as client,
        asyncio.TaskGroup() as group,
    ):
        while True:
            group.create_task(_once(client, url))
            await asyncio.sleep(1 / REQUESTS_PER_SECOND)


async def _once(client: httpx.AsyncClient, url: str) -> None:
    with contextlib.suppress(httpx.HTTPError):  # the service is broken: that is the point
        await client.get(url)


async def _docker(command: str, container: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "docker", command, container,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is not for it
    )  # fmt: skip
    _, said = await process.communicate()
    if process.returncode:
        raise ContainerError(f"docker {command} {container}: {said.decode().strip()}")
