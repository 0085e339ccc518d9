"""What happens around the application's own start-up and shutdown."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .logs import report


class Lifespan:
    """Runs `started` when the application is up and `stopping` when it has shut down.

    A failed start-up is one log line with its stack.
    """

    def __init__(self, started: Callable[[], None], stopped: Callable[[], Awaitable[None]]) -> None:
        self._started = started
        self._stopped = stopped

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the lifespan protocol of ASGI."""

        async def observed(message: Message) -> None:
            match message["type"]:
                case "lifespan.startup.complete":
                    self._started()
                case "lifespan.startup.failed" | "lifespan.shutdown.failed":
                    message = {**message, "message": ""}  # the stack is reported below
                case "lifespan.shutdown.complete":
                    await self._stopped()
            await send(message)

        try:
            await app(scope, receive, observed)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            report("critical", "start-up or shutdown failed", error, __name__)
            raise
