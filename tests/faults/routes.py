"""Routes that a fault test needs, copied into the service under test."""

import asyncio
import logging
import threading
import time
import warnings
from collections.abc import AsyncIterator

from fastapi import APIRouter, BackgroundTasks, Request, WebSocket
from fastapi.responses import StreamingResponse

from app.observability import get_logger

router = APIRouter(prefix="/faults")
log = get_logger(__name__)

SECRET = "hunter2"


@router.get("/slow")
async def slow(seconds: float) -> None:
    """Answer after a while."""
    await asyncio.sleep(seconds)


@router.get("/blocking")
def blocking(seconds: float) -> None:
    """Hold a thread of the pool for a while."""
    time.sleep(seconds)


@router.get("/blocked-loop")
async def blocked_loop(seconds: float) -> None:
    """Hold the event loop itself, as a blocking call in an async route does."""
    time.sleep(seconds)  # noqa: ASYNC251


@router.post("/upload")
async def upload(request: Request) -> None:
    """Read the whole body."""
    await request.body()


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


@router.get("/exception")
async def exception() -> None:
    """Fail, with a cause."""
    try:
        raise LookupError("the cause")
    except LookupError as cause:
        raise RuntimeError(f"password={SECRET}") from cause


@router.get("/sync")
def sync() -> None:
    """Fail in a thread of the pool."""
    raise RuntimeError(f"password={SECRET}")


@router.get("/group")
async def group() -> None:
    """Fail in two tasks of a group."""

    async def fail(error: Exception) -> None:
        raise error

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fail(RuntimeError(f"password={SECRET}")))
        tasks.create_task(fail(LookupError("the other one")))


@router.get("/cancelled")
async def cancelled() -> None:
    """Be cancelled by nobody."""
    raise asyncio.CancelledError


@router.get("/long")
async def long() -> None:
    """Fail with more text than a line holds, below a cause."""
    try:
        raise LookupError("the cause")
    except LookupError as cause:
        raise RuntimeError("x" * 60_000) from cause


@router.get("/broken-stream")
async def broken_stream() -> StreamingResponse:
    """Fail after the first byte."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError(f"password={SECRET}")

    return StreamingResponse(broken())


@router.get("/broken-background")
async def broken_background(tasks: BackgroundTasks) -> str:
    """Fail after the response."""

    async def fail() -> None:
        await asyncio.sleep(0.05)
        raise RuntimeError(f"password={SECRET}")

    tasks.add_task(fail)
    return "done"


@router.get("/thread")
async def thread() -> None:
    """Fail in a thread that nobody waits for."""

    def fail() -> None:
        raise RuntimeError(f"password={SECRET}")

    failing = threading.Thread(target=fail)
    failing.start()
    failing.join()


@router.get("/log")
async def broken_log() -> None:
    """Log what cannot be logged."""
    logging.getLogger("library").error("%d of %s", "no number")
    log.info("odd values", nan=float("nan"), data=b"\xff\x00", text="\x1b[31mred\x00\u2028\n")
    warnings.warn("is deprecated", DeprecationWarning, stacklevel=1)
    warnings.warn(f"password={SECRET}", UserWarning, stacklevel=1)


@router.websocket("/socket")
async def socket(socket: WebSocket) -> None:
    """Fail once the connection is open."""
    await socket.accept()
    raise RuntimeError(f"password={SECRET}")
