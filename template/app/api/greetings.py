"""A sample route, meant to be replaced: `GET /greetings/{name}`."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from app.observability import get_logger

router = APIRouter(prefix="/greetings", tags=["greetings"])
log = get_logger(__name__)


class Greeting(BaseModel):
    """What a caller gets."""

    message: str


@router.get("/{name}")
async def greet(name: Annotated[str, Path(max_length=40)]) -> Greeting:
    """Greet somebody."""
    log.info("greeting sent", recipient_length=len(name))
    return Greeting(message=f"Hello, {name}")
