"""Routes that a fault test needs, copied into the service under test."""

import asyncio
import time
from collections.abc import AsyncIterator

from fastapi import APIRouter, BackgroundTasks
from fastapi.responses import StreamingResponse

from app.observability import get_logger

router = APIRouter(prefix="/faults")
log = get_logger(__name__)


@router.get("/slow")
async def slow(seconds: float) -> None:
    """Answer after a while."""
    await asyncio.sleep(seconds)


@router.get("/blocking")
def blocking(seconds: float) -> None:
    """Hold a thread of the pool for a while."""
    time.sleep(seconds)


@router.get("/executor")
async def executor(seconds: float) -> None:
    """Hold a thread of the event loop's own executor for a while."""
    await asyncio.to_thread(time.sleep, seconds)


@router.get("/stream")
async def stream() -> StreamingResponse:
    """Send a byte now and then, for ever."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"."
            await asyncio.sleep(0.1)

    return StreamingResponse(endless())


@router.get("/background")
async def background(tasks: BackgroundTasks, seconds: float) -> None:
    """Answer at once and go on working for a while."""

    async def work() -> None:
        await asyncio.sleep(seconds)
        log.info("background task done")

    tasks.add_task(work)


@router.get("/line")
async def line(length: int) -> None:
    """Log a line of about that many bytes."""
    log.info("long line", text="x" * length)
