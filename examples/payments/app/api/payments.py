"""`POST /payments`: charge an amount through the provider."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from app.api import provider
from app.observability import get_logger

router = APIRouter(prefix="/payments", tags=["payments"])
log = get_logger(__name__)


class NewPayment(BaseModel):
    """What a caller wants paid."""

    order_id: UUID
    amount_cents: Annotated[int, Field(gt=0)]


class Payment(BaseModel):
    """A payment that was taken."""

    payment_id: UUID
    reference: str


@router.post("", status_code=201)
async def pay(new: NewPayment) -> Payment:
    """Take a payment; 402 when the provider declines it."""
    try:
        reference = await provider.charge(new.amount_cents)
    except provider.DeclinedError:
        log.info("payment declined", order_id=str(new.order_id), amount_cents=new.amount_cents)
        raise HTTPException(402, "The payment was declined") from None
    log.info("payment taken", order_id=str(new.order_id), amount_cents=new.amount_cents)
    return Payment(payment_id=uuid4(), reference=reference)
