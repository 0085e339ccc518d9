"""What happens around the application's own start-up and shutdown."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .lines import report


class Lifespan:
    """Runs `started` when the application is up and `stopped` when it has shut down or failed.

    A failure is one log line with its stack.
    """

    def __init__(self, started: Callable[[], None], stopped: Callable[[], Awaitable[None]]) -> None:
        self._started = started
        self._stopped = stopped

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the lifespan protocol of ASGI."""
        failed: Message | None = None

        async def observed(message: Message) -> None:
            nonlocal failed
            match message["type"]:
                case "lifespan.startup.complete":
                    self._started()
                case "lifespan.shutdown.complete":
                    await self._stopped()
                case "lifespan.startup.failed" | "lifespan.shutdown.failed":
                    # The server ends the process once it has this, so the report comes first,
                    # and the message's own copy of the stack is left out.
                    failed = {**message, "message": ""}
                    return
            await send(message)

        try:
            await app(scope, receive, observed)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            report("critical", "start-up or shutdown failed", error, __name__)
            await self._stopped()
            if failed is not None:
                await send(failed)
            raise
