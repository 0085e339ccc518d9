"""`POST /orders` and `GET /orders/{order_id}`."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field

from app.api.payments import PaymentDeclinedError, Payments, PaymentUnavailableError
from app.observability import get_logger

router = APIRouter(prefix="/orders", tags=["orders"])
log = get_logger(__name__)


class NewOrder(BaseModel):
    """What a customer wants."""

    item: Annotated[str, Field(min_length=1, max_length=80)]
    amount_cents: Annotated[int, Field(gt=0)]


class Order(NewOrder):
    """An order that was paid."""

    order_id: UUID
    payment_id: str


class Orders:
    """Paid orders, kept in memory."""

    def __init__(self, payments: Payments) -> None:
        self.payments = payments
        self.by_id: dict[UUID, Order] = {}


def _orders(request: Request) -> Orders:
    orders: Orders = request.app.state.orders
    return orders


Store = Annotated[Orders, Depends(_orders)]


@router.post("", status_code=201)
async def place(new: NewOrder, orders: Store) -> Order:
    """Take an order and have it paid; 402 when it is declined, 502 when payments fails."""
    order_id = uuid4()
    try:
        payment_id = await orders.payments.pay(order_id, new.amount_cents)
    except PaymentDeclinedError:
        raise HTTPException(402, "The payment was declined") from None
    except PaymentUnavailableError:
        log.warning("payments unavailable", order_id=str(order_id))
        raise HTTPException(502, "The payment could not be made") from None
    order = Order(**new.model_dump(), order_id=order_id, payment_id=payment_id)
    orders.by_id[order_id] = order
    log.info("order placed", order_id=str(order_id), amount_cents=new.amount_cents)
    return order


@router.get("/{order_id}")
async def read(order_id: UUID, orders: Store) -> Order:
    """Return a paid order."""
    order = orders.by_id.get(order_id)
    if order is None:
        raise HTTPException(404, "There is no such order")
    return order
