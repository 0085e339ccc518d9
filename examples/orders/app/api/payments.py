"""The payments service as orders sees it."""

from dataclasses import dataclass
from uuid import UUID

import httpx

from app.observability.http import HttpClient


class PaymentDeclinedError(Exception):
    """The payer's money is refused."""


class PaymentUnavailableError(Exception):
    """Payments gave no answer that can be used."""


@dataclass(frozen=True)
class Payments:
    """Calls payments through the service's shared client."""

    http: HttpClient
    url: str

    async def pay(self, order_id: UUID, amount_cents: int) -> str:
        """Have an order paid and return the payment's id.

        Raises PaymentDeclinedError, and PaymentUnavailableError when it is unknown whether the
        order was paid.
        """
        body = {"order_id": str(order_id), "amount_cents": amount_cents}
        try:
            response = await self.http.post(f"{self.url}/payments", json=body)
        except httpx.TransportError as error:
            raise PaymentUnavailableError from error
        if response.status_code == 402:
            raise PaymentDeclinedError
        if response.is_error:
            raise PaymentUnavailableError
        return str(response.json()["payment_id"])

    async def check(self) -> None:
        """Raise when payments cannot be reached: without it, no order can be taken."""
        (await self.http.get(f"{self.url}/healthz")).raise_for_status()
