"""`GET /faults/...`: what `make drill` breaks. A service of your own needs no such routes."""

import asyncio
from typing import Final

from fastapi import APIRouter

router = APIRouter(prefix="/faults", tags=["faults"])

DELAY_SECONDS: Final = 1.5  # over the second that p99_latency_above_1_second allows


@router.get("/error")
async def fail() -> None:
    """Fail as a defect does: the caller gets a 500."""
    raise RuntimeError("a fault for the drill")


@router.get("/delay")
async def delay() -> dict[str, float]:
    """Answer late."""
    await asyncio.sleep(DELAY_SECONDS)
    return {"delay_s": DELAY_SECONDS}
