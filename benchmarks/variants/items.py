"""The one route that every variant serves: `GET /v1/items/{item}`.

It imports nothing but FastAPI, so that it can be put into a generated service as it is.
"""

from fastapi import APIRouter

router = APIRouter(prefix="/v1")


@router.get("/items/{item}")
async def read(item: int) -> dict[str, int]:
    """Return a small object."""
    return {"item": item, "price": 1295}
