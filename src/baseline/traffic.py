"""Requests to orders: good, slow, declined and failing ones, some from a traced caller."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import httpx

VENDOR_STATE: Final = "vendor=demo"


@dataclass(frozen=True)
class Sent:
    """One request that was answered; `trace_id` is the caller's own where it had one."""

    kind: str
    status: int
    expected: int
    trace_id: str
    inbound: bool


# amount in cents -> what the payment provider of the example does with it
KINDS: Final = {
    "good": (1000, 201),
    "slow": (1020, 201),
    "declined": (1040, 402),
    "failing": (1050, 502),
}
PLAN: Final = (
    "good",
    "good",
    "slow",
    "good",
    "declined",
    "failing",
    "good",
    "good",
    "failing",
    "good",
)


def send(orders_url: str) -> Iterator[Sent]:
    """Send the requests one after the other and yield each when it is answered.

    Every other one comes from a caller with a trace of its own (W3C traceparent and tracestate).
    Raises httpx.HTTPError when orders cannot be reached.
    """
    with httpx.Client(base_url=orders_url, timeout=10, trust_env=False) as client:
        for number, kind in enumerate(PLAN):
            amount, expected = KINDS[kind]
            trace_id, headers = "", {}
            if number % 2 == 0:
                trace_id = secrets.token_hex(16)
                headers = {
                    "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01",
                    "tracestate": VENDOR_STATE,
                }
            body = {"item": "book", "amount_cents": amount}
            response = client.post("/orders", json=body, headers=headers)
            answered = response.headers.get("traceresponse", "").split("-")
            own = answered[1] if len(answered) == 4 else ""
            yield Sent(kind, response.status_code, expected, trace_id or own, bool(trace_id))
